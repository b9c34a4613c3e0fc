#!/usr/bin/env bash
# Guess: parfive downloads the files of two jobs with the same name (/job/1/curve.qdp, /job/2/curve.qdp) into one folder
#   as its option says. With overwrite=True one complete file is left, in place of the other. With overwrite=False a file
#   is skipped if it was there before; two of the same order are no such case, so they get two names or an error.
# Package: parfive 2.3.1, aiohttp 3.14.5, Python 3.11
# Behaviour: with True both downloads write to the same file at once. It has the length of one of them and bytes of both.
#   With False the file of job 2 is not asked for, as job 1 has just made a file of that name: the path that is
#   named for job 2 holds job 1. In both cases the result names two (equal) paths and has no errors.
# Reason: all downloads of an order run side by side. Each opens its file as soon as it knows the name, and the names of
#   one order are not compared.
# Seen: two paths, one file, no errors; True: bytes of jobs 1 and 2 in 600,000 bytes; False: job 1 only (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'parfive==2.3.1' 'aiohttp==3.14.5'
cat > "$folder/show.py" <<'PY'
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import parfive

PIECES, PIECE = {"1": 6, "2": 3}, 100_000
asked, sent = {"1": threading.Event(), "2": threading.Event()}, {"1": threading.Event(), "2": threading.Event()}
slow_head = False


class Jobs(BaseHTTPRequestHandler):
    """Send six pieces for job 1, and the three of job 2 between the first and the second of them."""

    def answer(self) -> str:
        job = self.path.split("/")[2]
        self.send_response(200)
        self.send_header("Content-Length", str(PIECES[job] * PIECE))
        self.end_headers()
        return job

    def do_HEAD(self) -> None:
        if slow_head and "/2/" in self.path:
            asked["1"].wait(20)
        self.answer()

    def do_GET(self) -> None:
        job = self.answer()
        asked[job].set()
        if not slow_head:
            asked["2" if job == "1" else "1"].wait(20)
        time.sleep(0.5 * int(job))
        for number in range(PIECES[job]):
            if (job, number) == ("1", 1):
                sent["2"].wait(0 if slow_head else 20)
                time.sleep(1)
            self.wfile.write(job.encode() * PIECE)
        sent[job].set()

    def log_message(self, *_: object) -> None:
        pass


with ThreadingHTTPServer(("127.0.0.1", 0), Jobs) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for overwrite in (True, False):
        slow_head = not overwrite
        for event in (*asked.values(), *sent.values()):
            event.clear()
        folder = Path(sys.argv[1]) / str(overwrite)
        downloader = parfive.Downloader(progress=False, overwrite=overwrite)
        for job in PIECES:
            downloader.enqueue_file(f"http://127.0.0.1:{server.server_port}/job/{job}/curve.qdp", path=folder)
        result = downloader.download()
        text = (folder / "curve.qdp").read_text()
        print(overwrite, len(result), "paths", len(list(folder.iterdir())), "file", len(result.errors), "errors", end=" ")
        print(len(text), "bytes of jobs", *sorted(set(text)))
    server.shutdown()
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder/files")
printf '%s\n' "$seen"
expected='True 2 paths 1 file 0 errors 600000 bytes of jobs 1 2
False 2 paths 1 file 0 errors 600000 bytes of jobs 1'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
