"""Known bursts beside the product generator: what they hold is what user objects hold for the same data."""

from datetime import UTC, datetime

import pytest

from mock_server import Simulator
from mock_server.clocks.virtual import VirtualClock
from mock_server.core.model import Product
from tests.server.conftest import EXACT, ME, Asker

TARGET = 554620  # GRB 130427A
HOST = "https://www.swift.ac.uk"


@pytest.fixture(scope="module")
def sim():
    with Simulator(settings=EXACT) as made:
        yield made


@pytest.fixture
def main(sim):
    return Asker(sim).main


def fetch(sim, address):
    return sim.app.test_client().get(address.removeprefix(HOST))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("GRB 130427A", {"targetID": TARGET}),
        ("grb060729", {"targetID": 221755}),
        ("GRB 390101A", {"NOTFOUND": 1}),
        ("M82", {"NOTFOUND": 1}),
    ],
)
def test_a_burst_is_found_by_its_name(main, name, answer):
    found = main("GRBNameToTargetID", name=name)
    assert {key: found[key] for key in found if key not in ("OK", "APIVersion")} == answer


def test_a_light_curve_is_that_of_a_job_with_the_same_data(sim, main):
    answer = main("downloadLightCurve", type="GRB", objectID=TARGET, incbad="both", nosys="both")
    parameters = dict(sim.simulation.bursts._order(TARGET, Product.LIGHT_CURVE, sim.jobs.begin()).parameters)
    job = sim.jobs.submit({**parameters, "UserID": ME})
    sim.clock.advance(3600)
    mine = sim.simulation.contents.answer(ME, job.job_id, Product.LIGHT_CURVE, "both", "both")
    names = [key for key in answer if key.endswith("Data")]
    assert names
    for key in names:
        assert answer[key]["data"] == mine[key]["data"]
        burst, job_file = answer[key]["URL"], mine[key]["URL"]
        assert burst == f"{HOST}/xrt_curves/00554620/{job_file.rpartition('/')[2]}"
        assert fetch(sim, burst).data == fetch(sim, job_file).data


def test_spectra_have_addresses_that_lead_to_files(sim, main):
    answer = main("downloadSpectrum", type="GRB", objectID=TARGET)
    assert len(answer["rnames"]) == 2
    for name in answer["rnames"]:
        assert answer[name]["DataFile"] == f"{HOST}/xrt_spectra/00554620/{name.replace('_', '')}.tar.gz"
        assert fetch(sim, answer[name]["DataFile"]).data[:2] == b"\x1f\x8b"
        for mode in answer[name]["Modes"]:
            for model in answer[name][mode]["Models"]:
                assert fetch(sim, answer[name][mode][model]["Image"]).data[:3] == b"GIF"


@pytest.mark.parametrize("file", ["curve.qdp", "curve2.qdp", "flux.qdp", "hardrat.qdp"])
def test_the_usual_files_are_there(sim, file):
    answer = fetch(sim, f"/xrt_curves/00554620/{file}")
    assert (answer.status_code, b"READ TERR" in answer.data) == (200, True)


def test_a_flux_is_the_rate_in_other_units(sim):
    def rows(file):
        lines = fetch(sim, f"/xrt_curves/{TARGET}/{file}").text.splitlines()
        return [line.split("\t") for line in lines if line[:1].isdigit()]

    rates, fluxes = rows("curve.qdp"), rows("flux.qdp")
    assert len(rates) == len(fluxes) > 3
    for rate, flux in zip(rates, fluxes, strict=True):
        assert rate[:3] == flux[:3]
        assert float(flux[3]) == pytest.approx(4e-11 * float(rate[3]), rel=1e-4)


@pytest.mark.parametrize(
    "path", ["xrt_curves/1/curve.qdp", "xrt_curves/554620/none.qdp", "xrt_spectra/554620/rebin_9/x"]
)
def test_another_address_leads_nowhere(sim, path):
    assert fetch(sim, f"/{path}").status_code == 404


def test_positions_are_flat_and_near_the_burst(main):
    found = main("getGRBPositions", targetID=TARGET, posToGet="all")
    kinds = ("Best", "Enhanced", "Standard", "SPER", "Onboard")
    assert set(found) == {"OK", "APIVersion"} | {f"{k}_{part}" for k in kinds for part in ("RA", "Decl", "Err90")}
    assert found["Onboard_Decl"] == pytest.approx(27.6979, abs=0.01)
    assert [found[f"Best_{part}"] for part in ("RA", "Decl", "Err90")] == [
        found[f"Enhanced_{part}"] for part in ("RA", "Decl", "Err90")
    ]
    assert set(main("getGRBPositions", targetID=TARGET, posToGet=["SPER"])) == {"OK", "APIVersion"} | {
        f"SPER_{part}" for part in ("RA", "Decl", "Err90")
    }


