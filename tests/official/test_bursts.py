"""The official client's module for bursts, unchanged: what it saves is what user objects hold for the same data."""

import io
import os
import re
import tarfile

import pytest

from mock_server import Simulator
from mock_server.core.model import Product
from tests.server.conftest import EXACT, ME

udg = pytest.importorskip("swifttools.ukssdc.data.GRB")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def unpacked(archive):
    """Return the files of an archive by name, without the date of writing and the sums over it."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        files = {member.name: file.read() for member in opened if (file := opened.extractfile(member)) is not None}
    dated = re.compile(rb"(DATE    |CHECKSUM|DATASUM )= .{70}", re.DOTALL)
    return {name: dated.sub(b"", data) for name, data in files.items()}


def same_job(sim, product, target):
    """Return a finished job with the parameters of a burst's product, and its files by name."""
    order = sim.simulation.bursts._order(target, product, sim.jobs.begin())
    job = sim.jobs.submit({**order.parameters, "UserID": ME})
    sim.clock.advance(86400)
    return job.job_id


@pytest.mark.parametrize(
    ("name", "target"), [("GRB 130427A", 554620), pytest.param("GRB 060729", 221755, marks=pytest.mark.slow)]
)
def test_light_curves_spectra_and_positions_of_a_burst(tmp_path, name, target):
    with Simulator(settings=EXACT) as sim, sim.intercept():
        curve = udg.getLightCurves(GRBName=name, destDir=str(tmp_path / "lc"), returnData=True, saveData=True)
        spectra = udg.getSpectra(GRBName=name, destDir=str(tmp_path / "spec"), returnData=True, saveData=True)
        positions = udg.getPositions(GRBName=name)
        contents = sim.simulation.contents
        for folder, product in (("lc", Product.LIGHT_CURVE), ("spec", Product.SPECTRUM)):
            job_id = same_job(sim, product, target)
            saved = [file for file in os.listdir(tmp_path / folder) if file.endswith((".qdp", ".gif"))]
            assert saved
            for file in saved:
                assert (tmp_path / folder / file).read_bytes() == contents.file(job_id, f"{folder}/{file}"), file
            for path in (tmp_path / folder).glob("*.tar.gz"):
                packed = contents.file(job_id, f"{folder}/{path.name}")
                made = packed if isinstance(packed, bytes) else b"".join(packed)
                assert unpacked(path.read_bytes()) == unpacked(made), path.name
    assert set(curve["URLs"]) == set(curve["Datasets"])
    assert len(spectra["rnames"]) == 2
    assert positions["Best_Err90"] > 0
