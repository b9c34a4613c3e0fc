#!/usr/bin/env bash
# Guess: responses, which supports the Retry object of an HTTPAdapter, runs it as against a server: it calls again and
#   waits before that as long as Retry-After or the backoff says. A test that counts the seconds slept sees them.
# Package: responses 0.26.3, requests 2.34.2, urllib3 2.8.0, Python 3.11
# Behaviour: the calls are repeated, but time.sleep is never called, neither for Retry-After nor for the backoff. A test
#   that a client waits as long as it was asked to fails under responses for a client that is right.
# Reason: responses counts the tries with Retry.increment and leaves out Retry.sleep, which urllib3 calls after it.
# Seen: server: 3 calls, slept 7 and 7 s, with the backoff alone 4 s; responses: 3 calls, slept nothing (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'responses==0.26.3' 'requests==2.34.2' 'urllib3==2.8.0'
cat > "$folder/show.py" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

import requests
import responses
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

wait = {"Retry-After": "7"}
statuses: list[int] = []


class Busy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        statuses.append(503 if len(statuses) < 2 else 200)
        self.send_response(statuses[-1])
        for name, value in {"Content-Length": "0", **(wait if self.path == "/asks" else {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def show(label: str, url: str) -> None:
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(total=5, backoff_factor=2, status_forcelist=[503])))
    with mock.patch("time.sleep") as sleep:
        status = session.get(url).status_code
    print(label, status, "slept", *(call.args[0] for call in sleep.call_args_list))


with HTTPServer(("127.0.0.1", 0), Busy) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for path in ("asks", "silent"):
        statuses.clear()
        show(f"server {path} calls 3", f"http://127.0.0.1:{server.server_port}/{path}")
        assert len(statuses) == 3
    server.shutdown()
for path, headers in (("asks", wait), ("silent", {})):
    with responses.RequestsMock() as mocked:
        for status in (503, 503, 200):
            mocked.get(f"http://mock.test/{path}", status=status, headers=headers)
        show(f"responses {path} calls 3", f"http://mock.test/{path}")
        assert len(mocked.calls) == 3
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='server asks calls 3 200 slept 7 7
server silent calls 3 200 slept 4.0
responses asks calls 3 200 slept
responses silent calls 3 200 slept'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
