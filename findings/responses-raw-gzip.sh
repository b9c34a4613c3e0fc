#!/usr/bin/env bash
# Guess: code that saves Response.raw of a streamed download writes the same bytes against a real server and against
#   either mock library, when the answer is gzip-coded: the compressed bytes, as the documentation of requests says.
# Package: responses 0.26.3, requests-mock 1.12.1, requests 2.34.2, urllib3 2.8.0, Python 3.11
# Behaviour: under responses the raw stream is decoded; under requests-mock and from a server it is not. A test with
#   responses passes for a program that in the field stores gzip data under a plain name.
# Reason: responses leaves urllib3's decode_content at its default (on), the adapter of requests switches it off. The
#   usual way, Response.content, gives 5000 bytes everywhere, which hides it.
# Seen: raw bytes are gzip: server True, requests-mock True, responses False (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'responses==0.26.3' 'requests-mock==1.12.1' 'requests==2.34.2' 'urllib3==2.8.0'
cat > "$folder/show.py" <<'PY'
import gzip
import io
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
import requests_mock
import responses

packed = gzip.compress(b"x" * 5000)
headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}


class Plain(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(packed))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(packed)

    def log_message(self, *_: object) -> None:
        pass


def show(label: str, url: str) -> None:
    saved = io.BytesIO()
    with requests.get(url, stream=True) as answer:
        shutil.copyfileobj(answer.raw, saved)
    print(label, saved.getvalue() == packed, len(requests.get(url).content))


with HTTPServer(("127.0.0.1", 0), Plain) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    show("server", f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
with requests_mock.Mocker() as mock:
    mock.get("http://mock.test/", content=packed, headers=headers)
    show("requests-mock", "http://mock.test/")
with responses.RequestsMock() as mock:
    mock.get("http://mock.test/", body=packed, headers=headers)
    show("responses", "http://mock.test/")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='server True 5000
requests-mock True 5000
responses False 5000'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
