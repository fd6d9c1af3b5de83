#!/bin/sh
# Makes the user of the service. The service is started by whoever has made a key and read the configuration.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
  systemd-sysusers symphony.conf
elif ! getent passwd symphony >/dev/null 2>&1; then
  getent group symphony >/dev/null 2>&1 || groupadd --system symphony
  useradd --system --gid symphony --home-dir /var/lib/symphony --no-create-home --shell /usr/sbin/nologin symphony
fi
install -d -o symphony -g symphony -m 0700 /var/lib/symphony
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart symphony.service # an upgrade
fi
if [ "$1" = configure ] && [ -z "$2" ] || [ "$1" = 1 ]; then # the first installation, of a deb or an rpm
  cat <<'TEXT'
Symphony Messenger is installed. Make the database and a key, and start it:

  sudo -u symphony symphony migrate --config /etc/symphony/symphony.yaml
  sudo -u symphony symphony keys create ops --scopes admin --config /etc/symphony/symphony.yaml
  sudo systemctl enable --now symphony

The dashboard is at http://127.0.0.1:8080/dashboard, the configuration in /etc/symphony/symphony.yaml.
TEXT
fi
