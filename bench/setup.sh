#!/bin/sh
# Installs what the benchmarks need beside Go: a C compiler for the peers' SQLite driver, wrk for the HTTP cases, and the
# packages of the peers that run on Node 22 or newer. PostgreSQL comes by scripts/test-deps.sh.
set -eu
cd "$(dirname "$0")"
if command -v npm >/dev/null; then
  npm ci --prefix node --no-audit --no-fund --silent
else
  echo "install Node 22 or newer with npm for the peers graphile-worker and pg-boss" >&2
fi
need=
command -v wrk >/dev/null || need="$need wrk"
command -v cc >/dev/null || need="$need gcc libc6-dev"
[ -n "$need" ] || { echo "nothing to install"; exit 0; }
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "install these with your system's package manager:$need" >&2
  exit 1
fi
apt-get update -q
# shellcheck disable=SC2086 # a list
apt-get install -q -y --no-install-recommends $need
