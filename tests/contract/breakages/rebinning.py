"""Rebinning and the pages of a job are wrong."""

from __future__ import annotations

from tests.contract.broken import (
    HTML,
    SHARED,
    breaks,
)


@breaks("a failure of main.php has a key OK", "main", *SHARED)
def _with_ok(call, _server):
    if "ERROR" in call.body:
        call.body["OK"] = 0


@breaks("a failure of main.php looks like one of user_objects", "main", *SHARED)
def _envelope(call, _server):
    if "ERROR" in call.body:
        call.body = {"OK": 0, "ERROR": "no", "APIVersion": "1.12"}


@breaks("an unknown rebinning can be cancelled", "main", *SHARED)
def _any_rebin(call, _server):
    if isinstance(call.request, dict) and call.request.get("APIFunc") == "cancelRebin":
        call.body = {"OK": 1, "APIVersion": "1.0.5"}


@breaks("the job page is always complete", "jobPage", "the_job_page_has_its_state_in_the_title")
def _always(call, _server):
    call.body = call.body.replace(b"RUNNING", b"COMPLETE")


@breaks("the job page has no index.php", "jobPageIndex", "the_job_page_has_its_state_in_the_title")
def _no_index(call, _server):
    call.status = 404


@breaks("every job has the page of one that runs", "*", "the_job_page_has_its_state_in_the_title", incoming=True)
def _one_page(call, _server):
    if call.operation in {"jobPage", "jobPageIndex"}:
        call.body, call.headers = b"<html><title>Job 1: RUNNING</title></html>", {"Content-Type": HTML}


@breaks("the registration form has another field", "registerPage", "addresses_can_be_registered")
def _field(call, _server):
    call.body = call.body.replace(b'name="email"', b'name="address"')


@breaks(
    "rebinned curves and products of bursts are not sent",
    "main",
    "light_curves_can_be_rebinned",
    "known_bursts_have_products",
    incoming=True,
)
def _not_sent(call, _server):
    if call.request.get("APIFunc") in {"downloadLightCurve", "downloadSpectrum", "getGRBPositions"}:
        call.body, call.headers = {"ERROR": "No such thing", "APIVersion": "1.0.5"}, {"Content-Type": HTML}
