#!/usr/bin/env bash
# Guess: an interrupted download, announced with Content-Length 100 and ended after 10 bytes, fails under each mock
#   library as it does against a server: requests 2.32 and later raises an error, and so does httpx.
# Package: requests-mock 1.12.1, respx 0.23.1, responses 0.26.3; requests 2.34.2, httpx 0.28.1, urllib3 2.8.0,
#   Python 3.11
# Behaviour: requests-mock and respx hand over the 10 bytes as a complete answer. responses fails as the server does. A
#   test of what a client does with half a file tests nothing under the first two.
# Reason: the check is in the code that reads from the connection; those two put the body in above it.
# Seen: server ChunkedEncodingError and RemoteProtocolError; responses ChunkedEncodingError; requests-mock and respx
#   10 bytes (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'requests-mock==1.12.1' 'respx==0.23.1' 'responses==0.26.3' \
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

half = b"x" * 10
whole = {"Content-Length": "100"}


class Cut(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(half)

    def log_message(self, *_: object) -> None:
        pass


def show(label: str, get: Callable, url: str) -> None:
    try:
        print(label, len(get(url).content), "bytes")
    except (requests.RequestException, httpx.HTTPError) as error:
        print(label, type(error).__name__)


url = "http://mock.test/file"
with HTTPServer(("127.0.0.1", 0), Cut) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for label, get in (("server requests", requests.get), ("server httpx", httpx.get)):
        show(label, get, f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
with responses.RequestsMock() as mock:
    mock.get(url, body=half, headers=whole)
    show("responses", requests.get, url)
with requests_mock.Mocker() as mock:
    mock.get(url, content=half, headers=whole)
    show("requests-mock", requests.get, url)
with respx.mock() as mock:
    mock.get(url).respond(200, content=half, headers=whole)
    show("respx", httpx.get, url)
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='server requests ChunkedEncodingError
server httpx RemoteProtocolError
responses ChunkedEncodingError
requests-mock 10 bytes
respx 10 bytes'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
