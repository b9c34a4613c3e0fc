#!/usr/bin/env bash
# Guess: while betamax records ("new_episodes", empty cassette), each request goes to the server, so a loop that asks
#   for the state of a job sees what it would see without betamax. Another recorder, vcrpy, does so in the same mode.
# Package: betamax 0.9.0, against vcrpy 9.4.2; requests 2.34.2, urllib3 2.8.0, Python 3.11
# Behaviour: each second poll gets the answer that was recorded just before it and does not reach the server. The
#   cassette holds half of the answers. The mode "once" records them all.
# Reason: a new recording counts as not yet used, so the next equal request finds it on the tape first.
# Seen: six polls; betamax 1 1 2 2 3 3, server asked 3 times; vcrpy 1 2 3 4 5 6, asked 6 times (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'betamax==0.9.0' 'vcrpy==9.4.2' 'requests==2.34.2' 'urllib3==2.8.0'
cat > "$folder/show.py" <<'PY'
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import betamax
import requests
import vcr

folder = sys.argv[1]
asked = 0


class Job(BaseHTTPRequestHandler):
    """Answer with the number of the poll, as a job that makes progress does."""

    def do_GET(self) -> None:
        global asked
        asked += 1
        text = str(asked).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def polls(session: requests.Session) -> list[str]:
    return [session.get(url).text for _ in range(6)]


with HTTPServer(("127.0.0.1", 0), Job) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/state"
    for mode in ("once", "new_episodes"):
        asked = 0
        session = requests.Session()
        with betamax.Betamax(session, cassette_library_dir=folder).use_cassette(mode, record=mode):
            print("betamax", mode, *polls(session), "asked", asked)
        asked = 0
        with vcr.use_cassette(f"{folder}/{mode}.yaml", record_mode=mode):
            print("vcrpy", mode, *polls(requests.Session()), "asked", asked)
    server.shutdown()
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder" 2>/dev/null)
printf '%s\n' "$seen"
expected='betamax once 1 2 3 4 5 6 asked 6
vcrpy once 1 2 3 4 5 6 asked 6
betamax new_episodes 1 1 2 2 3 3 asked 3
vcrpy new_episodes 1 2 3 4 5 6 asked 6'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
