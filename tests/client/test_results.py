"""Positions, sources, light curves, spectra and rebinning, against canned answers in the documented forms."""

import io
import tarfile
from typing import Any

import pytest

from mock_server import Simulator
from xrt_client import (
    ContractBroken,
    ProductFailed,
    RequestInvalid,
    ServiceRejected,
    ServiceUnreachable,
    XRTProductRequest,
    shapes,
    wire,
)

from .conftest import ME, accepted, archive, refused, served, statuses
from .test_jobs import DOWN, SUBMIT
from .test_retrieve import PLACE, URL, names

PSF, ENH, ASTROM = "tprods/getPSFPos.php", "tprods/getEnhPos.php", "tprods/getAstromPos.php"
FOUND = {"OK": 1, "GotPos": 1, "RA": "335.69850", "Dec": "-7.51788", "Err90": "3.5", "APIVersion": "1.12"}


@pytest.fixture
def done(canned, grb, service):
    """A job of all products, all complete."""
    for kind in ("StandardPos", "EnhancedPos", "AstromPos", "Image"):
        grb.addProduct(kind)
    grb.addSourceDet(whichData="all")
    canned.will(SUBMIT, accepted(dopsf=1, doenh=1, doxastrom=1, image=1, sourceDet=1))
    canned.will("checkProductStatus.php", statuses(lc=4, spec=4, psf=4, enh=4, xastrom=4, image=4, sourceDet=4))
    assert grb.submit(updateProds=False)
    return grb


def test_products_that_have_expired_are_reported_as_that_and_not_as_an_address_that_is_not_there(tmp_path):
    with Simulator().intercept() as simulator:
        wanted = XRTProductRequest(ME, silent=True)
        wanted.setGlobalPars(name="GRB 060729", getCoords=True, getTargs=True, centroid=False, useSXPS=False)
        wanted.addImage(energies="0.3-10")
        assert wanted.submit()
        simulator.clock.advance(30 * 86400)
        outcome = wanted.downloadProducts(tmp_path)
    words = "the products of job 1 have expired; copyOldJob(1) and submit() build them again"
    assert outcome == {"Image": f"ERROR: {words}"}
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_not_there_is_no_expiry_if_the_service_still_has_the_products(canned, done, tmp_path):
    job = {"JobID": done.JobID, "Name": "x", "hasProd": True} | dict.fromkeys(
        ("DateSubmitted", "LightCurve", "Spectrum", "StandardPos", "EnhancedPos", "AstromPos", "Image"), False
    )
    canned.will("listOldJobs.php", {"OK": 1, "APIVersion": "1.12", "jobs": [job]})
    assert "HTTP 404" in str(done.downloadProducts(tmp_path, what="lc"))
    canned.will("listOldJobs.php", DOWN)
    assert "HTTP 404" in str(done.downloadProducts(tmp_path, what="lc"))


# ---- positions -------------------------------------------------------------------------------------------------


def test_a_position_is_kept_and_returned(canned, done):
    canned.will(PSF, {**FOUND, "FromSXPS": 0})
    expected = {"GotPos": True, "RA": "335.69850", "Dec": "-7.51788", "Err90": "3.5", "FromSXPS": False}
    got = done.retrieveStandardPos()
    assert {key: got[key] for key in expected} == expected
    assert done.standardPos == got
    assert done.retrieveStandardPos(returnData=False) is None


def test_a_position_of_the_catalogue_says_which(canned, done):
    canned.will(ASTROM, {**FOUND, "FromSXPS": 1, "WhichSXPS": "2SXPS"})
    assert (done.retrieveAstromPos()["FromSXPS"], done.astromPos["WhichSXPS"]) == (True, "2SXPS")


def test_the_enhanced_position_has_no_catalogue(canned, done):
    canned.will(ENH, FOUND)
    assert "FromSXPS" not in done.retrieveEnhancedPos()
    assert done.enhancedPos["GotPos"] is True


