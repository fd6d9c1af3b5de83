#!/bin/sh
# A pull worker in curl and jq. It handles messages of type "demo": prints their id, and fails those whose payload says so.
#
#   SYMPHONY_SERVER=http://127.0.0.1:8080 SYMPHONY_API_KEY=sym_… ./worker.sh
#
# One message at a time, with a lease that is much longer than the work. SIGTERM lets it finish the message in hand.
set -u
: "${SYMPHONY_SERVER:?}" "${SYMPHONY_API_KEY:?}"

stopping=
trap 'stopping=yes' TERM INT

# call PATH BODY prints the answer, and fails where there is none or it is no success. A lost lease is no failure: the
# message is somebody else's by now.
call() {
  answer=$(curl -s --max-time 40 -X POST "$SYMPHONY_SERVER/api/symphony/$1" \
    -H "Authorization: Bearer $SYMPHONY_API_KEY" -H 'Content-Type: application/json' -d "$2") || return 1
  printf '%s' "$answer" | jq -e '.success == true or .code == "lease_lost"' >/dev/null 2>&1 || return 1
  printf '%s' "$answer"
}

# settle tries to tell a result until it is heard: the lease leaves time for it.
settle() {
  for delay in 1 1 2 4 8; do
    call "$1" "$2" >/dev/null && return
    sleep "$delay"
  done
  echo "the result could not be told; the message comes again" >&2
}

pause=1
while [ -z "$stopping" ]; do
  answer=$(call receive '{"max": 1, "wait": 2000, "lease": 60000}')
  if [ -z "$answer" ]; then
    sleep "$pause"
    pause=$((pause < 8 ? pause * 2 : 8))
    continue
  fi
  pause=1
  message=$(printf '%s' "$answer" | jq -c '.messages[0] // empty')
  [ -n "$message" ] || continue
  receipt=$(printf '%s' "$message" | jq -r .receipt)
  if [ "$(printf '%s' "$message" | jq -r '.payload.fail // false')" = true ]; then
    settle nack "$(jq -nc --arg receipt "$receipt" '{receipt: $receipt, error: "the payload says fail", errorClass: "told_to"}')"
  else
    printf '%s' "$message" | jq -r '"handled " + .id'
    settle ack "$(jq -nc --arg receipt "$receipt" '{receipts: [$receipt]}')"
  fi
done
