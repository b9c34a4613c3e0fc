"""Tools of other makers take the plain document: each runs here with the version that the docs name."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import venv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import export, recording
from mock_server import MockServer

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE_TOOLS = {
    "redocly": ("@redocly/cli@2.77.0", ["redocly", "lint", "FILE"]),
    "spectral": ("@stoplight/spectral-cli@6.16.3", ["spectral", "lint", "FILE", "--ruleset", "RULES"]),
    "openapi-typescript": ("openapi-typescript@7.13.0", ["openapi-typescript", "FILE", "-o", "types.ts"]),
}
"""Packages of npm, and their commands."""
NODE_NEEDS = {"openapi-typescript": ["-p", "typescript@5.9"]}
PRISM = "@stoplight/prism-cli@5.14.2"
PYTHON_CLIENT, CORE = "openapi-python-client==0.29.1", "openapi-core==0.23.1"
LONG_S = 600
"""Longest time of a command, with the download of its packages [s]."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xrt-mock"
DOCS = Path(__file__).parents[2] / "docs" / "howto" / "contract-tools.md"

OFFICIAL_CLIENT = """
from swifttools.ukssdc import xrt_prods as xp
request = xp.XRTProductRequest("user@example.org", silent=True)
request.setGlobalPars(name="GRB 200416A", targ="00966554", T0=608713541, RA=335.6985, Dec=-7.5179)
request.setGlobalPars(centroid=True, posErr=1.0, useSXPS=False)
request.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30, dynamic=True)
request.addImage()
assert request.submit(updateProds=False), request.submitError
assert request.checkProductStatus()["Image"]["statusCode"] == 1
assert xp.countActiveJobs("user@example.org") == 1
assert len(xp.listOldJobs("user@example.org")) == 1
print("cancelled", request.cancelProducts(["Image"])[1]["Image"]["code"])
"""
GENERATED_CLIENT = """
import sys
from xrt_product_generator_client import Client, models
from xrt_product_generator_client.api.jobs import check_product_status, get_num_jobs, list_old_jobs, run_userobject

client, user = Client(sys.argv[1]), "user@example.org"
request = models.Submission.from_dict(
    {"UserID": user, "name": "GRB 200416A", "targ": "00966554", "Tstart": 608713541, "RA": 335.6985, "Dec": -7.5179,
     "cent": 1, "poserr": 1, "image": 1})
job = run_userobject.sync(client=client, body=request)
assert isinstance(job, models.SubmissionAccepted), job
query = models.StatusQuery.from_dict({"UserID": user, "JobID": job.job_id, "what": "image"})
status = check_product_status.sync(client=client, body=query)
assert isinstance(status, models.ProductStatuses), status
assert status["image"].status_code == 1, status
who = models.UserQuery(user_id=user)
listed, counted = list_old_jobs.sync(client=client, body=who), get_num_jobs.sync(client=client, body=who)
print("listed", len(listed.jobs), "active", counted.num_jobs)
"""
CORE_PROGRAM = """
import sys
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

document, url = OpenAPI.from_file_path(sys.argv[1]), sys.argv[2]
burst = {"name": "GRB 200416A", "targ": "00966554", "Tstart": 608713541, "RA": 335.6985, "Dec": -7.5179}
seen = 0
for name, body in (
    ("run_userobject", {**burst, "cent": 1, "poserr": 1, "image": 1}), ("getNumJobs", {}), ("listOldJobs", {}),
    ("checkProductStatus", {"JobID": 1, "what": "image"}), ("canceljob", {"JobID": 1, "what": "image"}),
):
    sent = requests.Request("POST", f"{url}/user_objects/{name}.php", json={"UserID": "user@example.org", **body})
    request = RequestsOpenAPIRequest(sent)
    document.validate_request(request)
    answer = requests.Session().send(sent.prepare())
    document.validate_response(request, RequestsOpenAPIResponse(answer))
    seen += 1
wrong = requests.Request("POST", f"{url}/user_objects/getNumJobs.php", json={})
try:
    document.validate_request(RequestsOpenAPIRequest(wrong))
except Exception as error:
    print(seen, "validated, without a user", type(error).__name__)
"""

pytestmark = pytest.mark.nightly  # packages are fetched once, into a cache outside the project


def run(words: list[str], folder: Path, **environment: str) -> str:
    """Return what a command prints; it has to succeed."""
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=LONG_S, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def npx(package: str, *words: str) -> list[str]:
    if shutil.which("npx") is None:
        pytest.skip("npx is not there: install Node.js 18 or later (nodejs.org)")
    os.environ.setdefault("npm_config_cache", str(CACHE / "npm"))
    return ["npx", "--yes", "-p", package, *words]


def python_with(*packages: str) -> Path:
    """Return the folder of the programs of an environment with some packages, made once."""
    home = CACHE / "python" / "-".join(package.replace("==", "-") for package in packages)
    if not (home / "complete").exists():
        venv.create(home, with_pip=True, clear=True)
        run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages], home)
        (home / "complete").touch()
    return home / "bin"