def test_no_position_comes_with_a_reason(canned, done):
    canned.will(PSF, {"OK": 1, "GotPos": 0, "FromSXPS": 0})
    assert done.retrieveStandardPos() == {"GotPos": False, "Reason": "No position could be determined."}


def test_a_refused_position_clears_its_own_place_and_no_other(canned, done):
    canned.will(PSF, {**FOUND, "FromSXPS": 0})
    done.retrieveStandardPos()
    canned.will(ENH, refused("The enhanced position is not complete"))
    assert done.retrieveEnhancedPos() == {"GotPos": False, "Reason": "The enhanced position is not complete"}
    assert done.enhancedPos is None
    assert done.standardPos["GotPos"]


def test_fetching_a_position_leaves_the_state_of_the_job_alone(canned, done):
    canned.will("checkProductStatus.php", statuses(lc=3, spec=3, psf=4, enh=4, xastrom=4, image=4, sourceDet=4))
    canned.will(PSF, {**FOUND, "FromSXPS": 0})
    done.retrieveStandardPos()
    assert done.status[0] == 1
    assert not done.complete


def test_a_lost_answer_is_no_position_and_no_reason_but_an_error(canned, done):
    canned.will(PSF, DOWN)
    with pytest.raises(ServiceUnreachable):
        done.retrieveStandardPos()


def test_products_that_were_not_requested_cannot_be_fetched(canned, service):
    request = XRTProductRequest(ME, service=service)
    with pytest.raises(RuntimeError, match="not been submitted"):
        request.retrieveStandardPos()
    canned.will("getOldProduct.php", {**accepted(), "oldJob": 951})
    canned.will("checkProductStatus.php", statuses(lc=4, spec=4))
    request.copyOldJob(951, becomeThis=True)
    for call in (request.retrieveStandardPos, request.retrieveSourceList):
        with pytest.raises(RuntimeError, match="have not added"):
            call()


# ---- sources ---------------------------------------------------------------------------------------------------

SOURCES = "tprods/getSourceDetResults.php"


def test_sources_come_by_band_with_numbers_where_there_are_numbers(canned, done):
    source = {"sno": "1", "x": "503.99", "err90": "3.5e-07", "id": "2SXPS J0123", "detflag": "Good", "rate": "1e-07"}
    canned.will(SOURCES, {"OK": 1, "Total": [source], "Soft": [], "JobID": 951, "APIVersion": "1.12"})
    expected = {"sno": 1, "x": 503.99, "err90": 3.5e-07, "id": "2SXPS J0123", "detflag": "Good", "rate": 1e-07}
    assert done.retrieveSourceList() == {"Total": [expected], "Soft": []}
    assert done.sourceList == {"Total": [expected], "Soft": []}


def test_a_refused_source_list_is_a_documented_dict(canned, done):
    canned.will(SOURCES, refused("The source detection is not complete"))
    assert done.retrieveSourceList() == {"ERROR": True, "Reason": "The source detection is not complete"}


# ---- light curve -----------------------------------------------------------------------------------------------

CURVE = "tprods/getLCData.php"


def curve(**more: Any) -> dict[str, Any]:
    table = {
        "columns": ["Time", "TimePos", "TimeNeg", "Rate", "RatePos", "RateNeg"],
        "data": [["231.3", "9.4", "-10.6", "2.49", "0.54", "-0.54"], [254.7, 8.6, -13.9, 2.4, 0.5, -0.5]],
        "URL": URL + "lc/PCCURVE.qdp",
    }
    return {"Datasets": ["PC"], "PCData": table, "OK": 1, "Binning": "Counts", "TimeFormat": "MET", **more}


def test_a_light_curve_comes_as_tables(canned, done):
    canned.will(CURVE, curve(T0=608713541.952))
    data = done.retrieveLightCurve(nosys="both", incbad=True)
    assert data["PC"]["Time"].tolist() == [231.3, 254.7]
    assert (data["Datasets"], data["Binning"], data["T0"]) == (["PC"], "Counts", 608713541.952)
    assert data["URLs"] == {"PC": URL + "lc/PCCURVE.qdp"}
    assert done.lcData is data
    question = canned.asked(CURVE)[0]
    assert (question["nosys"], question["incbad"]) == ("both", "yes")


