"""A server that is not ours, made from the same documents: a plain Prism mock. Its findings are in plain words."""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts import documents
from tests.contract.clients import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterator

PRISM = "@stoplight/prism-cli@5.14.2"
DOCUMENT = Path(documents.__file__).parent / "openapi" / "jobs.yaml"
START_S, VERIFY_S = 300, 600
"""How long fetching and starting Prism, and one look at it, may take [s]."""

pytestmark = pytest.mark.nightly  # npx fetches Prism over the network, once


@contextmanager
def prism(document: Path) -> Iterator[str]:
    """Serve a document on a free port of this machine; yields the address."""
    if shutil.which("npx") is None:
        pytest.skip("npx is not there, so no foreign server was looked at: install Node.js 18 or later (nodejs.org)")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xrt-mock" / "npm"
    command = ["npx", "--yes", PRISM, "mock", "--host", "127.0.0.1", "--port", str(port), str(document)]
    with subprocess.Popen(
        ["timeout", str(START_S + VERIFY_S), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "npm_config_cache": str(cache)},
        start_new_session=True,
    ) as server:
        try:
            assert server.stdout is not None
            log = list(itertools.takewhile(lambda line: "Prism is listening" not in line, server.stdout))
            assert server.poll() is None, f"Prism did not start: {''.join(log[-5:])}"
            os.set_blocking(server.stdout.fileno(), True)
            drain = subprocess.Popen(
                ["cat"], stdin=server.stdout, stdout=subprocess.DEVNULL
            )  # its log must not fill up
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            drain.wait()


def verify(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "contracts", "verify", url, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=VERIFY_S, check=False)


RUNNING = {"statusCode": 3, "statusText": "Running", "progress": {"GotProgress": 0}}
ANSWERS: dict[str, Any] = {
    "run_userobject": ACCEPTED,
    "getOldProduct": {**ACCEPTED, "oldJob": 803},
    "checkProductStatus": {"OK": 1, "JobID": 803, "APIVersion": "1.12", "lc": RUNNING, "image": RUNNING},
    "canceljob": {
        "OK": 1,
        "JobID": 803,
        "APIVersion": "1.12",
        "status": {"image": "Job cancelled OK"},
        "statusCodes": {"image": 0},
    },
}
"""Successful answers, in place of the document's examples."""


def favourable() -> dict[str, Any]:
    """Return the service's document as Prism can do most with it.

    JSON is labelled as JSON, for Prism writes none under the label of a page; and only examples of success are left,
    for it answers with the first.
    """
    document = copy.deepcopy(documents.load())
    for name, operation in documents.operations().items():
        content = document["paths"][operation.path][operation.method.lower()]["responses"]["200"].get("content", {})
        examples = content.get("text/html", {}).get("examples", {})
        good = {key: entry for key, entry in examples.items() if entry["value"].get("OK") != 0}
        if name in ANSWERS:
            good = {"success": {"value": ANSWERS[name]}}
        if good:
            content["application/json"] = {**content.pop("text/html"), "examples": good}
    return document


def test_verify_reports_what_a_plain_mock_of_the_same_document_cannot_do():
    with prism(DOCUMENT) as url:
        done = verify(url, "--questions-only")
    assert done.returncode == 1, done.stderr
    for sentence in (
        "It accepts no jobs: a complete request was answered with HTTP status 500",
        "It does not count active jobs",
        "It does not say what is wrong with a request in the way clients read",
        "not seen, because the server has no control interface",
    ):
        assert sentence in done.stdout, done.stdout[:3000]


def test_verify_reports_that_a_mock_with_examples_remembers_nothing(tmp_path):
    document = tmp_path / "favourable.json"
    document.write_text(json.dumps(favourable()), encoding="utf-8")
    with prism(document) as url:
        done = verify(url, "--examples", "2")
    assert done.returncode == 1, done.stderr
    for sentence in (
        "It does not distinguish jobs: two submissions both became job",
        "It does not count new jobs",
        "It does not list new jobs",
        "It does not remember parameters",
        "It says of a job submitted a moment ago that it has ended or is running",
        "It does not remember cancellations: after an image was cancelled, its status code is 3, not -4",
        "It shows the jobs of user@example.org to stranger@example.org",
        "It returns a status for job 987654, which was never submitted",
        "It returns the position of a job that has only just been submitted",
        "It does not say what is wrong with a request in the way clients read",
        "The documented curl call fails",
        "It labels its answers application/json",
    ):
        assert sentence in done.stdout, done.stdout[:3000]
    assert "Undocumented Content-Type" not in done.stdout  # said in plainer words already
