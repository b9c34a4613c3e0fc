"""This checkout beside another commit: both are measured in turns, and the ratios printed.

    python benchmarks/against.py COMMIT [--runs 15] [--full] [NAME ...]

Each of the two gets an environment of its own in a temporary folder. It sees the third-party packages of this
environment; with --full each side installs its own. Bytecode is kept in that folder, so that neither side compiles in
a measured run. A ratio below 1 means that this checkout needs less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from run import SCENARIO, SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[1]
Figures = dict[str, float]

# ---- what is measured: to add a measurement, add a row to MEASUREMENTS ----------------------------------------------

CALL = """
import io
from mock_server import Simulator
sim, body = Simulator(), b'{"UserID": "me@example.org", "api_name": "xrt_prods", "api_version": "1.12"}'
def call():
    status = []
    environ = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/user_objects/getNumJobs.php", "QUERY_STRING": "",
        "SERVER_NAME": "www.swift.ac.uk", "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "www.swift.ac.uk", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0), "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(), "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }
    answer = b"".join(sim.app(environ, lambda *said: status.append(said[0])))
    assert status == ["200 OK"] and b'"numJobs":0' in answer, (status, answer)
call()
"""
CALLS = f"""{CALL}
import time
times = []
for _ in range(60):
    began = time.process_time()
    for _ in range(50):
        call()
    times.append((time.process_time() - began) / 50)
print(min(times))  # other programs only ever make it slower
"""


def start(side: Side) -> Figures:
    """``import mock_server; Simulator()`` and its first answer."""
    return side.spent([side.python, "-c", CALL])


def run(side: Side) -> Figures:
    """``xrt-mock run -- python -c pass``, with the program it runs."""
    return side.spent([side.command, "run", "--", side.python, "-c", "pass"])


def campaign(side: Side) -> Figures:
    """A call in the campaign of ``run.py`` under ``xrt-mock run``: how many it makes depends on the simulated queue."""
    script, slow, report = (side.folder / name for name in ("script.py", "slow.toml", "report.json"))
    script.write_text(SCRIPT)
    slow.write_text(SCENARIO)
    run = [side.command, "run", "--scenario", str(slow), "--report", "json", str(report)]
    spent = side.spent([*run, "--", side.python, str(script), "300", ""])
    calls = sum(json.loads(report.read_text())["calls"].values())
    per_call = {f"{name.split()[0]} [ms]": 1e3 * spent[name] / calls for name in ("CPU [s]", "real [s]")}
    return per_call | {"peak [MiB]": spent["peak [MiB]"]}


def call(side: Side) -> Figures:
    """One ``getNumJobs`` in process, in memory."""
    return {"CPU [us]": 1e6 * float(side.output([side.python, "-c", CALLS]))}


ARCHIVES = """
import json, time
from mock_server import Simulator
sim = Simulator()
web = sim.app.test_client()
USER = {"UserID": "me@example.org", "api_name": "xrt_prods", "api_version": "1.12", "cent": 1, "poserr": 1}
BURST = {"name": "GRB 200416A", "RA": 335.6985, "Dec": -7.5179, "targ": "00966554", "Tstart": 608713541.952}
OTHER = {"name": "FO Aqr", "RA": 334.4808, "Dec": -8.3511, "targ": "00037961", "getT0": 0, "Tstart": 600000000.0}
SPECTRUM = {"spec": 1, "hasz": 0, "specz": 0, "specobs": "user", "timeslice": "single", "galactic": 1}
PRODUCTS = {
    "lc": {"lc": 1, "binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1},
    "image": {"image": 1, "imen": "0.3-10"},
    "spec": SPECTRUM | {"usespecobs": "00966554001"},
}
def archive(source, product, more):
    said = web.post("/user_objects/run_userobject.php", data=json.dumps(USER | source | more)).get_data()
    job = json.loads(said)
    assert job["OK"] == 1, said
    sim.clock.advance(86400)
    path = f"/user_objects/tprods/USERPROD_{job['JobID']}/{product}.tar.gz"
    began = time.process_time()
    answer = web.get(path)
    spent = time.process_time() - began
    assert answer.status_code == 200, answer.status
    return spent
for product in PRODUCTS:  # what belongs to the telescope is loaded once
    archive(OTHER, product, PRODUCTS[product] | ({"specobs": "all"} if product == "spec" else {}))
for product in PRODUCTS:
    print(product, archive(BURST, product, PRODUCTS[product]))
"""

RIGHT_SERVER = """
from mock_server import Simulator
class app:  # a factory
    def __new__(cls):
        return Simulator().app
"""


def archives(side: Side) -> Figures:
    """First archives of a burst, of one product each, when those of another object have been made."""
    lines = side.output([side.python, "-c", ARCHIVES]).splitlines()
    return {f"{product} [ms]": 1e3 * float(spent) for product, spent in (line.split() for line in lines)}


def verify(side: Side) -> Figures:
    """``xrt-mock verify`` of the simulator in process: the questions and the generated calls."""
    (side.folder / "right_server.py").write_text(RIGHT_SERVER)
    return side.spent([side.command, "verify", "right_server:app"])


FIRST_TEST = """
import requests
def test_the_first(xrt_mock):
    url = "https://www.swift.ac.uk/user_objects/getNumJobs.php"
    assert requests.post(url, json={"UserID": "me@example.org"}, timeout=60).json()["OK"] == 1
"""
NO_FIXTURE = "import requests\ndef test_the_first():\n    pass\n"


def fixture(side: Side) -> Figures:
    """What the first test with the fixture, and a call in it, add to a session of pytest."""
    session = [side.python, "-m", "pytest", "-q", "-p", "mock_server.pytest_plugin", "-p", "no:cacheprovider"]
    alone = side._replace(environment={**side.environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    spent = []
    for text in (FIRST_TEST, NO_FIXTURE):
        (side.folder / "test_first.py").write_text(text)
        spent.append(alone.spent([*session, "test_first.py"])["CPU [s]"])
    return {"CPU [s]": spent[0] - spent[1]}


MEASUREMENTS: tuple[Callable[[Side], Figures], ...] = (start, run, fixture, campaign, call, archives, verify)


# ---- the two sides ------------------------------------------------------------------------------------------------


class Side(NamedTuple):
    """One of the two: its interpreter, its command ``xrt-mock``, and the folder and environment variables for both."""

    python: str
    command: str
    folder: Path
    environment: Mapping[str, str]

    def _place(self) -> dict[str, Any]:
        return {"env": self.environment, "cwd": self.folder}  # elsewhere `python -c` would find this checkout first

    def output(self, command: list[str]) -> str:
        """Return what a command prints."""
        done = subprocess.run(command, **self._place(), capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command[:2])} failed:\n{done.stderr}\nif a package is missing, try --full")
        printed: str = done.stdout
        return printed

    def spent(self, command: list[str]) -> Figures:
        """Return the processor and real time [s] and the peak memory [MiB] of a command and its children."""
        began = time.perf_counter()
        with subprocess.Popen(command, **self._place(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as one:
            assert one.stderr is not None
            said = one.stderr.read().decode()
            _, status, used = os.wait4(one.pid, 0)
            one.returncode = os.waitstatus_to_exitcode(status)
        if one.returncode:
            sys.exit(f"{' '.join(command[:2])} failed:\n{said}\nif a package is missing, try --full")
        return {
            "CPU [s]": used.ru_utime + used.ru_stime,
            "real [s]": time.perf_counter() - began,
            "peak [MiB]": used.ru_maxrss / 1024,
        }


def install(source: Path, folder: Path, *, full: bool) -> Side:
    """Make an environment in a folder that has the package of a source tree."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python, command = folder / "bin" / "python", folder / "bin" / "xrt-mock"
    if full:
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        subprocess.run([*pip, f"{source}[server,contracts]"], check=True)
    else:
        own = sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
        paths = (source, sysconfig.get_path("purelib"))  # in this order: the second may have the package, too
        Path(own, "sides.pth").write_text("".join(f"{path}\n" for path in paths))
        project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
        module, _, function = project["scripts"]["xrt-mock"].partition(":")
        command.write_text(f"#!{python}\nimport sys\nfrom {module} import {function} as main\nsys.exit(main())\n")
        command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONHASHSEED": "0"}
    return Side(str(python), str(command), folder, environment)


def checked_out(commit: str, folder: Path) -> Path:
    """Return a folder with the files of a commit."""
    made = folder / "source"
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit], capture_output=True, check=False)
    if archive.returncode:
        sys.exit(archive.stderr.decode())
    made.mkdir()
    subprocess.run(["tar", "-x", "-C", made], input=archive.stdout, check=True)
    return made


