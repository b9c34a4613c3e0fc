#!/usr/bin/env bash
# Guess: a HEAD request has no content under responses, requests-mock and respx, also when the answer is registered with
#   the body of the GET request, as HTTP says and as a client of a server sees it whatever the server sends.
# Package: responses 0.26.3, requests-mock 1.12.1, respx 0.23.1; requests 2.34.2, httpx 0.28.1, urllib3 2.8.0,
#   Python 3.11
# Behaviour: requests-mock and respx hand over the body. responses raises ChunkedEncodingError, whose message speaks of
#   -10 bytes to come. Against a server the content is empty and Content-Length says 10, which a client needs to know
#   the size of a file before a download.
# Reason: the rule that ends an answer to HEAD after its headers is in the connection, below the mock libraries.
# Seen: server 0 bytes, length 10; requests-mock and respx 10 bytes; responses ChunkedEncodingError (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'responses==0.26.3' 'requests-mock==1.12.1' 'respx==0.23.1' \
    'requests==2.34.2' 'httpx==0.28.1' 'urllib3==2.8.0'
cat > "$folder/show.py" <<'PY'
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import requests
import requests_mock
import responses
import respx

body = b"x" * 10


class Files(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def show(label: str, head: Callable, url: str) -> None:
    try:
        answer = head(url)
        print(label, len(answer.content), "bytes, length", answer.headers.get("Content-Length"))
    except requests.RequestException as error:
        print(label, type(error).__name__)


url = "http://mock.test/file"
with HTTPServer(("127.0.0.1", 0), Files) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for label, head in (("server requests", requests.head), ("server httpx", httpx.head)):
        show(label, head, f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
with responses.RequestsMock() as mock:
    mock.head(url, body=body)
    show("responses", requests.head, url)
with requests_mock.Mocker() as mock:
    mock.head(url, content=body)
    show("requests-mock", requests.head, url)
with respx.mock() as mock:
    mock.head(url).respond(200, content=body)
    show("respx", httpx.head, url)
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='server requests 0 bytes, length 10
server httpx 0 bytes, length 10
responses ChunkedEncodingError
requests-mock 10 bytes, length None
respx 10 bytes, length 10'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
