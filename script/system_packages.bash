# Sourced by script/demo and script/test, after running.bash: what no Python or npm package brings, installed with apt-get where that is possible.

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

can_install() { command -v apt-get >/dev/null && as_root true 2>/dev/null; }

# Installs Debian packages without letting their services start; restores what decided that before.
apt_install() {
  can_install || return 1
  local policy=/usr/sbin/policy-rc.d saved=/usr/sbin/policy-rc.d.before-hareline status=0
  say "installing $* with apt-get"
  if as_root test -e "$saved"; then as_root mv "$saved" "$policy"; fi # an earlier run was killed meanwhile
  if as_root test -e "$policy"; then as_root mv "$policy" "$saved"; fi
  printf '#!/bin/sh\nexit 101\n' | as_root sh -c "cat >$policy && chmod 755 $policy"
  apt_get_install "$@" || { as_root apt-get update -qq >&2 && apt_get_install "$@"; } || status=$?
  as_root rm -f "$policy"
  if as_root test -e "$saved"; then as_root mv "$saved" "$policy"; fi
  return "$status"
}

apt_get_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 </dev/null; }

find_rabbitmq() { .venv/bin/python -c 'from script.rabbitmq_machine import find_server; find_server()' 2>/dev/null; }

need_rabbitmq() {
  if find_rabbitmq; then return; fi
  if run apt_install rabbitmq-server && find_rabbitmq; then
    # The package would start its own broker at the next boot of the machine
    if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet rabbitmq-server >&2 || true; fi
    return
  fi
  fail "RabbitMQ is missing and can't be installed from here. Install it and start again:
  Debian, Ubuntu   sudo apt-get install rabbitmq-server
  macOS            brew install rabbitmq
Or run one with Docker and let script/server watch it:
  docker run -d -p 5672:5672 -p 15672:15672 rabbitmq:management
  HARELINE_BROKERS=http://guest:guest@127.0.0.1:15672 script/server"
}

# The headless shell first: the same engine in a third of the processor time
find_chromium() { command -v chromium-headless-shell || command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null

need_chromium() {
  if command -v chromium-headless-shell >/dev/null; then return; fi
  if find_chromium && ! apt-cache show chromium-headless-shell >/dev/null 2>&1; then return; fi
  for package in chromium-headless-shell chromium; do
    run apt_install "$package" || true
    if find_chromium; then return; fi
  done
  fail "Chromium is missing and can't be installed from here (Debian: sudo apt-get install chromium; macOS: brew install --cask chromium)."
}

# Reads what Hareline exports: promtool checks it, Prometheus itself receives what is written to it
need_prometheus() {
  if command -v promtool >/dev/null && command -v prometheus >/dev/null; then return; fi
  if run apt_install prometheus && command -v promtool >/dev/null && command -v prometheus >/dev/null; then
    if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet prometheus >&2 || true; fi
    return
  fi
  fail "Prometheus is missing and can't be installed from here (Debian: sudo apt-get install prometheus; macOS: brew install prometheus)."
}

# For the browser's tests behind a proxy
need_nginx() {
  if command -v nginx >/dev/null; then return; fi
  if run apt_install nginx-light && command -v nginx >/dev/null; then
    if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet nginx >&2 || true; fi
    return
  fi
  fail "nginx is missing and can't be installed from here (Debian: sudo apt-get install nginx-light; macOS: brew install nginx)."
}

find_postgresql() { .venv/bin/python -c 'from script.postgresql_server import find_programs; find_programs()' 2>/dev/null; }

need_postgresql() {
  if find_postgresql; then return; fi
  if run apt_install postgresql && find_postgresql; then
    if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet postgresql >&2 || true; fi
    return
  fi
  fail "PostgreSQL is missing and can't be installed from here (Debian: sudo apt-get install postgresql; macOS: brew install postgresql@15)."
}
