"""Differences between the official client and its documentation: each is in the ledger, and fed to release 4.0.5."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from contracts import documents
from contracts.consumer import Answering
from contracts.differences import ledger
from tests.contract import fuzzing
from tests.contract.clients import ACCEPTED, JOB_PARS, USER, built, pairs

pytestmark = [
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:DEPRECATION WARNING:UserWarning"),
]
REFUSAL = {"OK": 0, "ERROR": "no", "APIVersion": "1.12"}
SPECTRA = {
    "OK": 1,
    "APIVersion": "1.12",
    "T0": 608713541.952,
    "DeltaFitStat": 2.706,
    "GalNH_unfitted": 1e20,
    "rnames": ["late"],
}


@pytest.fixture(autouse=True)
def folder_of_its_own(tmp_path, monkeypatch):
    """Clients save files in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def official() -> Any:
    from swifttools.ukssdc import xrt_prods

    return xrt_prods


@pytest.fixture
def request_(official: Any) -> Any:
    request = built(official.XRTProductRequest, silent=True)
    with Answering(body=ACCEPTED):
        assert request.submit(updateProds=False)
    return request


def statuses(**codes: Any) -> dict[str, Any]:
    entry = {"statusText": "x", "progress": {"GotProgress": 0}}
    return {
        **{name: {"statusCode": code, **entry} for name, code in codes.items()},
        "OK": 1,
        "JobID": 803,
        "APIVersion": "1.12",
    }


def every(code: Any) -> dict[str, Any]:
    return statuses(**dict.fromkeys(("lc", "spec", "psf", "enh", "xastrom", "image", "sourceDet"), code))


def by_address(part: str, body: Any) -> Answering:
    """Answer `body` where the address has `part`, and that all is complete elsewhere."""
    return Answering(choose=lambda r: (200, "text/html", body if part in str(r.url) else every(4)))


def refused_count_is_minus_one(official: Any, _request: Any) -> None:
    with Answering(body=REFUSAL):
        assert official.countActiveJobs(USER) == -1


def refused_list_is_none(official: Any, _request: Any) -> None:
    with Answering(body=REFUSAL):
        assert official.listOldJobs(USER) is None


def refused_status_reads_as_not_complete(_official: Any, request: Any) -> None:
    with Answering(body=REFUSAL):
        assert request.complete is False


def partial_cancel_returns_one(_official: Any, request: Any) -> None:
    body = {"OK": 2, "JobID": 803, "APIVersion": "1.12", "status": {"lc": "x"}, "statusCodes": {"lc": 1}}
    with Answering(body=body):
        assert request.cancelProducts(["LightCurve"])[0] == 1


def null_status_raises_type_error(_official: Any, request: Any) -> None:
    with Answering(body=every(None)), pytest.raises(TypeError):
        request.checkProductStatus()


def page_with_200_raises_decode_error(official: Any, _request: Any) -> None:
    with Answering(body="<html>maintenance</html>"), pytest.raises(json.JSONDecodeError):
        official.countActiveJobs(USER)


def missing_version_raises(official: Any, _request: Any) -> None:
    with Answering(body={"OK": 1, "numJobs": 3}), pytest.raises(RuntimeError):
        official.countActiveJobs(USER)


def documented_lcobs_makes_it_warn(official: Any, _request: Any) -> None:
    request = built(official.XRTProductRequest, silent=True)
    body = {**ACCEPTED, "jobPars": {**JOB_PARS, "lcobs": 0}}
    with Answering(body=body), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert request.submit()
    assert any("occured updating" in str(warning.message) for warning in caught)


def source_with_a_name_raises(_official: Any, request: Any) -> None:
    body = documents.example("getSourceDetResults.ok.response.json") | {"OK": 1, "APIVersion": "1.12"}
    body["Total"][0]["name"] = "2SXPS J0123"
    with by_address("Source", body), pytest.raises(ValueError, match="2SXPS"):
        request.retrieveSourceList(returnData=True)


