"""Rules about jobs in time: statuses, progress, cancelling, archives, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..history import ended
from .registry import entries, every, number_in, shows

if TYPE_CHECKING:
    from ..harness import Exchange
    from .registry import Session

_TEXTS = {
    -3: "Failed",
    -2: "Internal error: the job could not be queued",
    -1: "Internal error: the job could not be requested",
    1: "Requested",
    2: "Queued",
    5: "Waiting for the standard position",
}
_CANCEL_TEXTS = {
    2: "Job not cancelled: no such product in this job",
    3: "Job not cancelled: unknown error",
    4: "Status unknown: an error occurred",
}
_STEPS = {
    "Collect data.",
    "Prepare data.",
    "Prepare data for iterative source detection.",
    "Create per-snapshot images and exposure maps.",
    "Sum per-snapshot images and exposure maps.",
    "Sum images and exposure maps.",
    "Run source detection.",
    "Perform initial rough detection with locally-estimated background",
    "Construct initial background map.",
    "Perform initial source detection using the background map.",
    "Perform detection with locally-estimated background",
    "Searching for sources.",
    "PSF fit sources found in previous iteration.",
    "Build background map.",
    "Perform source detection.",
    "Perform PSF fit.",
    "Perform final fit.",
    "Calculate astrometric correction.",
}
"""Steps of an astrometric position (documented)."""
_REQUESTED_S, _FIRST_MOMENTS_S, _RUN_S, _KEPT_S, _HOUR = 5.0, 2.0, 12 * 3600.0, 7 * 86400.0, 3600.0
_SLACK_S = 3.0
"""How far the moments of a question and of its answer may lie apart [s]."""
_LABELS = {"zip": "application/zip", "tar": "application/x-tar", "gz": "application/gzip"}


@shows("U2", "checkProductStatus")
def status_texts(exchange: Exchange, _session: Session) -> bool | None:
    codes = [(entry.get("statusCode"), entry.get("statusText")) for entry in entries(exchange).values()]
    return every(text == _TEXTS[code] for code, text in codes if code in _TEXTS)


@shows("U3", "canceljob")
def cancel_texts(exchange: Exchange, _session: Session) -> bool | None:
    texts = exchange.body["status"]
    codes = exchange.body["statusCodes"].items()
    return every(texts.get(name) == _CANCEL_TEXTS[code] for name, code in codes if code in _CANCEL_TEXTS)


@shows("U18", "checkProductStatus")
def unknown_names_have_no_status(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    outside = [
        e for n, e in entries(exchange).items() if e.get("statusCode") is None or (job and n not in job.products)
    ]
    return every(e.get("statusText") == "Unknown status" and e.get("statusCode") is None for e in outside)


@shows("U18", "canceljob")
def unknown_names_cannot_be_cancelled(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    return every((n not in job.products) == (c == 2) for n, c in exchange.body["statusCodes"].items()) if job else None


@shows("J9", "checkProductStatus")
def null_codes(exchange: Exchange, _session: Session) -> bool | None:
    unknown = [entry for entry in entries(exchange).values() if entry.get("statusText") == "Unknown status"]
    return every(entry.get("statusCode") is None for entry in unknown)


@shows("C15", "checkProductStatus")
def never_seen(exchange: Exchange, _session: Session) -> bool | None:
    return False if any(entry.get("statusCode") in (-1, -2) for entry in entries(exchange).values()) else None


@shows("U41", "canceljob")
def nothing_cancelled(exchange: Exchange, _session: Session) -> bool | None:
    codes = list(exchange.body["statusCodes"].values())
    return None if not codes or 0 in codes else exchange.body.get("OK") == 2


@shows("C19", "canceljob")
@shows("J7", "canceljob")
def partly_cancelled(exchange: Exchange, _session: Session) -> bool | None:
    codes = set(exchange.body["statusCodes"].values())
    return exchange.body.get("OK") == 2 if 0 in codes and codes != {0} else None


@shows("U11", "checkProductStatus")
def astrometric_position_waits(exchange: Exchange, session: Session) -> bool | None:
    job, found = session.job_of(exchange), {name: entry.get("statusCode") for name, entry in entries(exchange).items()}
    standard, corrected = found.get("psf"), found.get("xastrom")
    if job is None or standard is None or corrected is None:
        return None
    if job.pars.get("detMeth", "iterative") != "iterative" or str(job.pars.get("allxastrom", 0)) == "1":
        return False if corrected == 5 else True if corrected == 3 and not ended(standard) else None
    if corrected == 5:
        return not ended(standard)
    if corrected in (3, 4):
        return bool(standard == 4)
    return None


@shows("U12", "checkProductStatus")
def steps_of_positions(exchange: Exchange, _session: Session) -> bool | None:
    progress = [e["progress"] for n, e in entries(exchange).items() if n in {"psf", "xastrom", "sourceDet"}]
    steps = [step for each in progress for step in each.get("ProgressSteps", ())]
    labels = [step["StepLabel"] for step in (*steps, *(sub for step in steps for sub in step.get("SubStep", ())))]
    return every(label in _STEPS for label in labels)


@shows("U13", "checkProductStatus")
def unavailable_at_first(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    found = [n for n, e in entries(exchange).items() if e["progress"].get("GotProgress") == 2]
    if job is None or not found or not session.not_slower:
        return None
    return every(session.at - job.running_since.get(n, session.at) <= _FIRST_MOMENTS_S + _SLACK_S for n in found)


@shows("U35", "checkProductStatus")
def a_run_is_limited(exchange: Exchange, session: Session) -> bool | None:
    job, found = session.job_of(exchange), []
    if job is None:
        return None
    for name, entry in entries(exchange).items():
        ran_s = session.at - job.running_since.get(name, session.at)
        if ran_s > _RUN_S + _HOUR and entry.get("statusCode") in (3, -3):
            found.append(entry["statusCode"] == -3)
    return every(found)


@shows("S1", "checkProductStatus")
def requested_for_five_seconds(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    if job is None:
        return None
    age_s, codes = session.at - job.at, [entry.get("statusCode") for entry in entries(exchange).values()]
    if age_s < _REQUESTED_S - _SLACK_S and session.same_clock:
        return every(code == 1 for code in codes if code not in (None, -4))
    if age_s > _REQUESTED_S + _SLACK_S and session.not_slower:
        return every(code != 1 for code in codes if code is not None)
    return None


@shows("U7", "downloadProduct", "getPSFPos", "getLCData", "getSpecData", "getSourceDetResults", pages=True)
def kept_for_seven_days(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    if job is None:
        return None
    if exchange.status == 200 and (not isinstance(exchange.body, dict) or exchange.body.get("OK") == 1):
        known_s = session.at - (session.at if job.ended_at is None else job.ended_at)
        return False if job.gone or known_s > _KEPT_S + _HOUR else None
    stem = stem_of(exchange)
    gone = stem in {*job.products, "all"} if exchange.status == 404 else "no longer available" in str(exchange.body)
    if job.ended_at is None or not gone:
        return None
    if session.same_clock and session.at - job.unfinished_at < _KEPT_S - _HOUR:
        return False
    return True if session.at - job.ended_at > _KEPT_S else None


def stem_of(exchange: Exchange) -> str:
    """Return the name of an archive without its ending."""
    return exchange.path.rsplit("/", 1)[1].split(".")[0]


@shows("U9", "downloadProduct", pages=True)
def no_archive(exchange: Exchange, session: Session) -> bool | None:
    if exchange.status != 200:
        return exchange.status == 404
    return False if session.runs(number_in(exchange), stem_of(exchange)) else None


@shows("U10", "downloadProduct", pages=True)
def archive_of_what_was_cancelled(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    if job is None or job.codes.get(stem_of(exchange)) not in (-4, -3):
        return None
    if exchange.status == 404:
        return False if session.keeps(number_in(exchange)) else None
    files = [name for name in session.members or () if not name.endswith("/")]
    return every(name.endswith((".log", "/progress.json")) for name in files)


@shows("C26", "downloadProduct", pages=True)
def every_format(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    if exchange.status == 200:
        return True
    sent = job is not None and any(name.split(".")[0] == stem_of(exchange) for name in job.archives)
    return False if sent and session.keeps(number_in(exchange)) else None


@shows("U42", "downloadProduct", pages=True)
def archive_label(exchange: Exchange, _session: Session) -> bool | None:
    if exchange.status != 200:
        return None
    right = exchange.label == _LABELS[exchange.path.rsplit(".", 1)[1]]
    return right and "content-encoding" not in exchange.headers


@shows("U26", "jobPage", "jobPageIndex", pages=True)
def title(exchange: Exchange, session: Session) -> bool | None:
    if exchange.status != 200:
        return None
    states = {state for state in ("COMPLETE", "RUNNING") if f": {state}" in str(exchange.body)}
    job = session.job_of(exchange)
    return bool(states) and not (job is not None and job.ended_at is not None and states == {"RUNNING"})


@shows("U26", "registerPage", pages=True)
def registration_form(exchange: Exchange, _session: Session) -> bool | None:
    return 'name="email"' in str(exchange.body) if exchange.status == 200 else None


@shows("U39", "listOldJobs")
def list_keys(exchange: Exchange, _session: Session) -> bool | None:
    return every("SourceDet" not in job and "sourceDet" not in job for job in exchange.body["jobs"])
