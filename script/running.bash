# Sourced by script/server, script/demo and script/test: how they print messages, and how they end what they started when they are stopped.

say() { printf 'hareline: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

running_group=""

# Runs a command as a process group of its own and waits for it, so that SIGTERM and Ctrl-C end it and its children too.
run() {
  set -m
  "$@" </dev/null &
  running_group=$!
  set +m
  local status=0
  wait "$running_group" || status=$?
  running_group=""
  return "$status"
}

end_running() {
  trap '' TERM INT
  if [ -n "$running_group" ]; then
    kill -TERM -- "-$running_group" 2>/dev/null || true
    wait "$running_group" 2>/dev/null || true
  fi
  exit "$1"
}

# Until the supervisor takes over, a stop is no failure.
stop_quietly() { trap 'end_running 0' TERM INT; }