def test_a_refused_light_curve_keeps_the_last_one(canned, done):
    canned.will(CURVE, curve(), refused("The light curve is not complete"))
    done.retrieveLightCurve()
    assert done.retrieveLightCurve() == {"ERROR": True, "Reason": "The light curve is not complete"}
    assert "PC" in done.lcData


@pytest.mark.parametrize(
    "broken", [{"PCData": None}, {"PCData": {"data": []}}, {"PCData": {"columns": ["Time"], "data": [[1, 2]]}}]
)
def test_a_dataset_that_is_not_a_table_breaks_the_contract(canned, done, broken):
    canned.will(CURVE, curve(**broken))
    with pytest.raises(ContractBroken):
        done.retrieveLightCurve()


def test_an_unknown_choice_is_refused_before_anything_is_asked(canned, done):
    with pytest.raises(ValueError, match="incbad"):
        done.retrieveLightCurve(incbad="sometimes")
    assert canned.asked(CURVE) == []


def test_a_light_curve_is_plotted_with_labels_from_the_request(canned, done, tmp_path):
    canned.will(CURVE, curve())
    with pytest.raises(RuntimeError, match="No light curve"):
        done.plotLC()
    done.retrieveLightCurve()
    _, axes = done.plotLC(xlog=True, fileName=tmp_path / "lc.png")
    assert axes.get_xlabel() == "Time since MET=608713541.952 (s)"
    assert len(axes.containers) == 1


# ---- spectra ---------------------------------------------------------------------------------------------------

SPECTRUM = "tprods/getSpecData.php"
FIT = {"Models": ["PowerLaw"], "PowerLaw": {"Gamma": 1.7, "Image": URL + "spec/interval0pc_plot.gif"}}
SPECTRA: dict[str, Any] = {
    "OK": 1,
    "T0": 608713541.952,
    "rnames": ["interval0", "late", "gap"],
    "interval0": {"DataFile": URL + "spec/interval0.tar.gz", "Start": 1, "Stop": 2, "Modes": ["PC"], "PC": FIT},
    "late": {"DataFile": URL + "spec/late.tar.gz", "Start": 2, "Stop": 3, "Modes": ["PC"], "PC": {"NOFIT": 1}},
    "gap": {"Start": 3, "Stop": 4, "NOSPEC": 1},
    "APIVersion": "1.12",
}


def packed(*members: str) -> tuple[int, dict[str, str], bytes]:
    return served(archive("tar.gz", **dict.fromkeys(members, b"abc")))


@pytest.fixture
def fitted(canned, done):
    canned.will(SPECTRUM, SPECTRA)
    canned.will(PLACE + "spec/interval0.tar.gz", packed("interval0pc.pi", "models/interval0pc.xcm"))
    canned.will(PLACE + "spec/late.tar.gz", packed("latepc.pi"))
    canned.will(PLACE + "spec/interval0pc_plot.gif", served(b"GIF89a"))
    done.retrieveSpectralFits()
    return done


def test_spectra_come_as_documented(fitted):
    assert fitted.specData["interval0"]["PC"]["PowerLaw"]["Gamma"] == 1.7
    assert fitted.specData["gap"]["NOSPEC"] == 1


@pytest.mark.parametrize("answer", [{"OK": 1, "NoSpectrum": 1}, {"OK": 1, "rnames": []}])
def test_no_spectrum_is_an_answer_too(canned, done, answer):
    canned.will(SPECTRUM, answer)
    assert done.retrieveSpectralFits() == {key: value for key, value in answer.items() if key != "OK"}
    assert done.saveSpectralData() == []


