#!/bin/sh
# Installs what the benchmarks need beside Go: a C compiler for the peers' SQLite driver, and wrk for the HTTP cases.
set -eu
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
