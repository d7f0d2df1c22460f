# shellcheck shell=bash
# Redis 8, for vector sets. A redis-server of version 8 on the PATH is used; otherwise
# Debian 13's packages are unpacked into a private folder with the libraries that they
# need, and started through their own dynamic loader.

redis_suite=trixie

redis_on_path() { [[ $(redis-server --version 2>/dev/null) =~ v=([0-9]+) ]] && ((BASH_REMATCH[1] >= 8)); }

redis_package() {
  fetched "redis-$redis_suite" || need apt-get=apt dpkg-deb=dpkg
  package "redis-$redis_suite" redis_fetch
}

redis_fetch() {
  debian_packages "$redis_suite" "$1" redis-server redis-tools libc6 libssl3t64 libjemalloc2 liblzf1 \
    libsystemd0 libstdc++6 libgcc-s1 libatomic1 zlib1g libzstd1 libcap2
}

redis_start() {
  local home libraries data command=(redis-server)
  if ! redis_on_path; then
    home=$(redis_package)
    libraries=$home/usr/lib/$(gnu_triplet)
    # The binary looks at the name it was called by: keep redis-server as it is.
    command=("$(echo "$libraries"/ld-linux-*.so.*)" --library-path "$libraries" "$home/usr/bin/redis-server")
  fi
  data=$(service_dir redis)
  new_port redis
  launch redis "${command[@]}" --port "$(port_of redis)" --bind 127.0.0.1 --dir "$data" --appendonly yes --save '' \
    --daemonize no
}

redis_ready() {
  # shellcheck disable=SC2016 # the inner shell expands
  [[ $(timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"; printf "PING\r\n" >&3; read -r -t 1 answer <&3; echo "$answer"' \
    "$(port_of redis)" 2>/dev/null) == +PONG* ]]
}

redis_stop() { stop redis TERM; }
redis_url() { printf 'redis://127.0.0.1:%s/0\n' "$(port_of redis)"; }
