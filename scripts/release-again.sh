#!/usr/bin/env bash
# Makes the release in dist/ once more, of a clone elsewhere, and fails unless both are the same, byte for byte.
#
#   scripts/release-again.sh VERSION [PLATFORM]
set -euo pipefail
cd "$(dirname "$0")/.."
[ -z "$(git status --porcelain)" ] || { echo "release-again: commit first: a clone has only what is committed" >&2; exit 1; }
here=$PWD
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
git clone --quiet "$here" "$elsewhere/a clone"
(cd "$elsewhere/a clone" && "$here/bin/make-release" -version "$1" -only "${2:-}" -sbom "$here/bin/cyclonedx-gomod")
diff "$here/dist/checksums.txt" "$elsewhere/a clone/dist/checksums.txt"
echo "both are the same"
