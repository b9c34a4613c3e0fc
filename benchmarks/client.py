"""This client beside the official one: import, a status call over loopback, and a large download.

    python benchmarks/client.py

Each figure is taken in new processes on one machine, in turns, so that both have the same load. The server is a
separate process that keeps connections open, as the real one does. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MIB = 1 << 20
STATUS = {
    "lc": {"statusCode": 3, "statusText": "Running", "progress": {"GotProgress": 0}},
    "OK": 1,
    "JobID": 1,
    "APIVersion": "1.12",
}
ME = "me@example.org"


# ---- the server ------------------------------------------------------------------------------------------------


def serve(folder: Path) -> None:
    """Answer status calls, and hand out files of a folder; print the port first."""
    answer = json.dumps(STATUS).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._head(len(answer))
            self.wfile.write(answer)

        def do_GET(self) -> None:
            file = folder / Path(self.path).name
            self._head(file.stat().st_size)
            with file.open("rb") as content:
                while chunk := content.read(MIB):
                    self.wfile.write(chunk)

        def _head(self, length: int) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever).start()


# ---- measurements, each in a process of its own ---------------------------------------------------------------

IMPORT = """
import resource, time
began = time.perf_counter()
import {module}
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
OURS = """
import xrt_client
service = xrt_client.Service("http://127.0.0.1:{port}")
request = xrt_client.XRTProductRequest("me@example.org", service=service)
request.addProduct("lc")
request._submission.become(xrt_client.jobs.Accepted(1, "http://127.0.0.1:{port}", {{}}))
"""
THEIRS = """
import warnings
warnings.simplefilter("ignore")
import swifttools.ukssdc.xrt_prods as ux
request = ux.XRTProductRequest("me@example.org", useDeprecate=False)
request.addProduct("lc")
request._baseURL = "http://127.0.0.1:{port}/user_objects"
request._submitted, request._jobID, request._status = True, 1, 1
request._retData = {{"URL": "http://127.0.0.1:{port}"}}
"""
CALLS = """
import time
request.checkProductStatus()
times = []
for _ in range(200):
    began = time.perf_counter()
    request.checkProductStatus()
    times.append(time.perf_counter() - began)
print(sorted(times)[50])  # the lower quartile: other programs only ever make it slower
"""
DOWNLOAD = """
import resource, time
request.{products}["lc"].{complete} = True
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
saved = request.downloadProducts({folder!r}, format="tar", clobber=True)["LightCurve"]
assert saved.endswith("lc.tar"), saved
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def python(code: str) -> list[float]:
    """Run code in a fresh process, with compiled modules as after an installation; return the numbers it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "xrt-client-benchmark")
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [float(number) for number in done.stdout.split()]


def medians(rounds: int, *codes: str) -> list[list[float]]:
    """Run several pieces of code in turns; return the median of each of their numbers."""
    results: list[list[list[float]]] = [[] for _ in codes]
    for code in codes:
        python(code)  # so that everything is compiled, and read once
    for _ in range(rounds):
        for code, found in zip(codes, results, strict=True):
            found.append(python(code))
    return [[statistics.median(column) for column in zip(*found, strict=True)] for found in results]


def imports() -> None:
    modules = ("requests", "xrt_client", "swifttools.ukssdc.xrt_prods")
    found = medians(15, *(IMPORT.format(module=module) for module in modules))
    for module, (seconds, kib) in zip(modules, found, strict=True):
        print(f"import {module:28} {seconds * 1000:7.0f} ms {kib / 1024:7.1f} MiB")
    print(f"  xrt_client / requests: {found[1][0] / found[0][0]:.2f} (target: at most 1.15)")


def calls(port: int) -> None:
    ours, theirs = (1000 * found[0] for found in medians(7, *((c + CALLS).format(port=port) for c in (OURS, THEIRS))))
    print(f"status call: xrt_client {ours:.2f} ms, swifttools {theirs:.2f} ms")
    print(f"  ratio: {ours / theirs:.2f} (target: at most 0.6)")


def downloads(port: int, folder: Path) -> None:
    for size in (1, 10, 100):
        with tarfile.open(folder / "lc.tar", "w") as archive:
            content = folder / "content"
            content.write_bytes(random.Random(size).randbytes(MIB) * size)
            archive.add(content, "USERPROD_1/lc/content")
        ours, theirs = medians(
            3,
            (OURS + DOWNLOAD).format(
                port=port, products="_draft.products", complete="complete", folder=str(folder / "ours")
            ),
            (THEIRS + DOWNLOAD).format(
                port=port, products="_productList", complete="complete", folder=str(folder / "theirs")
            ),
        )
        text = "; ".join(
            f"{name} {seconds:.2f} s, {kib / 1024:+.1f} MiB"
            for name, (seconds, kib) in (("xrt_client", ours), ("swifttools", theirs))
        )
        print(f"download of {size:3} MiB: {text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(Path(options.serve))
        return
    imports()
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, __file__, "--serve", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                port = int(server.stdout.readline())
                calls(port)
                downloads(port, Path(name))
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