def refused_spectra_raise_key_error(_official: Any, request: Any) -> None:
    with by_address("Spec", REFUSAL), pytest.raises(KeyError):
        request.retrieveSpectralFits(returnData=True)


def interval_without_spectrum_raises_key_error(_official: Any, request: Any) -> None:
    interval = {"DataFile": "https://www.swift.ac.uk/a/b.tar.gz", "Start": 1, "Stop": 2, "NOSPEC": 1}
    with by_address("Spec", {**SPECTRA, "late": interval}), pytest.raises(KeyError, match="Modes"):
        request.retrieveSpectralFits(returnData=True)


def missing_interval_raises_key_error(_official: Any, request: Any) -> None:
    with by_address("Spec", SPECTRA), pytest.raises(KeyError, match="late"):
        request.retrieveSpectralFits(returnData=True)


def cancel_rebin_raises_attribute_error(_official: Any, request: Any) -> None:
    with Answering(body={"OK": 1}) as answering, pytest.raises(AttributeError):
        request.cancelRebin()
    assert not answering.requests


def rebinned_curve_without_datasets_raises_value_error(_official: Any, request: Any) -> None:
    curve = {"OK": 1, "Binning": "Time", "TimeFormat": "MET", "Datasets": []}
    request._rebinID = 1518
    answering = Answering(
        choose=lambda r: (
            200,
            "text/html",
            curve if "downloadLightCurve" in str(r.body) else {"OK": 1, "status": 4, "text": "Complete"},
        )
    )
    with answering, pytest.raises(ValueError, match="Datasets"):
        request.getRebinnedLightCurve(returnData=True)


def tiny_version_raises_value_error(official: Any, _request: Any) -> None:
    with Answering(body={"OK": 1, "numJobs": 3, "APIVersion": 5e-324}), pytest.raises(ValueError, match="version"):
        official.countActiveJobs(USER)


CASES = {
    "J1": refused_count_is_minus_one,
    "J3": refused_list_is_none,
    "J4": refused_status_reads_as_not_complete,
    "J7": partial_cancel_returns_one,
    "J9": null_status_raises_type_error,
    "J11": page_with_200_raises_decode_error,
    "J12": missing_version_raises,
    "J15": documented_lcobs_makes_it_warn,
    "J25": refused_spectra_raise_key_error,
    "J29": source_with_a_name_raises,
    "J31": interval_without_spectrum_raises_key_error,
    "J32": missing_interval_raises_key_error,
    "J33": cancel_rebin_raises_attribute_error,
    "J34": rebinned_curve_without_datasets_raises_value_error,
    "J35": tiny_version_raises_value_error,
}


@pytest.mark.parametrize("number", CASES)
def test_the_official_client_behaves_as_the_ledger_says(number: str, official: Any, request_: Any) -> None:
    CASES[number](official, request_)


def test_each_of_these_cases_is_in_the_ledger_and_the_other_way_round() -> None:
    assert {entry.id for entry in ledger() if entry.kind == "client"} == set(CASES)


NIGHTLY_ANSWERS = 5_000
SURPRISES = {
    ("getSpecData", "Refusal", "KeyError"): "J25",
    ("getSpecData", "NoSpectra", "KeyError"): "J25",
    ("getSpecData", "Spectra", "KeyError"): "J31, J32",
    ("main cancel", "RebinCancelled", "AttributeError"): "J33",
    ("main cancel", "SharedFailure", "AttributeError"): "J33",
    ("main curve", "RebinnedLightCurve", "ValueError"): "J34",
}
"""Exceptions of the official client beside RuntimeError after generated answers: call, kind of answer, exception, and
their entries in the ledger."""


@pytest.mark.nightly
def test_what_thousands_of_documented_answers_make_the_official_client_raise_is_in_the_ledger(capsys) -> None:
    client = fuzzing.official_client()
    for name, variant in pairs():
        fuzzing.fuzz(client, name, variant, 130, watch=True)
    with capsys.disabled():
        print(f"\nofficial client: {client.report()}")
    assert set(client.surprises) == set(SURPRISES), client.report()
    assert sum(client.fed.values()) >= NIGHTLY_ANSWERS
