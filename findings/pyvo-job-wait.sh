#!/usr/bin/env bash
# Guess: `wait(timeout=60)` of a UWS job, as documented the longest time to wait, gives up after a minute. A job that the
#   service has put aside (HELD or SUSPENDED, from which UWS lets it go on) is waited for; at one that was aborted the
#   waiting ends, for ABORTED is one of the phases that it waits for by default.
# Package: pyvo 1.9.1, Python 3.11
# Behaviour: the time-out is that of each request, so a job is waited for as long as a service answers at once: here an
#   hour, in simulated time. A job in one of the three phases ends the waiting with an error that says it is not active.
# Seen: COMPLETED after 3,600 s or more; HELD, SUSPENDED and ABORTED: DALServiceError (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'pyvo==1.9.1'
cat > "$folder/show.py" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyvo.dal.tap

JOB = """<?xml version="1.0"?>
<uws:job xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" version="1.1">
<uws:jobId>1</uws:jobId><uws:phase>{}</uws:phase><uws:executionDuration>0</uws:executionDuration>
<uws:parameters/><uws:results/></uws:job>"""
simulated = {"now": 0.0, "phase": ""}


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        phase = simulated["phase"] or ("COMPLETED" if simulated["now"] >= 3600 else "EXECUTING")
        body = JOB.format(phase).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def sleep(seconds):
    simulated["now"] += seconds


pyvo.dal.tap.sleep = sleep
server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
for phase in ("", "HELD", "SUSPENDED", "ABORTED"):
    simulated.update(now=0.0, phase=phase)
    job = pyvo.dal.AsyncTAPJob(f"http://127.0.0.1:{server.server_port}/async/1", delete=False)
    try:
        job.wait(timeout=60)
        print(f"{job.phase}, an hour later: {simulated['now'] >= 3600}")
    except pyvo.dal.DALServiceError as error:
        print(f"{phase}: DALServiceError, {'not active' in str(error)}")
PY
seen=$(no_proxy=127.0.0.1 "$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='COMPLETED, an hour later: True
HELD: DALServiceError, True
SUSPENDED: DALServiceError, True
ABORTED: DALServiceError, True'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
