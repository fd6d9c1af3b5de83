#!/usr/bin/env python3
"""A pull worker for Python 3.8 and newer, with the standard library only.

It handles messages of type "demo": prints their id, and fails those whose payload says so.

    SYMPHONY_SERVER=http://127.0.0.1:8080 SYMPHONY_API_KEY=sym_… python3 worker.py

Four messages at a time, leases kept alive while they are handled. SIGTERM lets it finish what is in hand.
"""
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

SERVER = os.environ["SYMPHONY_SERVER"]
KEY = os.environ["SYMPHONY_API_KEY"]
CONCURRENCY = 4
LEASE = 30_000  # ms

stopping = threading.Event()


class Refused(Exception):
    """The server said no for good: asking again would not help."""


def handle(message):
    if message["payload"].get("fail"):
        raise ValueError("the payload says fail")
    print(f"handled {message['id']}\n", end="", flush=True)  # one write, so that lines of several threads stay whole


def call(path, body):
    """Return the answer, or None where a lease was lost: the message is somebody else's by now."""
    request = urllib.request.Request(
        f"{SERVER}/api/symphony/{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=40) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
        if answer.get("code") == "lease_lost":
            return None
        if error.code < 500 and error.code != 429:
            raise Refused(f"{path}: {error.code} {answer.get('error')}") from error
        stopping.wait(float(error.headers.get("Retry-After") or 0))
        raise OSError(f"{path}: {error.code}") from error


def persist(path, body):
    """Try again while the server is away, for as long as the lease may last."""
    until, pause = time.monotonic() + LEASE / 1000, 0.2
    while True:
        try:
            return call(path, body)
        except Refused as error:
            print(error, file=sys.stderr)
            return None
        except (OSError, ValueError) as error:
            if time.monotonic() > until:
                print(error, "- the message comes again", file=sys.stderr)
                return None
            time.sleep(pause)
            pause = min(pause * 2, 5)


def heartbeat(receipt, done):
    while not done.wait(LEASE / 3000):
        try:
            call("extend", {"receipts": [receipt], "lease": LEASE})
        except (OSError, ValueError, Refused):
            pass  # the next one may reach the server


def work(message):
    done = threading.Event()
    threading.Thread(target=heartbeat, args=(message["receipt"], done), daemon=True).start()
    try:
        handle(message)
    except Exception as error:  # whatever the handler raises is a failed attempt
        done.set()
        persist("nack", {"receipt": message["receipt"], "error": str(error), "errorClass": type(error).__name__})
    else:
        done.set()
        persist("ack", {"receipts": [message["receipt"]]})


def loop():
    """One of several loops, each with one message at a time."""
    pause = 0.2
    while not stopping.is_set():
        try:
            answer = call("receive", {"max": 1, "wait": 2_000, "lease": LEASE})
        except Refused as error:
            print(error, file=sys.stderr)
            stopping.set()
            return
        except (OSError, ValueError):
            stopping.wait(pause)
            pause = min(pause * 2, 10)
            continue
        pause = 0.2
        for message in answer["messages"]:
            work(message)


def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    loops = [threading.Thread(target=loop) for _ in range(CONCURRENCY)]
    for thread in loops:
        thread.start()
    for thread in loops:
        while thread.is_alive():
            thread.join(0.5)  # lets signals through


if __name__ == "__main__":
    main()
