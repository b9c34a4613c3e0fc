"""Cost of calls over HTTP, beside a bare Flask app on the same server: ratios of one run.

    python benchmarks/server.py [PART ...]        parts: calls sizes processes peers start campaigns; default: all

Load comes from `wrk` over 8 kept connections on loopback (``apt-get install wrk``). Servers are measured in turns,
several times, so that a slower machine slows all of them; a figure is the median of these rounds, and a ratio of two
is the median of the ratios in each.
"""

from __future__ import annotations

import compileall
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HERE = Path(__file__).parent
CONNECTIONS, ROUNDS, SECONDS, PAUSE = 8, 7, 2, 0.5
USER = "me@example.org"
SUBMISSION = {
    "UserID": USER, "name": "GK Per", "RA": 52.8, "Dec": 43.9, "targ": "00030842", "getT0": 0, "cent": 1,
    "poserr": 1, "sinceT0": 0, "api_name": "xrt_prods", "api_version": "1.12",
}  # fmt: skip
IMAGE = SUBMISSION | {"image": 1, "imen": "0.3-10"}
POSITION = {"dopsf": 1, "doenh": 1, "doxastrom": 1}
LIGHT_CURVE = {"lc": 1, "binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1}
SIX = IMAGE | POSITION | LIGHT_CURVE | {"spec": 1, "specobs": "all", "timeslice": "single", "specz": 0, "hasz": 0}
COUNT = {"UserID": USER, "api_name": "xrt_prods", "api_version": "1.12"}
MANY = COUNT | {"UserID": "many@example.org"}
TARGETS = {"getNumJobs": 0.70, "checkProductStatus": 0.50, "run_userobject": 0.35}


class Load(NamedTuple):
    """Result of `wrk`: requests per second, the time below which 99 of 100 stay [ms], and processors that it took."""

    per_second: float
    p99_ms: float
    processors: float


class Server:
    """A server in a process of its own."""

    def __init__(self, *command: str) -> None:
        self.began = time.perf_counter()
        self.process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def ask(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation once."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        connection.request("POST", f"/user_objects/{operation}.php", json.dumps(body))
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        if not answer["OK"]:
            raise SystemExit(f"{operation} was refused: {answer}")
        return answer

    def memory_mib(self) -> float:
        """Return the memory that the process holds [MiB]."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+)", text)
        return int(found[1]) / 1024 if found else float("nan")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def serving(*command: str) -> Iterator[Server]:
    """Serve while the block runs."""
    server = Server(*command)
    try:
        yield server
    finally:
        server.stop()


def bare() -> tuple[str, ...]:
    """Return the command of the bare app."""
    return (str(HERE / "bare.py"),)


def simulator(*options: str) -> tuple[str, ...]:
    """Return the command of the simulator."""
    return ("-m", "mock_server.cli", "serve", "--port", "0", *options)


_JSON = {"Content-Type": "application/json"}
SCRIPT = """
wrk.method = "POST"
local number = 0
local head, tail = %s, %s
request = function()
  number = number + 1
  return wrk.format(nil, nil, nil, head .. number .. tail)
end
"""


def load(server: Server, operation: str, body: Mapping[str, Any], seconds: int = SECONDS) -> Load:
    """Ask as fast as answers come; a submission comes from another user each time."""
    text = json.dumps(dict(body))
    head, _, tail = text.partition(USER)
    if operation == "run_userobject":
        script = SCRIPT % (json.dumps(head + "u"), json.dumps("@example.org" + tail))
    else:
        script = f'wrk.method = "POST"\nwrk.body = {json.dumps(text)}\n'
    return _wrk(f"{server.url}/user_objects/{operation}.php", script, seconds)


def wrk(address: str, body: Mapping[str, Any], headers: Mapping[str, str] = _JSON) -> Load:
    """Send the same body as fast as answers come."""
    script = f'wrk.method = "POST"\nwrk.body = {json.dumps(json.dumps(dict(body)))}\n'
    return _wrk(address, script + "".join(f'wrk.headers["{n}"] = "{v}"\n' for n, v in headers.items()), SECONDS)


def _wrk(address: str, script: str, seconds: int) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", file.name]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        printed = subprocess.run([*command, address], capture_output=True, text=True, check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if "Non-2xx" in printed:
        raise SystemExit(f"{address}: {printed}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", printed)
    if rate is None or p99 is None:
        raise SystemExit(printed)
    return Load(float(rate[1]), float(p99[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[p99[2]], spent / seconds)


def in_turns(measures: Mapping[str, Callable[[], Load]]) -> dict[str, list[Load]]:
    """Measure each once in every round; return what was measured, in the order of the rounds."""
    found: dict[str, list[Load]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            time.sleep(PAUSE)  # the calls that the measure before left unanswered end meanwhile
            found[name].append(measure())
    return found


def medians(found: Mapping[str, list[Load]]) -> dict[str, Load]:
    """Return the medians of the rounds."""
    return {name: Load(*map(statistics.median, zip(*loads, strict=True))) for name, loads in found.items()}


def ratio(loads: list[Load], others: list[Load], figure: str = "per_second") -> float:
    """Return the median of a figure's ratios to that of the others in the same round."""
    ratios = [getattr(a, figure) / getattr(b, figure) for a, b in zip(loads, others, strict=True)]
    return float(statistics.median(ratios))


def calls_of(server: Server) -> dict[str, Callable[[], Load]]:
    """Return the three common calls, after one job of six products has been submitted."""
    job = server.ask("run_userobject", SIX)["JobID"]
    status = COUNT | {"JobID": job, "what": "lc,spec,psf,enh,xastrom,image"}
    return {
        "getNumJobs": lambda: load(server, "getNumJobs", COUNT),
        "checkProductStatus": lambda: load(server, "checkProductStatus", status),
        "run_userobject": lambda: load(server, "run_userobject", IMAGE),
    }


def measure_calls() -> dict[str, list[Load]]:
    """Return the loads of the bare app, and of the common calls in memory and on a file."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        flask = stack.enter_context(serving(*bare()))
        memory = stack.enter_context(serving(*simulator()))
        on_file = stack.enter_context(serving(*simulator("--db", f"sqlite:///{folder}/jobs.sqlite")))
        measures = {"bare": lambda: load(flask, "getNumJobs", COUNT)}
        for where, server in (("memory", memory), ("file", on_file)):
            measures |= {f"{call} {where}": measure for call, measure in calls_of(server).items()}
        return in_turns(measures)


def calls() -> None:
    """Compare the common calls with the bare app, in memory and on a file."""
    rounds = measure_calls()
    found = medians(rounds)
    print(f"bare Flask: {found['bare'].per_second:.0f} requests/s, p99 {found['bare'].p99_ms:.1f} ms")
    for call, target in TARGETS.items():
        for where in ("memory", "file"):
            one = found[f"{call} {where}"]
            share = ratio(rounds[f"{call} {where}"], rounds["bare"])
            print(
                f"{call:20} {where:7} {one.per_second:6.0f}/s  p99 {one.p99_ms:5.1f} ms  {share:4.0%} of {target:.0%}"
            )


def filled(folder: str, number: int) -> str:
    """Make a database file with `number` jobs of other users, a thousand of them of one user; return its address."""
    file = Path(folder) / f"{number}.sqlite"
    db = f"sqlite:///{file}"
    with serving(*simulator("--db", db)) as server:
        server.ask("run_userobject", IMAGE)
    connection = sqlite3.connect(file)
    names = {table: _columns(connection, table) for table in ("jobs", "builds")}
    series = f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {number})"
    user = f"CASE WHEN i < {number} - 1000 THEN 'u' || (i % 100000) ELSE 'many' END || '@example.org'"
    changed = {"job_id": "i", "user_key": user, "user_address": user, "active_until": "submitted_at + 1"}
    changed |= {"ends_at": "requested_at + 1", "left_at": "requested_at + 1"}
    for table, columns in names.items():
        values = ", ".join(changed.get(column, column) for column in columns)
        connection.execute(f"INSERT INTO {table} {series} SELECT {values} FROM n, {table}")
    connection.commit()
    connection.close()
    os.sync()  # else the machine would write it during the measurement
    return db


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def sizes() -> None:
    """Compare stores of 10, 10^4 and 10^6 jobs."""
    numbers = (10, 10_000, 1_000_000)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        measures: dict[str, Callable[[], Load]] = {}
        for number in numbers:
            server = stack.enter_context(serving(*simulator("--db", filled(folder, number))))
            measures |= {f"{call} {number}": measure for call, measure in calls_of(server).items()}
            if number > 1000:
                measures[f"listOldJobs {number}"] = lambda s=server: load(s, "listOldJobs", MANY)  # type: ignore[misc]
        found = medians(in_turns(measures))
    for name, one in found.items():
        call, size = name.split()
        beside = found[f"{call} 10000"]
        ratios = (
            f"rate x{one.per_second / beside.per_second:.2f}, p99 x{one.p99_ms / beside.p99_ms:.2f} of those at 10^4"
        )
        print(f"{call:20} {size:>8} jobs {one.per_second:6.0f}/s  p99 {one.p99_ms:5.1f} ms  {ratios}")
    counts = found["getNumJobs 1000000"].per_second / found["listOldJobs 1000000"].per_second
    print(f"a list of 1,000 jobs costs {counts:.1f} counts (target 20)")


def measure_list() -> float:
    """Return how many counts a list of 1,000 jobs costs, in a store of ten thousand."""
    with tempfile.TemporaryDirectory() as folder, serving(*simulator("--db", filled(folder, 10_000))) as server:
        found = in_turns({name: partial(load, server, name, MANY) for name in ("getNumJobs", "listOldJobs")})
    return ratio(found["getNumJobs"], found["listOldJobs"])


def measure_processes() -> dict[str, list[Load]]:
    """Return the loads of one process and of two, on a file."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        measures: dict[str, Callable[[], Load]] = {}
        for number in (1, 2):
            options = ("--db", f"sqlite:///{folder}/{number}.sqlite", "--processes", str(number))
            server = stack.enter_context(serving(*simulator(*options)))
            measures[str(number)] = lambda s=server: load(s, "getNumJobs", COUNT)  # type: ignore[misc]
        return in_turns(measures)


def possible(one: Load) -> float:
    """Return how many times the rate of one process two processors can give, since the load needs a share of them."""
    return 2.0 / (1.0 + one.processors)


def processes() -> None:
    """Compare one process with two, on a file."""
    rounds = measure_processes()
    one, two = medians(rounds).values()
    print(
        f"getNumJobs: one process {one.per_second:.0f}/s, two {two.per_second:.0f}/s: "
        f"x{ratio(rounds['2'], rounds['1']):.2f}; beside the load x{possible(one):.2f} is possible"
    )


_SQS = {
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/sqs/aws4_request",
}
MOTO = ("-m", "moto.server", "-H", "127.0.0.1", "-p")
PRISM = ("npx", "--yes", "@stoplight/prism-cli@5.14.2", "mock", "--host", "127.0.0.1", "--port")
COUNTED = {"OK": 1, "numJobs": 0, "APIVersion": "1.12"}
COUNTING = {  # one operation, as Prism usually has it
    "openapi": "3.1.0",
    "info": {"title": "count", "version": "1"},
    "paths": {
        "/user_objects/getNumJobs.php": {
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": {"type": "object", "required": ["UserID"]}}}
                },
                "responses": {"200": {"description": "-", "content": {"application/json": {"example": COUNTED}}}},
            }
        }
    },
}


