#!/usr/bin/env bash
# Guess: while a TAP job runs for an hour, astroquery asks for its phase at growing intervals, as pyvo does: at most every
#   two minutes in the end, about 50 requests. A suspended job, which goes on later, is waited for.
# Package: astroquery 0.4.11, Python 3.11
# Behaviour: the phase is asked for every half second, however long the job takes; there is no option for it. A job that
#   is suspended counts as ended: its results are asked for at once, and the call fails because there are none yet.
# Seen: 7,201 requests for the phase in an hour of simulated time; suspended: results asked for after 0 s (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astroquery==0.4.11'
cat > "$folder/show.py" <<'PY'
import contextlib
import io
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

warnings.simplefilter("ignore")
from astroquery.utils.tap.core import TapPlus
from astroquery.utils.tap.model import job as jobs

TABLE = b"""<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">
<TABLE><FIELD name="a" datatype="int"/><DATA><TABLEDATA><TR><TD>1</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
state = {"now": 0.0, "phase": "", "phases": 0, "results at": None}


class Service(BaseHTTPRequestHandler):
    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(303, Location=f"http://127.0.0.1:{server.server_port}/tap/async/1")

    def do_GET(self):
        if self.path.endswith("/phase"):
            state["phases"] += 1
            phase = state["phase"] or ("COMPLETED" if state["now"] >= 3600 else "EXECUTING")
            self.answer(200, phase.encode(), **{"Content-Type": "text/plain"})
        elif "/results" in self.path:
            state["results at"] = state["now"]
            self.answer(404 if state["phase"] else 200, TABLE, **{"Content-Type": "application/x-votable+xml"})
        else:
            self.answer(404)

    def log_message(self, *_):
        pass


class Time:
    @staticmethod
    def sleep(seconds):
        state["now"] += seconds


jobs.time = Time
server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
tap = TapPlus(url=f"http://127.0.0.1:{server.server_port}/tap")
for phase in ("", "SUSPENDED"):
    state.update({"now": 0.0, "phase": phase, "phases": 0, "results at": None})
    outcome = "failed"
    with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
        outcome = f"{len(tap.launch_job_async('SELECT a FROM t').get_results())} row"
    print(f"{phase or 'an hour'}: {state['phases']} requests, results asked for at {state['results at']:.0f} s, {outcome}")
PY
seen=$(no_proxy=127.0.0.1 "$folder/venv/bin/python" "$folder/show.py" 2> "$folder/err") || { cat "$folder/err"; exit 1; }
printf '%s\n' "$seen"
expected='an hour: 7201 requests, results asked for at 3600 s, 1 row
SUSPENDED: 1 requests, results asked for at 0 s, failed'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
