#!/usr/bin/env bash
# Writes what goes into packages beside the program into bin/release: manual pages, and completions for shells.
#
#   scripts/release-files.sh [PROGRAM]
#
# PROGRAM is the program, built for this machine. It is built where it is not given.
set -euo pipefail
cd "$(dirname "$0")/.."
out=bin/release
rm -rf "$out"
mkdir -p "$out/man" "$out/completions"
MANUAL="$PWD/$out/man" CGO_ENABLED=0 GOFLAGS=-trimpath go test -count=1 -run '^TestManual$' ./cmd/symphony
gzip --no-name --best "$out"/man/*.1
program=${1:-}
if [ -z "$program" ]; then
  program=$out/symphony
  CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -o "$program" ./cmd/symphony
fi
for shell in bash zsh fish powershell; do
  "$program" completion "$shell" > "$out/completions/symphony.$shell"
done
rm -f "$out/symphony"
