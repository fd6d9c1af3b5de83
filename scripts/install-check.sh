#!/usr/bin/env bash
# Installs what "make release-snapshot" has made as a user would, and says where it does not work: the deb (installed, upgraded
# with messages in the database, removed, purged), the container image (unpacked, run without anything else and without
# being able to write), the npm packages (in an empty folder).
#
# Each runs in a root file system of its own, which is thrown away; nothing of this machine is changed. It needs Debian or
# Ubuntu, Node with npm, and root or user namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" != inside ]; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(--map-root-user)
  exec unshare "${as_root[@]}" --mount --pid --fork --kill-child "$0" inside
fi

fail() {
  echo "install-check: $*" >&2
  exit 1
}

arch=$(dpkg --print-architecture)
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/workdir" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/workdir" "$work/root"
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
mkdir -p "$work/root/run"
mount -t tmpfs tmpfs "$work/root/run"

# until COMMAND succeeds, for ten seconds
until_true() {
  local n
  for n in $(seq 100); do
    if "$@" > /dev/null 2>&1; then return; fi
    read -rt 0.1 <> <(:) || true
  done
  "$@"
}

# server ROOT USER COMMAND… starts a server within a root file system, waits for it, and sets $server.
server() {
  local root=$1 user=$2
  shift 2
  chroot --userspec="$user" "$root" "$@" > "$work/server.log" 2>&1 &
  server=$!
  until_true curl -fsS "http://127.0.0.1:$port/readyz" || { cat "$work/server.log" >&2; fail "the server does not start"; }
}

stop() {
  kill "$server"
  wait "$server" || fail "the server ended with $?: $(cat "$work/server.log")"
}

dispatch() { # KEY
  curl -fsS "http://127.0.0.1:$port/api/symphony/dispatch" -H "Authorization: Bearer $1" -H "Content-Type: application/json" \
    -d '{"message": {"type": "order.paid", "payload": {"order": 42}}, "options": {"delay": 3600000}}' > /dev/null
}

port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')

echo "== the deb"
deb=$(ls dist/symphony_*_"$arch".deb)
cp "$deb" "$work/root/tmp/old.deb"
in_root() { chroot "$work/root" "$@"; }
in_root dpkg -i /tmp/old.deb
in_root dpkg --verify symphony
in_root man -w symphony > /dev/null 2>&1 || in_root test -s /usr/share/man/man1/symphony.1.gz
in_root test -s /usr/share/bash-completion/completions/symphony
in_root systemd-analyze verify /usr/lib/systemd/system/symphony.service
in_root systemd-analyze security --offline=yes --threshold=20 /usr/lib/systemd/system/symphony.service > /dev/null ||
  fail "the unit is more exposed than 2.0: $(in_root systemd-analyze security --offline=yes /usr/lib/systemd/system/symphony.service | tail -1)"
[ "$(in_root stat -c '%U %a' /var/lib/symphony)" = "symphony 700" ] || fail "/var/lib/symphony is open to others"
as_service() { chroot --userspec=symphony:symphony "$work/root" "$@"; }
database=(--config /etc/symphony/symphony.yaml)
as_service /usr/bin/symphony migrate "${database[@]}" > /dev/null
key=$(as_service /usr/bin/symphony keys create ops --scopes admin "${database[@]}" --json | node -p 'JSON.parse(require("fs").readFileSync(0)).secret')
serve=(/usr/bin/symphony serve --config /etc/symphony/symphony.yaml --no-first-key --addr "127.0.0.1:$port")
server "$work/root" symphony:symphony "${serve[@]}"
dispatch "$key"
stop
echo "# changed by hand" >> "$work/root/etc/symphony/symphony.yaml"

in_root dpkg-deb -R /tmp/old.deb /tmp/next
in_root sed -i 's/^Version: .*/Version: 999.0.0/' /tmp/next/DEBIAN/control
in_root dpkg-deb --root-owner-group -Znone -b /tmp/next /tmp/new.deb > /dev/null
in_root dpkg -i /tmp/new.deb
grep -q "changed by hand" "$work/root/etc/symphony/symphony.yaml" || fail "an upgrade overwrites the configuration"
server "$work/root" symphony:symphony "${serve[@]}"
waiting=$(as_service /usr/bin/symphony status "${database[@]}" --json | node -p 'JSON.parse(require("fs").readFileSync(0)).transports[0].queue.depth')
[ "$waiting" = 1 ] || fail "$waiting messages after the upgrade, not 1"
stop

