# shellcheck shell=bash
# Packages for the service area, from the machine's own package clients as they are
# configured. Each lands complete in $AREA/packages/NAME-VERSION or not at all.

# package NAME-VERSION FETCH prints the package's folder; when it is missing, runs
# FETCH with a scratch folder to fill and moves that into place.
package() {
  local dir=$AREA/packages/$1 scratch
  if [[ ! -d $dir ]]; then
    note "fetching $1"
    scratch=$(mktemp -d "$AREA/packages/.$1.XXXXXX")
    chmod 755 "$scratch"
    "$2" "$scratch" >&2 || {
      rm -rf "$scratch"
      die "could not fetch $1"
    }
    mv "$scratch" "$dir"
  fi
  printf '%s\n' "$dir"
}

# fetched STAMP tells package() callers and `need` whether anything must be fetched.
fetched() { [[ -d $AREA/packages/$1 ]]; }

# maven GOAL ARG... runs one goal of Maven's dependency plug-in, silent unless it fails.
maven() {
  local goal=$1 out
  shift
  out=$(mvn -B -q "$@" "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:$goal" 2>&1 </dev/null) || {
    printf '%s\n' "$out" >&2
    return 1
  }
}

# debian_mirror prints the first Debian archive that the machine's apt sources name,
# in either source format.
debian_mirror() {
  { find /etc/apt/sources.list* \( -name '*.list' -o -name '*.sources' \) -exec cat {} + || true; } 2>/dev/null |
    awk '$1 != "deb" && $1 != "URIs:" { next }
         { for (i = 2; i <= NF; i++) { sub(/\/+$/, "", $i); if (!mirror && $i ~ /:\/\/.*\/debian$/) mirror = $i } }
         END { if (!mirror) exit 1; print mirror }'
}

# debian_packages SUITE DIR PACKAGE... downloads packages of another Debian release
# and unpacks them into DIR, beside the machine's own package state and without its
# hooks. Only the machine's transport settings (Acquire::…, a proxy say) are kept.
debian_packages() {
  local suite=$1 dir=$2 keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror apt deb
  shift 2
  mirror=$(debian_mirror) || {
    note "the machine's apt sources name no Debian archive"
    return 1
  }
  [[ -r $keyring ]] || {
    note "missing: $keyring (Debian package: debian-archive-keyring)"
    return 1
  }
  apt=$dir/.apt
  mkdir -p "$apt"/{parts,state/lists/partial,cache/archives/partial,debs}
  : >"$apt/status"
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$apt/sources.list"
  {
    apt-config dump | grep '^Acquire::' || true
    cat <<CONF
Dir::Etc::parts "$apt/parts";
Dir::Etc::main "/dev/null";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/parts";
Dir::Etc::preferencesparts "$apt/parts";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
APT::Sandbox::User "";
CONF
  } >"$apt/apt.conf"
  APT_CONFIG=$apt/apt.conf apt_quiet update || return 1
  (cd "$apt/debs" && APT_CONFIG=$apt/apt.conf apt_quiet download "$@") || return 1
  for deb in "$apt"/debs/*.deb; do
    dpkg-deb -x "$deb" "$dir" || return 1
  done
  rm -rf "$apt"
}

# gnu_triplet prints the name of the folder that holds this machine's C library.
gnu_triplet() {
  case $(uname -m) in
    x86_64) echo x86_64-linux-gnu ;;
    aarch64) echo aarch64-linux-gnu ;;
    *) die "no service packages are known for $(uname -m)" ;;
  esac
}
