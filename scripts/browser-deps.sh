#!/usr/bin/env bash
# Sees to the browser in which the dashboard is tested, and prints its path. Safe to run again at any time.
#
# One that is there is taken: $CHROMIUM, else chromium or Chrome on the PATH. Debian and Ubuntu (as root, or with sudo)
# get the package chromium. Elsewhere Playwright fetches its own build into its cache.
set -euo pipefail
cd "$(dirname "$0")/../dashboard/stories"

found() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    # Ubuntu's chromium-browser may be a note that it is a snap: only one that tells its version runs.
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && "$name" --version >/dev/null 2>&1; then
      command -v "$name"
      return
    fi
  done
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

found && exit
if grep -qs '^ID=debian' /etc/os-release; then
  {
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
  } >&2
  found && exit
fi
npx --no-install playwright install chromium >&2
node -e 'console.log(require("@playwright/test").chromium.executablePath())'
