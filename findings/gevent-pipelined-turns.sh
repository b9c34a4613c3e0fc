#!/usr/bin/env bash
# Guess: connections of a gevent server take turns, also if each has sent many requests at once: after an answer the
#   loop looks who else waits, because the greenlet of a connection reads its next request from a socket.
# Package: gevent 26.9.0, Python 3.11
# Behaviour: a connection keeps its turn until none of its requests has to be waited for. Of three connections that send
#   200 small requests each, the first is answered 200 times before the second is answered once.
# Reason: a read that finds data in the buffer, or in the socket, returns without going through the loop. A quick client
#   on another processor has the same effect without pipelining: its next request is there before the loop is. A
#   gevent.sleep(0) before each request lets them take turns.
# Seen: as sent: blocks of 200 200 200; with sleep(0): every connection begins before another ends (2026-11-30)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'gevent==26.9.0'
cat > "$folder/show.py" <<'PY'
import itertools
import socket
import sys
import threading

import gevent
from gevent.pywsgi import WSGIHandler, WSGIServer

REQUESTS = 200


class InTurns(WSGIHandler):
    def read_requestline(self):
        gevent.sleep(0)
        return super().read_requestline()


def order(handler):
    """Return the paths in the order in which they were answered."""
    answered, held, all_sent = [], threading.Event(), threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/hold":  # the loop stands still until all clients have sent their requests
            held.set()
            all_sent.wait(30)
        else:
            answered.append(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Length", "1")])
        return [b"x"]

    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    listener.setblocking(False)

    def clients():
        lines = [socket.create_connection(address) for _ in range(4)]
        lines[0].sendall(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        held.wait(30)
        for name, line in zip("abc", lines[1:]):
            line.sendall(REQUESTS * f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        all_sent.set()
        for line in lines[1:]:
            left = REQUESTS
            with line.makefile("rb") as file:
                while left:
                    left -= file.readline() == b"\r\n"

    server = WSGIServer(listener, app, log=None, handler_class=handler)
    server.start()
    thread = threading.Thread(target=clients)
    thread.start()
    while thread.is_alive():
        gevent.sleep(0.01)
    server.stop()
    return answered


plain = order(WSGIHandler)
print("gevent:", *(len(list(block)) for _, block in itertools.groupby(plain)))
turns = order(InTurns)
last_begins = max(turns.index(path) for path in set(turns))
first_ends = min(len(turns) - turns[::-1].index(path) for path in set(turns))
print("with sleep(0):", "in turns" if last_begins < first_ends else "one after the other")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='gevent: 200 200 200
with sleep(0): in turns'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