@pytest.fixture
def server() -> Iterator[str]:
    """Serve a simulator that labels JSON as JSON; yields its address."""
    with MockServer(settings={"api.json_label": True}) as served:
        yield served.url


def document(folder: Path, url: str) -> str:
    file = folder / "plain.json"
    file.write_text(json.dumps(export.plain(url)), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("tool", NODE_TOOLS)
def test_tools_of_node_take_the_plain_document(tmp_path, tool):
    package, command = NODE_TOOLS[tool]
    rules = tmp_path / "rules.yaml"
    rules.write_text('extends: ["spectral:oas"]\n', encoding="utf-8")
    file = document(tmp_path, "http://127.0.0.1:8000")
    words = [{"FILE": file, "RULES": str(rules)}.get(word, word) for word in command]
    run(npx(package, *NODE_NEEDS.get(tool, []), *words), tmp_path)
    assert tool != "openapi-typescript" or "ActiveJobs" in (tmp_path / "types.ts").read_text(encoding="utf-8")


def test_the_command_of_schemathesis_finds_nothing_in_the_simulator(tmp_path, server):
    words = ["run", document(tmp_path, server), "--url", server, "--seed", "1", "--max-examples", "5"]
    words += ["--exclude-checks", "negative_data_rejection,allow_header_conformance,unsupported_method"]
    shown = run([sys.executable, "-m", "schemathesis.cli", *words], tmp_path)
    assert "Tested: 24" in shown
    assert "Failures" not in shown


@contextmanager
def prism(folder: Path, *words: str) -> Iterator[str]:
    """Run Prism on a free port of this machine; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = npx(PRISM, "prism", words[0], "--host", "127.0.0.1", "--port", str(port), *words[1:])
    log = folder / "prism.log"
    with subprocess.Popen(
        ["timeout", str(LONG_S), *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as running:  # fmt: skip
        try:
            assert running.stdout is not None
            begun = list(itertools.takewhile(lambda line: "Prism is listening" not in line, running.stdout))
            assert running.poll() is None, f"Prism did not start: {''.join(begun[-5:])}"
            with log.open("w", encoding="utf-8") as file:
                drain = subprocess.Popen(["cat"], stdin=running.stdout, stdout=file)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            drain.wait()


def test_the_official_client_goes_through_a_prism_proxy_to_the_simulator(tmp_path, server):
    program, file = tmp_path / "program.py", tmp_path / "session.jsonl"
    program.write_text(OFFICIAL_CLIENT, encoding="utf-8")
    with prism(tmp_path, "proxy", "--errors", document(tmp_path, server), server) as url:
        words = ["-c", "from mock_server.cli.main import main; main()", "record", "--service", url, "--to", str(file)]
        shown = run([sys.executable, *words, "--", sys.executable, str(program)], tmp_path)
    assert "cancelled 0" in shown
    assert "Violation" not in (tmp_path / "prism.log").read_text(encoding="utf-8")
    assert len(recording.read(file)) == 5


def test_a_prism_mock_of_the_plain_document_answers_the_official_client(tmp_path):
    program = "from swifttools.ukssdc import xrt_prods; print(xrt_prods.countActiveJobs('user@example.org'))"
    with prism(tmp_path, "mock", document(tmp_path, "http://127.0.0.1:8000")) as url:
        words = ["-c", "from mock_server.cli.main import main; main()", "record", "--service", url, "--to", "s.jsonl"]
        shown = run([sys.executable, *words, "--", sys.executable, "-c", program], tmp_path)
    assert shown.strip().isdigit()


def test_the_client_that_openapi_python_client_generates_submits_polls_lists_and_counts(tmp_path, server):
    programs = python_with(PYTHON_CLIENT)
    settings = tmp_path / "settings.yaml"
    settings.write_text(documented("settings.yaml"), encoding="utf-8")
    generate = ["generate", "--path", document(tmp_path, server), "--output-path", "made", "--config", str(settings)]
    shown = run([str(programs / "openapi-python-client"), *generate, "--fail-on-warning"], tmp_path)
    assert "WARNING" not in shown
    done = run([str(programs / "python"), "-c", GENERATED_CLIENT, server], tmp_path, PYTHONPATH=str(tmp_path / "made"))
    assert done.strip() == "listed 1 active 1"


def test_openapi_core_validates_requests_and_answers(tmp_path, server):
    programs = python_with(CORE, "requests")
    shown = run([str(programs / "python"), "-c", CORE_PROGRAM, document(tmp_path, server), server], tmp_path)
    assert shown.strip() == "5 validated, without a user InvalidRequestBody"


def documented(file: str) -> str:
    """Return a file that the page shows under its name."""
    text = DOCS.read_text(encoding="utf-8").split(f":caption: {file}\n", 1)[1]
    return text.split("```", 1)[0]
