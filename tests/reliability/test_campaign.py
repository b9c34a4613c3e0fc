"""A long campaign on a bad line, whose process is killed at random moments, ends with one job and one product each.

Nothing is a stand-in here: the campaign is a program of its own in a run, it is ended by ``kill -9``, and the products
are the simulator's.
"""

import os
import random
import signal
import sys
import tarfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from mock_server import Simulator
from mock_server.run.start import run

MAX_ACTIVE = 5
PROGRAM = """
import os, pathlib, sys
from xrt_client import Campaign, XRTProductRequest

out, number = pathlib.Path(sys.argv[1]), int(sys.argv[2])
out.joinpath("pid").write_text(str(os.getpid()))
requests = []
for n in range(number):
    request = XRTProductRequest("me@example.org")
    request.setGlobalPars(name=f"Source {n}", RA=10.0 + n / 10, Dec=-15.0, targ="00010001")  # far from real targets
    request.setGlobalPars(centroid=False, useSXPS=False)
    request.addProduct("StandardPos")
    requests.append(request)
Campaign("me@example.org", requests, out=out, max_active=5).run()
"""


class Killer:
    """Stands before the simulator and kills the caller at its `calls`-th call, before, during or after the work."""

    def __init__(self, simulator: Simulator, pid_file: Path, chance: random.Random) -> None:
        self._simulator, self._pid_file, self._chance = simulator, pid_file, chance
        self.clock = simulator.clock
        self.calls = 0

    def app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.calls -= 1
        if self.calls != 0:
            return self._simulator.app(environ, start_response)
        moment = self._chance.choice(["before", "after", "late"])
        if moment == "before":
            self._kill()
        answer = self._simulator.app(environ, start_response)
        if moment == "after":
            self._kill()
        if moment == "late":  # wherever the program has got to with its answer by then
            threading.Timer(self._chance.uniform(0, 0.05), self._kill).start()
        return answer

    def _kill(self) -> None:
        os.kill(int(self._pid_file.read_text()), signal.SIGKILL)


def members(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


@pytest.mark.spoils_answers("answers get lost, cut and garbled on purpose")
@pytest.mark.parametrize(("sources", "kills"), [(30, 4), pytest.param(500, 20, marks=pytest.mark.nightly)])
def test_a_campaign_whose_process_is_killed_makes_every_product_once(tmp_path, sources, kills):
    program, out, chance = tmp_path / "campaign.py", tmp_path / "out", random.Random(5)
    program.write_text(PROGRAM)
    out.mkdir()
    with Simulator(scenario="flaky") as sim:
        sim.controls.plan_fault({"kind": "lost", "operation": "run_userobject", "probability": 0.1})
        killer = Killer(sim, out / "pid", chance)
        command = [sys.executable, str(program), str(out), str(sources)]
        for _ in range(kills):
            killer.calls = chance.randint(2, 5 * sources // kills)
            assert run(killer, command) == 128 + signal.SIGKILL, "the campaign ended before it could be killed"
        killer.calls = 0  # from now on it may live
        assert run(killer, command) == 0
        report = sim.report()
    archives = list(out.glob("Source_*/psf.tar.gz"))
    print(f"{sources} sources, {kills} kills: {report['jobs']['submitted']} jobs, {len(archives)} products")
    assert report["jobs"]["submitted"] == sources
    assert report["active_jobs"]["peak"] <= MAX_ACTIVE
    assert len(archives) == sources
    assert all(members(archive) for archive in archives)
    assert not list(out.glob("*/*.part"))
