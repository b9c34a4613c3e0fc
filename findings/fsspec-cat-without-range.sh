#!/usr/bin/env bash
# Guess: fsspec gives the asked bytes of a file at a server, also when the server answers a request for a range with
#   the whole file and status 200, as HTTP allows it to (RFC 9110, section 14.2). If not, it raises an error, as it does
#   for a file that is opened and read from its middle.
# Package: fsspec 2026.9.0, aiohttp 3.14.5, Python 3.11
# Behaviour: cat_file(start, end) and cat_ranges return the whole file, each time, without an error. Bytes 2880 to 2960,
#   say of the second header of a FITS file, are the first ones, with all the rest of the file behind them. Simple
#   servers for tests, such as the one in Python's library, do not know ranges.
# Reason: only the reader of opened files looks at the status. What came goes to the caller as it is in these two.
# Seen: of 28,800 bytes 80 were asked for: cat_file 28,800, cat_ranges 28,800, seek and read ValueError (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'fsspec==2026.9.0' 'aiohttp==3.14.5'
cat > "$folder/show.py" <<'PY'
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec

folder = Path(sys.argv[1])
(folder / "ten_blocks").write_bytes(b"".join(str(number).encode() * 2880 for number in range(10)))


class Plain(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def seek_and_read(url: str) -> bytes:
    with fsspec.open(url) as file:
        file.seek(2880)
        return file.read(80)


def show(name: str, data: bytes) -> None:
    print(name, len(data), "bytes of block", data[:1].decode())


with ThreadingHTTPServer(("127.0.0.1", 0), partial(Plain, directory=folder)) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/ten_blocks"
    web = fsspec.filesystem("http")
    show("cat_file", web.cat_file(url, start=2880, end=2960))
    show("cat_ranges", web.cat_ranges([url], [2880], [2960])[0])
    try:
        show("seek and read", seek_and_read(url))
    except ValueError:
        print("seek and read ValueError")
    show("local cat_file", fsspec.filesystem("file").cat_file(str(folder / "ten_blocks"), start=2880, end=2960))
    server.shutdown()
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder")
printf '%s\n' "$seen"
expected='cat_file 28800 bytes of block 0
cat_ranges 28800 bytes of block 0
seek and read ValueError
local cat_file 80 bytes of block 1'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
