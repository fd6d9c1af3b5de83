#!/bin/sh
# The messages stay in /var/lib/symphony until the package is purged.
set -e
if [ "$1" = purge ]; then
  rm -rf /var/lib/symphony
  rm -f /etc/symphony/environment
  rmdir /etc/symphony 2>/dev/null || true
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
