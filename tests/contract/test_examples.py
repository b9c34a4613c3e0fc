"""Every documented body against the contract; those that contradict it are listed with the reason, and must fail."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import documents
from contracts.documents import ContractViolation
from tests.tools.asserting import no_exception

VERSION = {"APIVersion": "1.12"}
ENVELOPE = {"OK": 1, **VERSION}
SUBMISSION = "run_userobject"

GOOD_ANSWERS = {
    "run_userobject.error.missing_and_invalid.response.json": (SUBMISSION, "Refusal"),
    "canceljob.ok.tutorial_spec.response.json": ("canceljob", "CancellationDone"),
    "checkProductStatus.tutorial_running.response.json": ("checkProductStatus", "ProductStatuses"),
    "checkProductStatus.tutorial_complete.response.json": ("checkProductStatus", "ProductStatuses"),
    "getNumJobs.ok.response.json": ("getNumJobs", "ActiveJobs"),
    "getNumJobs.error.unknown_user.response.json": ("getNumJobs", "Refusal"),
    "listOldJobs.ok.response.json": ("listOldJobs", "OldJobs"),
    "getPSFPos.ok.derived.response.json": ("getPSFPos", "PositionFound"),
    "getPSFPos.from_sxps.derived.response.json": ("getPSFPos", "PositionFromCatalogue"),
    "getPSFPos.none.derived.response.json": ("getPSFPos", "PositionNone"),
    "getEnhPos.ok.derived.response.json": ("getEnhPos", "EnhancedPositionFound"),
    "getLCData.ok.api_1_10.derived.response.json": ("getLCData", "LightCurve"),
    "getLCData.ok.api_1_9.derived.response.json": ("getLCData", "LightCurve19"),
    "getLCData.ok.api_1_8.derived.response.json": ("getLCData", "LightCurve18"),
    "main.rebinLightCurve.ok.derived.response.json": ("main", "RebinAccepted"),
    "main.checkRebinStatus.running.derived.response.json": ("main", "RebinStatus"),
    "main.error.derived.response.json": ("main", "SharedFailure"),
    "ownership.error.derived.response.json": ("getPSFPos", "Refusal"),
    "deprecation_warning.derived.response.json": ("getNumJobs", "ActiveJobs"),
}
GOOD_REQUESTS = {
    "run_userobject.grb_200416A_lightcurve.request.json": SUBMISSION,
    "run_userobject.fo_aqr_spectrum.request.json": SUBMISSION,
    "run_userobject.tutorial_all_products.request.json": SUBMISSION,
    "run_userobject.tutorial_python.derived.request.json": SUBMISSION,
    "run_userobject.tutorial_python.release_1_0.derived.request.json": SUBMISSION,
    "canceljob.tutorial_spec.request.json": "canceljob",
    "canceljob.lc_spec.request.json": "canceljob",
    "checkProductStatus.tutorial.request.json": "checkProductStatus",
    "checkProductStatus.example1_basic.request.json": "checkProductStatus",
    "checkProductStatus.example2_progress.request.json": "checkProductStatus",
    "checkProductStatus.example3_everything.request.json": "checkProductStatus",
    "checkProductStatus.example4_not_requested.request.json": "checkProductStatus",
    "getNumJobs.request.json": "getNumJobs",
    "listOldJobs.request.json": "listOldJobs",
    "getOldProduct.request.json": "getOldProduct",
    "getPosition.request.json": "getPSFPos",
    "getSourceDetResults.request.json": "getSourceDetResults",
    "main.rebinLightCurve.derived.request.json": "main",
    "main.checkRebinStatus.derived.request.json": "main",
    "main.downloadLightCurve.rebin.derived.request.json": "main",
}
# Printed as parts of a request; each is submitted together with the first.
FRAGMENTS = [f"run_userobject.fragment.{part}.request.json" for part in (
    "basic", "basic_optional", "lc_standard", "lc_time", "lc_counts", "lc_snapshot", "lc_obsid", "spectrum_timeslice",
    "position",
)]  # fmt: skip
# A part of an answer, and the schema of that part.
PARTS = {
    "run_userobject.ok.grb_200416A.jobPars.client_safe.json": "JobParameters",
    "listOldJobs.entry.gone.client_view.json": "OldJob",
    "progress.spectrum.substep_extra.client_view.json": "ProgressGiven",
}
# What contradicts the contract: operation, reason, and the smallest change that corrects it (so that the reason is
# the only one). Keys of the change with the value ... are removed.
CONTRADICTIONS = {
    "run_userobject.ok.gk_per.response.json": (
        SUBMISSION,
        "codes where every client needs text, poserr in arcsec, a catalogue name for a switch",
        {"jobPars": {"centMeth": "iterative", "timeslice": "single", "specobs": "all", "lcobs": "all", "useSXPS": 0}},
    ),
    "run_userobject.ok.tutorial.response.json": (
        SUBMISSION,
        "jobPars is blanked out in the source",
        {"jobPars": documents.example("run_userobject.ok.grb_200416A.jobPars.client_safe.json")},
    ),
    "run_userobject.error.missing_and_invalid.raw_body.response.json": (SUBMISSION, "no APIVersion", VERSION),
    "canceljob.ok.response.json": ("canceljob", "no APIVersion", VERSION),
    "canceljob.partial.response.json": ("canceljob", "no APIVersion", VERSION),
    "canceljob.error.not_owner.response.json": ("canceljob", "no APIVersion", VERSION),
    "checkProductStatus.example1_basic.response.json": ("checkProductStatus", "no APIVersion", VERSION),
    "checkProductStatus.example2_progress.response.json": ("checkProductStatus", "no APIVersion", VERSION),
    "checkProductStatus.example3_everything.response.json": ("checkProductStatus", "no APIVersion", VERSION),
    "checkProductStatus.example4_not_requested.response.json": ("checkProductStatus", "no APIVersion", VERSION),
    "getOldProduct.ok.response.json": (
        "getOldProduct",
        "jobPars is cut short, and there is no URL, which clients from 1.6 need",
        {
            "URL": "https://www.swift.ac.uk/user_objects/tprods/USERPROD_800",
            "jobPars": documents.example("run_userobject.ok.grb_200416A.jobPars.client_safe.json"),
        },
    ),
    "getSourceDetResults.ok.response.json": ("getSourceDetResults", "cut short: neither OK nor APIVersion", ENVELOPE),
    "run_userobject.ok.grb_200416A.jobPars.json": (
        "JobParameters",
        "lcobs is 0, which no client release can read",
        {"lcobs": "all"},
    ),
    "getPSFPos.ok.client_view.json": (
        "getPSFPos",
        "the client's view: switches turned into booleans, envelope gone",
        {**ENVELOPE, "GotPos": 1, "FromSXPS": 0},
    ),
    "getPSFPos.ok.tutorial.client_view.json": (
        "getPSFPos",
        "the client's view: switches turned into booleans, envelope gone",
        {**ENVELOPE, "GotPos": 1, "FromSXPS": 0},
    ),
    "getAstromPos.ok.client_view.json": (
        "getAstromPos",
        "the client's view: switches turned into booleans, envelope gone",
        {**ENVELOPE, "GotPos": 1, "FromSXPS": 0},
    ),
    "getEnhPos.ok.client_view.json": (
        "getEnhPos",
        "the client's view: switches turned into booleans, envelope gone",
        {**ENVELOPE, "GotPos": 1},
    ),
    "getEnhPos.ok.tutorial.client_view.json": (
        "getEnhPos",
        "the client's view: switches turned into booleans, envelope gone",
        {**ENVELOPE, "GotPos": 1},
    ),
    "lightcurve.dict_shape.client_view.json": (
        "getLCData",
        "the client's view: addresses gathered under URLs, tables left out, envelope gone",
        {**ENVELOPE, "URLs": ...},
    ),
    "spectrum.grb_130925A.client_view.json": (
        "getSpecData",
        "the client's view: envelope gone; no GalNH_unfitted, which the client's default mode needs",
        {**ENVELOPE, "GalNH_unfitted": 1.0e20},
    ),
    "spectrum.tutorial.client_view.json": ("getSpecData", "the client's view, cut short within the fit", None),
    "spectrum.old_format.client_view.json": (
        "getSpecData",
        "the client's view: envelope gone; the names of the intervals are not listed",
        {**ENVELOPE, "rnames": ["spectrum 1", "spectrum 2"]},
    ),
    "getSourceDetResults.ok.client_view.json": (
        "getSourceDetResults",
        "the client's view: text turned into numbers, envelope gone",
        None,
    ),
    "checkProductStatus.skeleton.response.json": ("checkProductStatus", "placeholders instead of values", None),
    "lightcurve.tables.client_view.json": ("getLCData", "rows of tables, arranged by the client", None),
    "lightcurve.old_columns.client_view.json": ("getLCData", "column names alone", None),
    "main.checkRebinStatus.client_view.json": ("main", "the client's view of two answers", None),
    "main.downloadLightCurve.keys.json": ("main", "lists of keys, not an answer", None),
    "cancel.python.client_view.json": ("canceljob", "what the client's function returns", None),
    "progress.enhanced.text.client_view.json": ("checkProductStatus", "text the client makes from progress", None),
    "progress.tutorial.text.client_view.json": ("checkProductStatus", "text the client makes from progress", None),
    "downloads.python.client_view.json": ("downloadProduct", "names of files the client wrote", None),
    "request_parameters.grb_200416A.client_view.json": (SUBMISSION, "parameters under the client's names", None),
    "lightcurve_parameters.advanced.client_view.json": (SUBMISSION, "parameters under the client's names", None),
}
SEVERAL = {"spectrum.missing_data.derived.json": "getSpecData"}
HEADERS = {"http.200.application_error.headers.json": 200, "http.404.headers.json": 404}


def corrected(body: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    kept = {key: value for key, value in body.items() if change.get(key, 0) is not ...}
    return kept | {key: corrected(kept.get(key, {}), value) for key, value in change.items() if value is not ...}


def check(operation: str, body: Any) -> None:
    if operation == "JobParameters":
        documents.check_schema(operation, body)
    elif operation == "downloadProduct":
        documents.check_schema("SubmissionAccepted", body)
    else:
        documents.check_response(operation, 200, body)


def test_every_documented_body_is_in_one_of_the_tables():
    tables: list[Any] = [GOOD_ANSWERS, GOOD_REQUESTS, FRAGMENTS, PARTS, CONTRADICTIONS, SEVERAL, HEADERS]
    listed = sorted(file for table in tables for file in table)
    assert listed == sorted(entry["file"] for entry in documents.examples())


@pytest.mark.parametrize("file", GOOD_ANSWERS)
def test_a_documented_answer_is_what_the_contract_says(file):
    operation, variant = GOOD_ANSWERS[file]
    assert documents.check_response(operation, 200, documents.example(file), "text/html; charset=UTF-8") == variant


@pytest.mark.parametrize("file", GOOD_REQUESTS)
def test_a_documented_request_is_what_the_contract_says(file):
    with no_exception():
        documents.check_request(GOOD_REQUESTS[file], documents.example(file))


@pytest.mark.parametrize("file", FRAGMENTS)
def test_a_documented_part_of_a_request_completes_the_first_part(file):
    with no_exception():
        documents.check_request(SUBMISSION, documents.example(FRAGMENTS[0]) | documents.example(file))


@pytest.mark.parametrize("file", PARTS)
def test_a_documented_part_of_an_answer_is_what_the_contract_says(file):
    with no_exception():
        documents.check_schema(PARTS[file], documents.example(file))


@pytest.mark.parametrize("file", SEVERAL)
def test_each_of_several_documented_answers_is_what_the_contract_says(file):
    for body in documents.example(file).values():
        with no_exception():
            documents.check_response(SEVERAL[file], 200, body)


@pytest.mark.parametrize("file", CONTRADICTIONS)
def test_a_documented_body_that_contradicts_the_contract_fails(file):
    operation, _reason, _change = CONTRADICTIONS[file]
    with pytest.raises(ContractViolation):
        check(operation, documents.example(file))


@pytest.mark.parametrize("file", [file for file, (_op, _reason, change) in CONTRADICTIONS.items() if change])
def test_the_listed_reason_is_the_only_one(file):
    operation, reason, change = CONTRADICTIONS[file]
    more = ""
    try:
        check(operation, corrected(documents.example(file), change))
    except ContractViolation as violation:
        more = str(violation)
    assert not more, f"{file} is listed because of {reason!r}, but there is more"


@pytest.mark.parametrize("file", HEADERS)
def test_the_documented_headers_carry_the_documented_label(file):
    label = documents.example(file)["headers"]["Content-Type"]
    if HEADERS[file] == 200:
        refusal = {"OK": 0, "ERROR": "no", "APIVersion": 0.1}
        assert documents.check_response("getNumJobs", 200, refusal, label) == "Refusal"
    else:
        assert documents.check_response("downloadProduct", 404, "<html></html>", label) == "404"


def test_the_documented_jobpars_may_be_sent_back_whole():
    pars = documents.example("run_userobject.ok.gk_per.response.json")["jobPars"]
    with no_exception():
        documents.check_request(SUBMISSION, {**pars, "poserr": 1, "lcobs": "all"})
