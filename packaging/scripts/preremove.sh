#!/bin/sh
# Stops the service where the package goes, and leaves it running where a new version comes.
set -e
case "$1" in
  remove|purge|0)
    if [ -d /run/systemd/system ]; then
      systemctl disable --now symphony.service || true
    fi
    ;;
esac
