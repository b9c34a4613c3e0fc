#!/usr/bin/env bash
# Guess: vcrpy, when it compares bodies, and requests-cache, when it keeps answers to POST, take two bodies for equal
#   only if a server has to. They may sort the fields of a form or an object. A field that is sent blank is not one that
#   is left out, true is not 1, and the order of a list counts.
# Package: vcrpy 9.4.2, requests-cache 1.3.3, requests 2.34.2, urllib3 2.8.0, Python 3.11
# Behaviour: both drop blank fields of a form ("T0=&name=x" is "name=x"). vcrpy takes true for 1 in JSON. requests-cache
#   sorts a list that is the whole body, and the values of a field that is sent twice; with vcrpy their order counts. The
#   second call does not reach the server and gets the answer to the first. A client that began to leave a field out, or
#   to send it, passes its old tests.
# Reason: forms are read by a parser that drops blank fields by default, and True == 1 in Python.
# Seen: taken for equal by vcrpy: blank field, true and 1; by requests-cache: blank field, list, field sent twice
#   (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'vcrpy==9.4.2' 'requests-cache==1.3.3' 'requests==2.34.2' 'urllib3==2.8.0'
cat > "$folder/show.py" <<'PY'
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
import requests_cache
import vcr

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
PAIRS = {
    "sorted fields": (FORM, "a=1&b=2", "b=2&a=1"),
    "other value": (FORM, "a=1", "a=2"),
    "blank field": (FORM, "T0=&name=x", "name=x"),
    "field sent twice": (FORM, "a=1&a=2", "a=2&a=1"),
    "true and 1": (JSON, '{"silent": true}', '{"silent": 1}'),
    "list": (JSON, "[1, 2]", "[2, 1]"),
    "list in object": (JSON, '{"a": [1, 2]}', '{"a": [2, 1]}'),
}
got: list[str] = []


class Submit(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got.append(body.decode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def equal(session: requests.Session, kind: str, first: str, second: str) -> bool:
    """Tell whether the second body gets the answer to the first."""
    got.clear()
    answers = [session.post(url, data=body, headers={"Content-Type": kind}).text for body in (first, second)]
    assert answers == [first, second if second in got else first]
    return second not in got


with HTTPServer(("127.0.0.1", 0), Submit) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/submit"
    for name, pair in PAIRS.items():
        tape = vcr.VCR(match_on=["method", "uri", "body"], record_mode="new_episodes")
        cassette = f"{sys.argv[1]}/{name}.yaml"
        with tape.use_cassette(cassette):
            requests.post(url, data=pair[1], headers={"Content-Type": pair[0]})
        with tape.use_cassette(cassette, allow_playback_repeats=True):
            recorded = equal(requests.Session(), *pair)
        cached = equal(requests_cache.CachedSession(backend="memory", allowable_methods=["POST"]), *pair)
        print(f"{name}: vcrpy", "equal" if recorded else "differ", "requests-cache", "equal" if cached else "differ")
    server.shutdown()
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder")
printf '%s\n' "$seen"
expected='sorted fields: vcrpy equal requests-cache equal
other value: vcrpy differ requests-cache differ
blank field: vcrpy equal requests-cache equal
field sent twice: vcrpy differ requests-cache equal
true and 1: vcrpy equal requests-cache differ
list: vcrpy differ requests-cache equal
list in object: vcrpy differ requests-cache differ'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
