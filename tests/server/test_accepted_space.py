"""What may be asked for: every accepted job is made, within bounds, and can be drawn, packed and read."""

from __future__ import annotations

import io
import json
import math
import re
import resource
import subprocess
import sys
import tarfile
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_server import Simulator
from mock_server.core.model import Product
from mock_server.products import lightcurve, plots
from mock_server.products.builder import ProductBuilder
from mock_server.products.extraction import Scene
from mock_server.sky import coordinates
from mock_server.sky.archive import Sky
from mock_server.submission.sizes import MOST_BINS
from mock_server.submission.table import TABLE, Group, Kind, Parameter
from tests.server.conftest import LIGHT_CURVE, ME
from tests.server.ordering import order_of

SKY = Sky(3)
WEEK = 7 * 86400.0
MOST_SECONDS, MOST_MIB = 10.0, 512


def number(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Numbers over all decades between the ends, and the ends themselves."""
    low, high = max(parameter.low, 1e-300 if parameter.above_low else parameter.low), parameter.high
    ends = [low, high] if not parameter.above_low else [5e-324, high]
    decades = st.floats(math.log10(max(low, 1e-9)), math.log10(high)).map(lambda e: min(max(10**e, low), high))
    values = st.one_of(st.sampled_from(ends), decades)
    return values.map(lambda v: max(1, round(v))) if parameter.kind is Kind.WHOLE else values


def values_of(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Accepted values of a parameter; some are refused together with others."""
    match parameter.kind:
        case Kind.FLAG:
            return st.sampled_from([0, 1])
        case Kind.WHOLE | Kind.NUMBER:
            return number(parameter)
        case Kind.CHOICE:
            return st.sampled_from(parameter.choices)
        case Kind.MODELS:
            return st.lists(st.sampled_from(parameter.choices), min_size=1, unique=True)
        case Kind.ENERGIES:
            return st.sampled_from(["0.3-10", "0.3-0.31", ",".join(["0.3-10"] * 5)])
        case Kind.DATA | Kind.RANGES:
            return st.sampled_from(["608713541-608714541", "6e8-7e8"])
    return st.text("aZ0 _-", min_size=1, max_size=parameter.longest or 200)


FIXED = {"UserID", "name", "api_name", "api_version", "RA", "Dec", "targ", "Tstart", "getCoords", "getTargs", "getT0"}
OFTEN: dict[str, Any] = {"binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1, "specz": 0, "cent": 1}
OFTEN |= {"poserr": 1}
ANY = {p.name: values_of(p) for p in TABLE if not p.server_only and p.name not in FIXED}
NAMES = ("GRB 200416A", "SIM-FAINT", "SIM-WINDOWED", "SIM-NOTHING", "GRB 130925A")


def spent() -> tuple[float, float]:
    """Processor time [s] and most memory so far [MiB]."""
    return time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def made(name: str, parameters: dict[str, Any]) -> bool:
    """Submit a job and fetch everything of it; False if it is refused."""
    simulator = Simulator()
    client = simulator.app.test_client()
    asked = {"UserID": ME, "name": name, "getCoords": 1, "getTargs": 1, "getT0": name.startswith("GRB"), **parameters}
    begun = spent()
    reply = client.post("/user_objects/run_userobject.php", json=asked)
    assert reply.status_code == 200
    answer = json.loads(reply.data)
    if not answer["OK"]:
        assert answer["ERROR"]
        return False
    simulator.clock.advance(WEEK - 3600)
    job = answer["JobID"]
    address = f"/user_objects/tprods/USERPROD_{job}"
    for path in ("all.tar.gz", "all.zip", "lc.tar"):
        reply = client.get(f"{address}/{path}")
        assert reply.status_code in (200, 404), path
    for operation in ("getLCData", "getSpecData", "getPSFPos", "getEnhPos", "getXastromPos", "getSourceDetResults"):
        query = {"UserID": ME, "JobID": job, "nosys": "both", "incbad": "both"}
        assert client.post(f"/user_objects/tprods/{operation}.php", json=query).status_code == 200, operation
    assert client.get(f"{address}/").status_code in (200, 404)
    ended = spent()
    assert ended[0] - begun[0] < MOST_SECONDS, "it takes too long"
    assert ended[1] - begun[1] < MOST_MIB, "it takes too much memory"
    return True


def test_a_plain_job_of_everything_is_made():
    flags = {"lc": 1, "spec": 1, "dopsf": 1, "doenh": 1, "doxastrom": 1, "image": 1, "sourceDet": 1, "detobs": "all"}
    assert made("GRB 200416A", OFTEN | flags)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(NAMES), st.fixed_dictionaries({}, optional=ANY))
def test_every_accepted_job_is_made_within_bounds(name, parameters):
    assert made(name, OFTEN | {"lc": 1} | parameters) in (True, False)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(NAMES), st.fixed_dictionaries({}, optional=ANY))
