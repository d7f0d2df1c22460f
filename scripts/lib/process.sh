# shellcheck shell=bash
# The service area: its folder, and the processes that run in it. A process is known
# by its id together with its start time, so that an id that was used again is never
# taken for ours.

# use_area sets AREA, the folder of packages, data, logs and pid files, and takes the
# lock that makes concurrent calls wait for each other. Root's services run as nobody,
# who must be able to reach the folder; when the repository lies where nobody cannot
# go, the area moves to the temporary folder.
use_area() {
  [[ $(uname -s) == Linux ]] ||
    die "starts services on Linux only; elsewhere set TEST_DATABASE_URL, TEST_REDIS_URL, TEST_REDIS7_URL and TEST_KAFKA_BROKERS to running ones"
  umask 022
  AREA=${TOLLGATE_SERVICES_DIR:-$ROOT/.services}
  if is_root; then
    command -v setpriv >/dev/null || die "missing: setpriv (Debian package: util-linux)"
    AS_SERVICE=(setpriv --reuid=nobody --regid="$(id -gn nobody)" --clear-groups)
  else
    AS_SERVICE=()
  fi
  mkdir -p "$AREA"
  if ! "${AS_SERVICE[@]}" test -x "$AREA"; then
    [[ -z ${TOLLGATE_SERVICES_DIR:-} ]] ||
      die "user nobody, who runs the services for root, cannot reach TOLLGATE_SERVICES_DIR=$AREA"
    rmdir "$AREA" 2>/dev/null || true
    AREA=${TMPDIR:-/tmp}/tollgate-services-$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)
    mkdir -p "$AREA"
    "${AS_SERVICE[@]}" test -x "$AREA" || die "user nobody cannot reach $AREA either; set TOLLGATE_SERVICES_DIR"
  fi
  # In a shared temporary folder somebody else could have made it first.
  [[ -O $AREA ]] || die "$AREA belongs to another user"
  AREA=$(cd "$AREA" && pwd -P)
  mkdir -p "$AREA"/{packages,data,log,run}
  exec 9>"$AREA/run/lock"
  flock -w 300 9 || die "another scripts/services has held $AREA/run/lock for five minutes"
}

# service_dir NAME prints the service's data folder, made for the user who runs it.
service_dir() {
  local dir=$AREA/data/$1
  mkdir -p "$dir"
  is_root && chown "nobody:$(id -gn nobody)" "$dir"
  chmod 700 "$dir"
  printf '%s\n' "$dir"
}

start_time() { awk '{ sub(/^.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }
is_vanished() { [[ ! -d /proc/$1 ]]; }
is_zombie() { grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"; }

# pid_of NAME prints the service's process id; fails unless it is alive and ours.
pid_of() {
  local pid since
  [[ -f $AREA/run/$1.pid ]] && read -r pid since <"$AREA/run/$1.pid" || return 1
  [[ -n $since && $(start_time "$pid") == "$since" ]] && ! is_zombie "$pid" && printf '%s\n' "$pid"
}
is_up() { pid_of "$1" >/dev/null; }
is_gone() { ! is_up "$1"; }

# launch NAME COMMAND... starts COMMAND apart from this terminal, as nobody when we
# are root. Every wrapper ends in exec, so the id is the service's own.
launch() {
  local name=$1 pid
  shift
  [[ -f $AREA/log/$name.log ]] && mv -f "$AREA/log/$name.log" "$AREA/log/$name.log.1"
  (cd "$AREA/data/$name" && exec setsid "${AS_SERVICE[@]}" "$@" >"$AREA/log/$name.log" 2>&1 </dev/null 8>&- 9>&-) &
  pid=$!
  disown "$pid"
  printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$AREA/run/$name.pid"
}

# port_of NAME prints the port on record; new_port NAME puts a free one there unless
# the old one is still free, so that addresses stay as they were where they can.
port_of() { cat "$AREA/run/$1.port" 2>/dev/null; }
new_port() {
  local port
  port=$(port_of "$1") && [[ -n $port ]] && ! listens 127.0.0.1 "$port" && return 0
  port=$(free_port) || die "found no free port for $1"
  printf '%s\n' "$port" >"$AREA/run/$1.port"
}

# signal_all NAME SIGNAL signals the service and then its children, so that it makes no
# others meanwhile. Fails unless it runs.
signal_all() {
  local pid
  pid=$(pid_of "$1") || return 1
  kill -s "$2" "$pid" 2>/dev/null || true
  children_of "$pid" | while read -r pid; do kill -s "$2" "$pid" 2>/dev/null || true; done
}

children_of() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v of="$1" '{ pid = $1; sub(/^.*\) /, ""); if ($2 == of) print pid }' || true
}

# stop NAME SIGNAL asks the service to end, waits, and kills it when it does not.
stop() {
  local name=$1 signal=$2 pid
  if pid=$(pid_of "$name"); then
    kill -s "$signal" "$pid" 2>/dev/null || true
    signal_all "$name" CONT || true # what is paused hears nothing
    if ! wait_until 30 is_gone "$name"; then
      note "$name ignored SIG$signal for 30 s: killing it"
      kill -s KILL "$pid" 2>/dev/null || true
      wait_until 10 is_gone "$name" || die "$name (pid $pid) does not end"
    fi
  fi
  rm -f "$AREA/run/$name.pid"
}