def test_a_burst_whose_first_data_have_not_arrived_has_early_positions_alone():
    an_hour_later = datetime(2013, 4, 27, 8, 47, tzinfo=UTC)
    with Simulator(clock=VirtualClock(an_hour_later.timestamp())) as early:
        main = Asker(early).main
        assert main("downloadLightCurve", type="GRB", objectID=TARGET)["NOLC"] == 1
        assert main("downloadSpectrum", type="GRB", objectID=TARGET)["NoSpectrum"] == 1
        found = main("getGRBPositions", targetID=TARGET, posToGet="all")
        assert [found[f"{kind}_Err90"] for kind in ("Enhanced", "Standard", "SPER", "Onboard")] == [
            None,
            None,
            2.8,
            5.0,
        ]
        assert found["Best_RA"] == found["SPER_RA"]
        asked = {"type": "GRB", "objectID": TARGET, "binMeth": "obsid"}
        assert main("rebinLightCurve", **asked)["ERRORTEXT"] == f"There are no data of target {TARGET}"
        assert fetch(early, "/xrt_curves/00554620/curve.qdp").status_code == 404


def test_a_light_curve_can_be_binned_anew(sim, main):
    number = main("rebinLightCurve", type="GRB", objectID=TARGET, binMeth="obsid")["JobID"]
    assert "OK" not in main("downloadLightCurve", type="REBIN_LC", objectID=number)
    sim.clock.advance(120)
    assert main("checkRebinStatus", JobID=number)["status"] == 4
    answer = main("downloadLightCurve", type="REBIN_LC", objectID=number)
    address = answer[f"{answer['Datasets'][0]}Data"]["URL"]
    assert f"/xrt_curves/00554620/rebin_{number}/" in address
    assert fetch(sim, address).status_code == 200
    assert fetch(sim, address.replace("00554620", "00221755")).status_code == 404  # another burst


def test_a_spectrum_of_other_times_can_be_made_and_cancelled(sim, main):
    asked = {
        "targetID": TARGET,
        "rnames": ["early", "late"],
        "times": ["0-20000", "20000-200000"],
        "modes": ["BOTH"] * 2,
    }
    first, second = (main("timesliceSpectrum", **asked)["JobID"] for _ in range(2))
    assert "OK" in main("cancelSlice", JobID=second)
    sim.clock.advance(120)
    assert [main("checkSliceStatus", JobID=number)["status"] for number in (first, second)] == [4, -4]
    answer = main("downloadSpectrum", type="timeslice", objectID=first)
    assert answer["rnames"] == ["early", "late"]
    assert fetch(sim, answer["early"]["DataFile"]).status_code == 200
    assert "OK" not in main("downloadSpectrum", type="timeslice", objectID=second)


@pytest.mark.parametrize(
    ("function", "body"),
    [
        ("rebinLightCurve", {"type": "GRB", "objectID": 1, "binMeth": "obsid"}),
        ("rebinLightCurve", {"type": "SXPS", "objectID": 1, "binMeth": "obsid"}),
        ("downloadLightCurve", {"type": "GRB", "objectID": 1}),
        ("downloadLightCurve", {"objectID": 1}),
        ("downloadSpectrum", {"type": "UOB_LC", "objectID": TARGET}),
        ("downloadSpectrum", {"type": "timeslice", "objectID": 987}),
        ("getGRBPositions", {"targetID": 1}),
        ("getGRBPositions", {"targetID": TARGET, "posToGet": ["Worst"]}),
        ("timesliceSpectrum", {"targetID": TARGET}),
        ("timesliceSpectrum", {"targetID": TARGET, "rnames": ["a", "b"], "times": ["0-5"]}),
        ("timesliceSpectrum", {"targetID": TARGET, "rnames": ["a"], "times": ["now"]}),
        ("GRBNameToTargetID", {}),
    ],
)
def test_what_does_not_fit_is_refused(main, function, body):
    answer = main(function, **body)
    assert "ERROR" in answer
    assert "OK" not in answer


def test_a_rebinning_of_a_job_is_never_taken_for_spectra_of_a_burst(sim, main):
    ask = Asker(sim)
    job = ask.submit({"name": "GRB 130427A", "lc": 1, "binMeth": "obsid", "getCoords": 1, "getTargs": 1, "cent": 0})
    sim.clock.advance(86400)
    number = main("rebinLightCurve", type="UOB_LC", objectID=job, binMeth="snapshot")["JobID"]
    sim.clock.advance(600)
    assert main("checkRebinStatus", JobID=number)["status"] == 4
    refused = main("downloadSpectrum", type="timeslice", objectID=number)
    assert f"Request {number} does not exist" in refused["ERRORTEXT"]


def test_a_number_of_a_job_is_never_taken_for_a_burst(main):
    assert "ERROR" in main("rebinLightCurve", type="UOB_LC", objectID=TARGET, binMeth="obsid")


def test_a_request_for_a_burst_survives_saving_and_loading():
    with Simulator(settings=EXACT) as other:
        number = Asker(other).main("rebinLightCurve", type="GRB", objectID=TARGET, binMeth="obsid")["JobID"]
        other.controls.load(other.controls.save())
        other.clock.advance(120)
        assert Asker(other).main("checkRebinStatus", JobID=number)["status"] == 4