def test_an_invalid_address_breaks_the_contract(canned, done):
    late = {**SPECTRA["late"], "DataFile": "https://[broken/late.tar.gz"}
    canned.will(SPECTRUM, {**SPECTRA, "rnames": ["late"], "late": late})
    done.retrieveSpectralFits()
    with pytest.raises(ContractBroken, match="not a valid address"):
        done.saveSpectralData()


def test_refused_spectra_are_a_documented_dict(canned, done):
    canned.will(SPECTRUM, refused("The spectrum is not complete"))
    assert done.retrieveSpectralFits() == {"ERROR": True, "Reason": "The spectrum is not complete"}
    with pytest.raises(RuntimeError, match="fetched first"):
        done.saveSpectralData()


@pytest.mark.parametrize(
    "answer",
    [
        {"OK": 1, "rnames": ["late"]},
        {"OK": 1, "rnames": "late"},
        {"OK": 1, "rnames": [["late"]]},
        {"OK": 1, "rnames": ["late"], "late": {"Modes": ["PC"]}},
        {"OK": 1, "rnames": ["late"], "late": {"Modes": ["PC"], "PC": {"Models": ["APEC"], "APEC": 3}}},
    ],
)
def test_a_name_without_its_table_breaks_the_contract(canned, done, answer):
    canned.will(SPECTRUM, answer)
    with pytest.raises(ContractBroken, match=r"rnames|Modes|Models"):
        done.retrieveSpectralFits()


def test_an_answer_that_is_no_spectrum_breaks_the_contract(canned, done):
    canned.will(SPECTRUM, {"OK": 1})
    with pytest.raises(ContractBroken):
        done.retrieveSpectralFits()


def test_spectra_are_saved_with_their_plots_whatever_is_missing(fitted, tmp_path):
    saved = fitted.saveSpectralData(tmp_path / "a" / "spec", prefix="my_")
    assert names(tmp_path / "a" / "spec") == ["my_interval0.tar.gz", "my_interval0pc_plot.gif", "my_late.tar.gz"]
    assert sorted(path.name for path in saved) == names(tmp_path / "a" / "spec")