@contextmanager
def listening(*command: str) -> Iterator[str]:
    """Start a foreign server on a free port, its last argument, and yield its address once it takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, str(port)], start_new_session=True, **quiet) as process:  # type: ignore[call-overload]
        try:
            for _ in range(600):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _make_queue(moto: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(moto).netloc, timeout=60)
    made = _SQS | {"X-Amz-Target": "AmazonSQS.CreateQueue"}
    connection.request("POST", "/", json.dumps({"QueueName": "jobs"}), made)
    if connection.getresponse().status != 200:
        raise SystemExit("moto made no queue")
    connection.close()


def measure_peers() -> dict[str, list[Load]]:
    """Return the loads of one process and of two, and of moto and Prism if installed."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        one = stack.enter_context(serving(*simulator())).url
        db = ("--db", f"sqlite:///{folder}/jobs.sqlite", "--processes", "2")
        two = stack.enter_context(serving(*simulator(*db))).url
        counting = "user_objects/getNumJobs.php"
        measures = {"one process": lambda: wrk(f"{one}/{counting}", COUNT)}
        measures["two processes"] = lambda: wrk(f"{two}/{counting}", COUNT)
        if find_spec("moto") is not None:
            moto = stack.enter_context(listening(sys.executable, *MOTO))
            queue = {"QueueUrl": f"{moto}/123456789012/jobs", "AttributeNames": ["ApproximateNumberOfMessages"]}
            _make_queue(moto)
            counted = _SQS | {"X-Amz-Target": "AmazonSQS.GetQueueAttributes"}
            measures["moto"] = lambda: wrk(f"{moto}/", queue, counted)
        if shutil.which("npx") is not None:
            Path(folder, "count.json").write_text(json.dumps(COUNTING))
            mock = (*PRISM[:4], f"{folder}/count.json", *PRISM[4:])
            prism = stack.enter_context(listening(*mock))
            measures["Prism"] = lambda: wrk(f"{prism}/{counting}", COUNT)
        return in_turns(measures)