in_root dpkg -r symphony
[ ! -e "$work/root/usr/bin/symphony" ] || fail "the program stays when the package is removed"
[ -e "$work/root/var/lib/symphony/symphony.db" ] || fail "removing the package deletes the messages"
in_root dpkg -P symphony
[ ! -e "$work/root/var/lib/symphony" ] && [ ! -e "$work/root/etc/symphony" ] || fail "purging the package leaves something behind"

echo "== the image"
image=$work/image
mkdir "$image" "$work/layout"
tar -xf dist/symphony-image.tar -C "$work/layout"
node - "$work/layout" "$arch" > "$work/image.json" <<'JS'
const fs = require("fs"), [, , folder, arch] = process.argv;
const blob = (digest) => `${folder}/blobs/${digest.replace(":", "/")}`;
const read = (path) => JSON.parse(fs.readFileSync(path));
const index = read(`${folder}/index.json`);
const one = read(blob(index.manifests.find((m) => m.platform.architecture === arch).digest));
console.log(JSON.stringify({
  config: read(blob(one.config.digest)).config,
  layers: one.layers.map((l) => blob(l.digest)),
  size: one.layers.reduce((sum, l) => sum + l.size, 0),
}));
JS
of_image() { node -p "const i = JSON.parse(require('fs').readFileSync('$work/image.json')); $1"; }
echo "compressed: $(of_image 'i.size') bytes"
[ "$(of_image 'i.size < 40e6')" = true ] || fail "the image has more than 40 MB"
[ "$(of_image 'i.config.User')" = 65532:65532 ] || fail "the image runs as root"
of_image 'i.config.Healthcheck.Test[0]' | grep -q CMD || fail "the image has no health check"
tar -xzf "$(of_image 'i.layers[0]')" -C "$image"
# As an engine would with --read-only and --tmpfs /tmp: nothing else but the volume can be written.
mount --bind "$image" "$image"
mkdir "$work/data"
mount --bind "$work/data" "$image/data"
chown 65532:65532 "$work/data"
mount -t tmpfs -o mode=1777 tmpfs "$image/tmp"
mount -o remount,ro,bind "$image"
inside() { env -i PATH=/usr/bin "$(command -v chroot)" --userspec=65532:65532 "$image" "$@"; }
inside /usr/bin/symphony migrate --database /data/symphony.db > /dev/null
key=$(inside /usr/bin/symphony keys create ops --scopes admin --database /data/symphony.db --json | node -p 'JSON.parse(require("fs").readFileSync(0)).secret')
server "$image" 65532:65532 /usr/bin/symphony serve --addr "0.0.0.0:$port" --no-first-key --database /data/symphony.db
dispatch "$key"
inside /usr/bin/symphony health --database /data/symphony.db > /dev/null || fail "the health check fails"
stop
if inside /usr/bin/symphony migrate --database /elsewhere.db 2> /dev/null; then fail "the root of the image can be written"; fi

echo "== the npm packages"
mkdir "$work/npm" "$work/app"
for package in dist/npm/cli "dist/npm/cli-linux-$(node -p process.arch)"; do
  npm pack --silent --pack-destination "$work/npm" "./$package" > /dev/null
done
cd "$work/app"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund "$work"/npm/*.tgz
npx --no-install symphony version
node_modules/.bin/symphony serve --addr "127.0.0.1:$port" > server.log 2>&1 &
server=$!
until_true curl -fsS "http://127.0.0.1:$port/readyz" || { cat server.log; fail "the server of the npm package does not start"; }
dispatch "$(grep -o 'sym_[a-z0-9_]*' server.log | head -1)"
kill "$server"
wait "$server" || fail "the server of the npm package ended with $?"
echo "all is installed as it should be"