def test_every_accepted_job_is_made_within_bounds_at_length(name, parameters):
    assert made(name, OFTEN | {"lc": 1} | parameters) in (True, False)


def ranged() -> list[Parameter]:
    numbers = (p for p in TABLE if p.kind in (Kind.NUMBER, Kind.WHOLE) and not p.server_only)
    return [parameter for parameter in numbers if parameter.group is Group.LIGHT_CURVE]


@pytest.mark.parametrize("parameter", ranged(), ids=lambda p: p.name)
@pytest.mark.parametrize("end", ["low", "high"])
def test_each_end_of_each_range_of_a_light_curve_gives_one(parameter, end):
    value = getattr(parameter, end) or (1 if parameter.kind is Kind.WHOLE else 1e-300 if parameter.above_low else 0)
    given: dict[str, Any] = {parameter.name: value}
    order = order_of(SKY, Product.LIGHT_CURVE, "GRB 200416A", **given)
    begun = spent()
    files = lightcurve.build(order, SKY).files()
    assert {"t0.date", "lcgen.log"} <= files.keys()
    assert spent()[0] - begun[0] < MOST_SECONDS


# Too many bins


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"binMeth": "time", "pcbin": 2.51, "hrbin": 1}, "pcbin is 2.51, but must be at least "),
        ({"binMeth": "time", "pcbin": 1000, "hrbin": 0, "pchrbin": 3}, "pchrbin is 3, but must be at least "),
        ({"binMeth": "counts", "dynamic": 0, "pccounts": 1}, "pccounts is 1, but must be at least "),
        ({"binMeth": "counts", "dynamic": 1, "pccounts": 1, "mincmin": 1}, "mincmin is 1, but must be at least "),
    ],
)
def test_a_light_curve_with_too_many_bins_is_refused_with_what_would_do(ask, given, sentence):
    job = LIGHT_CURVE | {"name": "M82", "getCoords": 1, "getTargs": 1, "RA": None, "Dec": None, "targ": None}
    answer = ask("run_userobject.php", **(job | given))
    assert answer["OK"] == 0
    assert sentence in answer["ERROR"] + str(answer.get("listErr"))
    assert f"at most {MOST_BINS} bins" in answer["ERROR"] + str(answer.get("listErr"))


def test_a_binning_that_is_just_long_enough_is_accepted(ask):
    job = LIGHT_CURVE | {"name": "M82", "getCoords": 1, "getTargs": 1, "RA": None, "Dec": None, "targ": None}
    refusal = str(ask("run_userobject.php", **(job | {"binMeth": "time", "pcbin": 2.51, "hrbin": 1})))
    least = float(refusal.split("at least ")[1].split(maxsplit=1)[0])
    assert ask("run_userobject.php", **(job | {"binMeth": "time", "pcbin": least, "hrbin": 1}))["OK"] == 1
    assert ask("run_userobject.php", **(job | {"binMeth": "counts"}))["OK"] == 1


# Too many spectra

SPECTRA = {"UserID": ME, "name": "M82", "getCoords": 1, "getTargs": 1, "cent": 1, "poserr": 1, "specz": 0, "spec": 1}
SPECTRA |= {"specobs": "all"}
THREE = ["powerlaw", "apec", "blackbody"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"timeslice": "snapshot"}, "with fits of powerlaw a job has at most 450"),
        ({"timeslice": "obsid", "models": THREE}, "with fits of powerlaw and apec and blackbody a job has at most 112"),
    ],
)
def test_too_many_spectra_are_refused_with_how_many_there_may_be(ask, given, sentence):
    answer = ask("run_userobject.php", **(SPECTRA | given))
    assert answer["OK"] == 0
    said = answer["ERROR"] + str(answer.get("listErr"))
    assert re.search(rf"timeslice is {given['timeslice']}, which gives \d+ spectra", said)
    assert sentence in said


@pytest.mark.parametrize(
    "given",
    [{"timeslice": "obsid"}, {"timeslice": "snapshot", "doNotFit": 1}, {"timeslice": "single", "models": THREE}],
)
def test_spectra_of_all_observations_of_a_source_are_accepted(ask, given):
    assert ask("run_userobject.php", **(SPECTRA | given))["OK"] == 1


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_the_archive_of_many_spectra_holds_their_response_once(form):
    """A spectrum has 2 MB, nearly all of which is its response: memory grows by a twentieth of that."""
    source = SKY.named("M82")
    assert source is not None
    few = [o.obsid for o in SKY.observations(source.targets, (source.ra, source.dec), 1772323200.0)[:30]]
    order = order_of(
        SKY, Product.SPECTRUM, "M82", specobs="user", usespecobs=",".join(few), timeslice="obsid", doNotFit=1
    )
    packed = ProductBuilder(SKY).archive([order], form)
    held = {id(chunk): len(chunk) for chunk in packed}
    assert sum(map(len, packed)) > 30 * 2e6
    assert sum(held.values()) < 2.2e6 + 30 * 2e5