def peers() -> None:
    """Compare counts by one process and by two with moto's count of messages and Prism's example, if installed."""
    found = measure_peers()
    for name, measured in medians(found).items():
        print(f"{name:14} {measured.per_second:6.0f}/s  p99 {measured.p99_ms:5.1f} ms")
    if "moto" in found:
        print(f"one process / moto: x{ratio(found['one process'], found['moto']):.1f} (target 10)")
    if "Prism" in found:
        print(f"two processes / Prism: x{ratio(found['two processes'], found['Prism']):.2f} (target 1)")


def start() -> None:
    """Compare cold start to the first answer, and idle memory; the packages are compiled, as after an installation."""
    compileall.compile_dir(HERE.parent / "mock_server", quiet=1)
    found: dict[str, list[tuple[float, float]]] = {"bare": [], "simulator": []}
    for _ in range(9):
        for name, command in (("bare", bare()), ("simulator", simulator())):
            with serving(*command) as server:
                server.ask("getNumJobs", COUNT)
                found[name].append((time.perf_counter() - server.began, server.memory_mib()))
    (t0, m0), (t1, m1) = (map(statistics.median, zip(*rows, strict=True)) for rows in found.values())
    print(f"start to first answer: bare {t0:.2f} s, simulator {t1:.2f} s: x{t1 / t0:.2f} (target 2.5)")
    print(f"idle memory: bare {m0:.0f} MiB, simulator {m1:.0f} MiB: x{m1 / m0:.2f} (target 2.5)")


def campaigns() -> None:
    """Compare the time for each job of virtual campaigns: five jobs at a time, polled every minute."""
    from mock_server import Simulator

    per_job: dict[int, float] = {}
    for number in (100, 100, 1_000, 10_000):  # the first warms up
        with Simulator(settings={"retention.days": 1}) as sim:
            began, sent = time.process_time(), 0  # nothing waits, and other programs do not count
            client = sim.app.test_client()
            while sent < number:
                answer = client.post("/user_objects/getNumJobs.php", data=json.dumps(COUNT)).get_data()
                for _ in range(min(5 - json.loads(answer)["numJobs"], number - sent)):
                    client.post("/user_objects/run_userobject.php", data=json.dumps(IMAGE))
                    sent += 1
                sim.clock.sleep(60)
            per_job[number] = (time.process_time() - began) / number
    each_text = ", ".join(f"{number} jobs {1e3 * each:.2f} ms" for number, each in per_job.items())
    spread = max(per_job.values()) / min(per_job.values())
    print(f"virtual campaigns, time a job: {each_text}: within {spread - 1:.0%} (target 20 %)")


PARTS = {"calls": calls, "sizes": sizes, "processes": processes, "peers": peers, "start": start, "campaigns": campaigns}


if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
