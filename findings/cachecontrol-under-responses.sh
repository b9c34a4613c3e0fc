#!/usr/bin/env bash
# Guess: CacheControl keeps an answer with "Cache-Control: max-age=60" also when responses stands in for the server, so
#   a second call does not reach it. responses lets the adapters of a session build the answers, and requests-cache
#   works with it.
# Package: CacheControl 0.14.4, responses 0.26.3, requests-cache 1.3.3, requests 2.34.2, urllib3 2.8.0, Python 3.11
# Behaviour: under responses CacheControl never stores anything; each call reaches the mock. Against a server the second
#   call is answered from the cache. A test with responses that counts calls tests the client without its cache.
# Reason: CacheControl stores an answer once the file of its body closes itself at the end, as a connection does. The
#   buffer that responses puts there stays open.
# Seen: calls that arrive of 3: CacheControl 1 at a server and 3 at responses; requests-cache 1 and 1 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'CacheControl==0.14.4' 'responses==0.26.3' 'requests-cache==1.3.3' \
    'requests==2.34.2' 'urllib3==2.8.0'
cat > "$folder/show.py" <<'PY'
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
import responses
from cachecontrol import CacheControl
from requests_cache import CachedSession

asked = 0


class Job(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        global asked
        asked += 1
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=60")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_: object) -> None:
        pass


def sessions() -> dict[str, requests.Session]:
    return {
        "CacheControl": CacheControl(requests.Session()),
        "requests-cache": CachedSession(backend="memory", cache_control=True),
    }


with HTTPServer(("127.0.0.1", 0), Job) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, session in sessions().items():
        asked = 0
        texts = [session.get(f"http://127.0.0.1:{server.server_port}/job").text for _ in range(3)]
        print(name, "server", *texts, asked)
    server.shutdown()
for name, session in sessions().items():
    with responses.RequestsMock() as mock:
        headers = {"Cache-Control": "max-age=60", "Date": formatdate(usegmt=True)}
        mock.get("http://mock.test/job", body="done", headers=headers)
        texts = [session.get("http://mock.test/job").text for _ in range(3)]
        print(name, "responses", *texts, len(mock.calls))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='CacheControl server done done done 1
requests-cache server done done done 1
CacheControl responses done done done 3
requests-cache responses done done done 1'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