def test_spectra_are_unpacked_in_a_relative_folder_without_moving(fitted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fitted.saveSpectralData("spec", spectra=["interval0"], specSubDirs=True, extract=True, removeTar=True)
    assert names(tmp_path / "spec") == ["interval0"]
    assert names(tmp_path / "spec" / "interval0") == ["interval0pc.pi", "interval0pc_plot.gif", "models"]


def test_existing_files_stop_the_saving_unless_errors_are_skipped(fitted, tmp_path):
    (tmp_path / "interval0.tar.gz").write_text("mine")
    with pytest.raises(RequestInvalid, match="clobber"):
        fitted.saveSpectralData(tmp_path)
    fitted.saveSpectralData(tmp_path, skipErrors=True)
    assert (tmp_path / "interval0.tar.gz").read_text() == "mine"
    assert "late.tar.gz" in names(tmp_path)
    fitted.saveSpectralData(tmp_path, clobber=True)
    assert (tmp_path / "interval0.tar.gz").read_bytes().startswith(b"\x1f\x8b")


def test_a_missing_file_is_never_saved_as_a_page(canned, fitted, tmp_path):
    canned.will(PLACE + "spec/interval0.tar.gz", (404, {}, b"<html>gone</html>"))
    with pytest.raises(ContractBroken, match="404"):
        fitted.saveSpectralData(tmp_path)
    assert names(tmp_path) == []


def test_an_archive_with_a_link_is_refused(canned, fitted, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(info)
    canned.will(PLACE + "spec/interval0.tar.gz", served(buffer.getvalue()))
    with pytest.raises(ContractBroken, match="neither file nor folder"):
        fitted.saveSpectralData(tmp_path, extract=True)


# ---- rebinning -------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(canned):
    """Answers of the shared functions, by name."""
    answers: dict[str, list[Any]] = {}
    questions: list[dict[str, Any]] = []

    class Main:
        def __call__(self, environ: Any) -> Any:
            document = canned.calls[-1][1]
            questions.append(document)
            waiting = answers[document["APIFunc"]]
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    canned.will("/API/main.php", Main())
    answers["questions"] = questions
    return answers


def test_a_light_curve_is_rebinned(shared, done, tmp_path, canned):
    shared["rebinLightCurve"] = [{"OK": 1, "JobID": "1518"}]
    shared["checkRebinStatus"] = [
        {"OK": 1, "status": 3, "text": "Running"},
        {"OK": 1, "status": 4, "text": "Complete"},
    ]
    shared["downloadLightCurve"] = [curve()]
    canned.will(PLACE + "lc/PCCURVE.qdp", served(b"READ TERR 1 2\n"))
    assert done.RebinID is None
    assert done.rebinLightCurve(binMeth="counts", pcCounts=50, wtCounts=50, dynamic=True) == 1518
    assert done.RebinID == 1518
    assert done.checkRebinStatus() == {"statusCode": 3, "statusText": "Running"}
    assert done.rebinComplete()
    data = done.getRebinnedLightCurve(saveData=True, destDir=tmp_path)
    assert done.lcData is data
    assert names(tmp_path) == ["PCCURVE.qdp"]
    asked = shared["questions"][0]
    assert (asked["type"], asked["objectID"], asked["name"]) == ("UOB_LC", "951", "GRB 200416A")
    assert (asked["pcCounts"], asked["dynamic"]) == (50, True)
    fetched = shared["questions"][-1]
    assert (fetched["type"], fetched["objectID"], fetched["incbad"]) == ("REBIN_LC", 1518, "no")


@pytest.mark.parametrize("name", ["obsid", "observation"])
def test_one_bin_for_each_observation_has_two_names(shared, done, name):
    shared["rebinLightCurve"] = [{"OK": 1, "JobID": 1}]
    done.rebinLightCurve(binMeth=name)
    assert shared["questions"][0]["binMeth"] == "obsid"


@pytest.mark.parametrize("pars", [{}, {"binMeth": "guess"}, {"nonsense": 1}])
def test_wrong_parameters_of_a_rebinning_are_not_sent(shared, done, pars):
    with pytest.raises(ValueError, match=r"needs binMeth|not a valid value|not a recognised"):
        done.rebinLightCurve(**pars)
    assert shared["questions"] == []


def test_what_needs_a_rebinning_says_so_without_one(done):
    for call in (done.checkRebinStatus, done.rebinComplete, done.cancelRebin, done.getRebinnedLightCurve):
        with pytest.raises(RuntimeError, match="rebinLightCurve"):
            call()


def test_a_light_curve_in_the_making_cannot_be_rebinned(canned, shared, done):
    canned.will("checkProductStatus.php", statuses(lc=3))
    with pytest.raises(RuntimeError, match="not complete"):
        done.rebinLightCurve(binMeth="obsid")


@pytest.fixture
def rebinned(shared, done):
    shared["rebinLightCurve"] = [{"OK": 1, "JobID": 1}]
    done.rebinLightCurve(binMeth="obsid")
    return done


def test_a_rebinning_can_be_cancelled_or_is_over(shared, rebinned):
    shared["cancelRebin"] = [{"OK": 1}, {"ERROR": "1"}, {"OK": 0}]
    shared["checkRebinStatus"] = [{"OK": 1, "status": 4, "text": "Complete"}]
    assert rebinned.cancelRebin() is True
    assert rebinned.cancelRebin() is False
    assert rebinned.cancelRebin() is False


def test_a_rebinning_that_is_cancelled_already_counts_as_cancelled(shared, rebinned):
    shared["cancelRebin"] = [{"ERROR": "1"}]
    shared["checkRebinStatus"] = [{"OK": 1, "status": -4, "text": "Cancelled at your request"}]
    assert rebinned.cancelRebin() is True


def test_a_rebinning_that_ended_in_failure_ends_the_waiting(shared, rebinned):
    shared["checkRebinStatus"] = [{"OK": 1, "status": -4, "text": "Cancelled at your request"}]
    with pytest.raises(ProductFailed, match="-4"):
        rebinned.rebinComplete()


def test_a_rebinned_curve_without_data_has_no_datasets(shared, rebinned):
    shared["checkRebinStatus"] = [{"OK": 1, "status": 4, "text": "Complete"}]
    shared["downloadLightCurve"] = [{"OK": 1, "NOLC": 1}]
    assert rebinned.getRebinnedLightCurve()["Datasets"] == []


def test_a_rebinning_whose_answer_was_lost_is_not_repeated(shared, done):
    shared["rebinLightCurve"] = [DOWN]
    with pytest.raises(ServiceUnreachable) as raised:
        done.rebinLightCurve(binMeth="obsid")
    assert raised.value.maybe_done
    assert len(shared["questions"]) == 1


def test_a_refused_rebinning_has_the_message_of_the_service(shared, done):
    shared["rebinLightCurve"] = [{"ERROR": 3, "ERRORTEXT": "No such light curve"}]
    with pytest.raises(ServiceRejected, match="No such light curve"):
        done.rebinLightCurve(binMeth="obsid")


@pytest.mark.parametrize("cell", ["a lot", [], {}, True, 10**400])
def test_a_cell_that_is_not_a_number_breaks_the_contract(cell):
    table = {"columns": ["Time", "ObsID"], "data": [["1.5", "00966554000"], [cell, "00966554000"]]}
    with pytest.raises(ContractBroken, match=r"PCData.data\[1\].Time is .*, but must be a number"):
        shapes.check("getLCData", {"Datasets": ["PC"], "PCData": table}, wire.light_curve)


@pytest.mark.parametrize("cell", ["1e-5", "inf", "nan", None, 3])
def test_cells_that_clients_read_as_numbers_are_taken(cell):
    document = {"OK": 1, "Datasets": ["PC"], "PCData": {"columns": ["Time"], "data": [[cell]]}}
    assert wire.read_answer("getLCData", document, wire.light_curve) == document


def test_what_was_saved_is_said_on_request(canned, done, tmp_path, capsys):
    for form in ("lc", "spec"):
        canned.will(f"{PLACE}{form}.zip", served(archive("zip")))
    done.downloadProducts(tmp_path, what=["lc", "spec"], format="zip", silent=False)
    assert capsys.readouterr().out.splitlines() == [
        f"LightCurve: {tmp_path / 'lc.zip'}",
        f"Spectrum: {tmp_path / 'spec.zip'}",
    ]


def test_unpacked_spectra_may_stay_beside_their_archives(fitted, tmp_path, capsys):
    saved = fitted.saveSpectralData(tmp_path, spectra=["late"], extract=True, saveImages=False, verbose=True)
    assert capsys.readouterr().out == f"Saved {tmp_path / 'late.tar.gz'}\n"
    assert saved == [tmp_path / "late.tar.gz"]
    assert "latepc.pi" in names(tmp_path)


def test_a_fit_without_a_plot_has_no_file_of_one(canned, done, tmp_path):
    interval = {**SPECTRA["interval0"], "PC": {"Models": ["PowerLaw"], "PowerLaw": {"NOFIT": 1}}}
    canned.will(SPECTRUM, {**SPECTRA, "rnames": ["interval0"], "interval0": interval})
    done.retrieveSpectralFits()
    assert done.saveSpectralData(tmp_path, saveData=False) == []


def test_a_curve_that_is_still_being_rebinned_is_not_fetched(shared, done):
    shared["rebinLightCurve"] = [{"OK": 1, "JobID": 1518}]
    shared["checkRebinStatus"] = [{"OK": 1, "JobID": 1518, "status": 3, "text": "Running"}]
    done.rebinLightCurve(binMeth="counts", pcCounts=50, wtCounts=50, dynamic=True)
    with pytest.raises(RequestInvalid, match="the rebinned light curve is not complete"):
        done.getRebinnedLightCurve()