LARGEST = """
import json, resource, sys
from mock_server import Simulator
simulator, (job, path) = Simulator(), json.loads(sys.argv[1])
client = simulator.app.test_client()
answer = json.loads(client.post("/user_objects/run_userobject.php", json=job).data)
simulator.clock.advance(6 * 86400)
reply = client.get(f"/user_objects/tprods/USERPROD_{answer['JobID']}/{path}")
length = sum(map(len, reply.response))
print(reply.status_code, length, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.nightly
@pytest.mark.parametrize("path", ["spec.tar.gz", "spec.zip", "spec.tar"])
def test_hundreds_of_fitted_spectra_are_packed_below_512_mib(path):
    """All observations of M82 in a process of their own; the archive has 900 MB, and is sent in chunks."""
    asked = json.dumps([SPECTRA | {"timeslice": "obsid"}, path])
    done = subprocess.run([sys.executable, "-c", LARGEST, asked], capture_output=True, text=True, check=True)
    status, length, mib = map(int, done.stdout.split())
    assert status == 200
    assert length > 800e6
    assert mib < MOST_MIB


# Whatever a table holds


def offsets() -> st.SearchStrategy[tuple[float, float]]:
    """Distance [arcsec] and direction from a source."""
    return st.tuples(st.sampled_from([0.0, 5.0, 47.2, 98.0, 300.0, 600.0]), st.floats(0, 2 * math.pi))


def beside(name: str, distance: float, angle: float, **parameters: Any) -> set[str]:
    """Make the light curve of a place beside a source; check its tables, and return the names of its files.

    It has a picture if an observation shows the place.
    """
    source = SKY.named(name)
    assert source is not None
    ra, dec = coordinates.offset((source.ra, source.dec), distance / 3600, angle)
    order = order_of(SKY, Product.LIGHT_CURVE, name, RA=str(ra), Dec=str(dec), **parameters)
    builder = ProductBuilder(SKY)
    answer = builder.answer(order, "both", "both")
    for table in (t for key, t in answer.items() if key.endswith("Data")):
        for row in table["data"]:
            assert all(math.isfinite(float(cell)) for cell in row[:6] if "HR" not in table["URL"])
    with tarfile.open(fileobj=io.BytesIO(b"".join(builder.archive([order], "tar.gz")))) as packed:
        shown = bool(Scene.of(order, SKY, "grades").observations)
        assert ("USERPROD_7/lc/curve.gif" in packed.getnames()) == shown
    assert shown or answer == {"NOLC": 1, "Datasets": []}
    return set(builder.files(order))


@pytest.mark.parametrize("method", ["obsid", "snapshot", "counts"])
def test_a_faint_object_beside_a_bright_burst_has_finite_limits(method):
    files = beside("GRB 060729", 98.0, 0.3, binMeth=method, cent=0)
    assert {"curve.qdp", "curve.gif"} <= files


SOURCES = sorted(source.name for source in SKY.world.sources if source.targets)


@pytest.mark.parametrize("name", SOURCES)
def test_no_table_beside_a_source_breaks_a_picture_or_an_archive(name):
    assert "t0.date" in beside(name, 98.0, 1.0, binMeth="obsid", lcobs="user", uselcobs=first_of(name))


def first_of(name: str) -> str:
    source = SKY.named(name)
    assert source is not None
    return ",".join(o.obsid for o in SKY.observations(source.targets, (source.ra, source.dec), 1772323200.0)[:3])


def test_a_place_that_no_chosen_observation_shows_has_neither_tables_nor_a_picture():
    files = beside("M82", 600.0, 1.0, binMeth="obsid", cent=0, lcobs="user", uselcobs=first_of("M82"))
    assert files == {"t0.date", "lcgen.log", "lc.log", "progress.json"}


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SOURCES), offsets(), st.sampled_from(["obsid", "snapshot", "counts"]), st.sampled_from([0, 1]))
def test_no_table_anywhere_breaks_a_picture_or_an_archive(name, offset, method, cent):
    assert beside(name, *offset, binMeth=method, cent=cent, lcobs="user", uselcobs=first_of(name))


@given(st.lists(st.tuples(*[st.floats(width=32)] * 6), max_size=8), st.booleans(), st.booleans())
def test_a_picture_is_drawn_of_any_numbers(rows, mjd, limits):
    columns = np.array(rows, dtype=float).reshape(-1, 6).T
    picture = plots.light_curve([plots.Points("PC", limits, *columns)], mjd=mjd)
    assert picture.startswith(b"GIF8")
