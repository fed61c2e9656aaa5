# Sourced by script/server and script/demo, after running.bash: from installed dependencies to running processes.

[ -n "${HARELINE_DATA_DIR-}" ] || { mkdir -p var && chmod 700 var; } # ours, whoever made it; a directory that was named is only checked
HARELINE_DATA_DIR=${HARELINE_DATA_DIR:-var}
mkdir -p "$HARELINE_DATA_DIR" || fail "HARELINE_DATA_DIR: $HARELINE_DATA_DIR can't be made"
HARELINE_DATA_DIR=$(cd "$HARELINE_DATA_DIR" && pwd)
HARELINE_SUPERVISOR=$$ # which this script becomes; its programs end when it is gone
export HARELINE_DATA_DIR HARELINE_SUPERVISOR PYTHONUNBUFFERED=1
.venv/bin/python -m script.supervised check

# $1: server or demo. Becomes the supervisor, so that whoever stops this script stops all.
start_supervisor() {
  local host
  HARELINE_PORT=$(.venv/bin/python -m script.supervised "$1")
  HARELINE_FIRST_PASSWORD=$(.venv/bin/python manage.py prepare)
  host=${HARELINE_HOST:-127.0.0.1}
  case "$host" in 0.0.0.0) host=127.0.0.1 ;; ::) host="[::1]" ;; *:*) host="[$host]" ;; esac
  HARELINE_PAGES="http://$host:$HARELINE_PORT"
  export HARELINE_PORT HARELINE_FIRST_PASSWORD HARELINE_PAGES
  # Programs open the output a second time, which neither a socket nor a file that the shell already writes to bears
  if ! [ -t 1 ] && ! [ -p /dev/fd/1 ]; then
    exec > >(trap '' INT TERM; exec env -i cat)
  fi
  exec .venv/bin/python -m supervisor.supervisord --configuration "$HARELINE_DATA_DIR/supervisor.conf"
}
