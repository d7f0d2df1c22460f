# shellcheck shell=bash
# What every script here shares: messages, waiting, and obtaining commands that
# a bare machine lacks. Sourced, never run.

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  note "$*"
  exit 1
}
is_root() { [[ $(id -u) == 0 ]]; }

# wait_until SECONDS COMMAND... polls every 50 ms until COMMAND succeeds.
wait_until() {
  local deadline=$((SECONDS + $1 + 1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# need COMMAND=PACKAGE[,PACKAGE]... makes sure that each command exists. Root on a
# Debian-like machine installs what is missing; anyone else is told all of it at once.
need() {
  local pair missing=() commands=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null && continue
    commands+=("${pair%%=*}")
    IFS=, read -ra packages <<<"${pair#*=}"
    missing+=("${packages[@]}")
  done
  ((${#missing[@]})) || return 0
  if is_root && command -v apt-get >/dev/null; then
    note "installing ${missing[*]}"
    if ! { apt_quiet update && apt_quiet install -y --no-install-recommends "${missing[@]}"; }; then
      die "could not install ${missing[*]}"
    fi
    hash -r
    return 0
  fi
  die "missing: ${commands[*]} (Debian packages: ${missing[*]}); install them and try again"
}

# apt_quiet runs apt-get without questions and shows its output only when it fails.
apt_quiet() {
  local out
  out=$(DEBIAN_FRONTEND=noninteractive apt-get -q "$@" 2>&1 </dev/null) || {
    printf '%s\n' "$out" >&2
    return 1
  }
}

# free_port prints a port of 127.0.0.1 that nothing listens on, below the range
# that the kernel hands out to outgoing connections.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    if ! listens 127.0.0.1 "$port"; then
      printf '%s\n' "$port"
      return 0
    fi
  done
  return 1
}

# listens HOST PORT succeeds when a TCP connection is accepted.
# shellcheck disable=SC2016 # the inner shell expands
listens() { timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; }