class Ratio(NamedTuple):
    """A figure of both sides, medians, and the median of their ratios."""

    mine: float
    its: float
    ratio: float


def ratios(measure: Callable[[Side], Figures], here: Side, there: Side, runs: int) -> dict[str, Ratio]:
    """Measure both sides in turns; return each figure by its name."""
    measure(here), measure(there)  # so that everything is compiled, and read once
    pairs = [(measure(here), measure(there)) for _ in range(runs)]
    found = {}
    for name in pairs[0][0]:
        mine, its = (statistics.median(pair[side][name] for pair in pairs) for side in (0, 1))
        found[name] = Ratio(mine, its, statistics.median(pair[0][name] / pair[1][name] for pair in pairs))
    return found


@contextmanager
def sides(commit: str, *, full: bool = False) -> Iterator[tuple[Side, Side]]:
    """Context manager: this checkout and the other commit, installed."""
    with tempfile.TemporaryDirectory(prefix="xrt-mock-against-") as folder:
        here = install(ROOT, Path(folder, "here"), full=full)
        yield here, install(checked_out(commit, Path(folder)), Path(folder, "there"), full=full)


def main() -> None:
    """Install both, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="commit to compare with")
    parser.add_argument("--runs", type=int, default=15, help="how often each side is measured")
    parser.add_argument("--full", action="store_true", help="install each side's own third-party packages, too")
    by_name = {measure.__name__: measure for measure in MEASUREMENTS}
    parser.add_argument("names", nargs="*", help=f"what to measure: {', '.join(by_name)}; default: all")
    options = parser.parse_intermixed_args()
    with sides(options.commit, full=options.full) as (here, there):
        for name in options.names or by_name:
            for figure, (mine, its, ratio) in ratios(by_name[name], here, there, options.runs).items():
                print(f"{name:8} {figure:10} {mine:9.3f} against {its:9.3f}: x{ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
