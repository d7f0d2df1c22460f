# shellcheck shell=bash
# Redis 8, for vector sets, and Redis 7, the oldest that will do. A redis-server of that
# version on the PATH is used; otherwise the packages of the Debian release that has it are
# unpacked into a private folder with the libraries that they need, and started through their
# own dynamic loader.

declare -A REDIS_SUITE=([redis]=trixie [redis7]=bookworm)
declare -A REDIS_VERSIONS=([redis]='^([89]|[1-9][0-9])$' [redis7]='^7$')
declare -A REDIS_LIBRARIES=(
  [redis]='libc6 libssl3t64 libjemalloc2 liblzf1 libsystemd0 libstdc++6 libgcc-s1 libatomic1 zlib1g libzstd1 libcap2'
  [redis7]='libc6 libssl3 libjemalloc2 liblzf1 libsystemd0 libgcc-s1 libatomic1 libzstd1 libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5'
)

# redis_on_path NAME tells whether the machine's own redis-server is of the service's version.
redis_on_path() {
  [[ $(redis-server --version 2>/dev/null) =~ v=([0-9]+) && ${BASH_REMATCH[1]} =~ ${REDIS_VERSIONS[$1]} ]]
}

# redis_package NAME prints the folder of the service's packages.
redis_package() {
  local suite=${REDIS_SUITE[$1]}
  fetched "redis-$suite" || need apt-get=apt dpkg-deb=dpkg
  package "redis-$suite" "$1_fetch"
}

redis_fetch() { redis_packages redis "$1"; }
redis7_fetch() { redis_packages redis7 "$1"; }
redis_packages() {
  local libraries
  read -ra libraries <<<"${REDIS_LIBRARIES[$1]}"
  debian_packages "${REDIS_SUITE[$1]}" "$2" redis-server redis-tools "${libraries[@]}"
}

redis_start() { start_redis redis; }
redis7_start() { start_redis redis7; }
start_redis() {
  local name=$1 home libraries data command=(redis-server)
  if ! redis_on_path "$name"; then
    home=$(redis_package "$name")
    libraries=$home/usr/lib/$(gnu_triplet)
    # Older releases have the loader beside /usr. The binary looks at the name it was called
    # by: keep redis-server as it is.
    command=("$(find "$libraries" "$home/lib/$(gnu_triplet)" -name 'ld-linux-*.so.*' 2>/dev/null | head -n 1)"
      --library-path "$libraries:$home/lib/$(gnu_triplet)" "$home/usr/bin/redis-server")
  fi
  data=$(service_dir "$name")
  new_port "$name"
  launch "$name" "${command[@]}" --port "$(port_of "$name")" --bind 127.0.0.1 --dir "$data" --appendonly yes --save '' \
    --daemonize no
}

redis_ready() { redis_answers redis; }
redis7_ready() { redis_answers redis7; }
redis_answers() {
  # shellcheck disable=SC2016 # the inner shell expands
  [[ $(timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"; printf "PING\r\n" >&3; read -r -t 1 answer <&3; echo "$answer"' \
    "$(port_of "$1")" 2>/dev/null) == +PONG* ]]
}

redis_stop() { stop redis TERM; }
redis7_stop() { stop redis7 TERM; }
redis_url() { printf 'redis://127.0.0.1:%s/0\n' "$(port_of redis)"; }
redis7_url() { printf 'redis://127.0.0.1:%s/0\n' "$(port_of redis7)"; }
