#!/usr/bin/env bash
# Writes what goes into packages beside the program into bin/release: manual pages, and completions for shells.
set -euo pipefail
cd "$(dirname "$0")/.."
out=bin/release
rm -rf "$out"
mkdir -p "$out/man" "$out/completions"
MANUAL="$PWD/$out/man" CGO_ENABLED=0 GOFLAGS=-trimpath go test -count=1 -run '^TestManual$' ./cmd/symphony
gzip --no-name --best "$out"/man/*.1
CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -o "$out/symphony" ./cmd/symphony
for shell in bash zsh fish powershell; do
  "$out/symphony" completion "$shell" > "$out/completions/symphony.$shell"
done
rm "$out/symphony"
