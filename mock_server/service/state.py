"""Checks a saved state before it takes the place of the present one: whatever is in it must be what calls can meet."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..core.errors import ParametersRefused, Refusal
from ..core.faults import OPERATIONS, Fault
from ..core.model import Product, StatusCode
from ..core.validation import ADDRESS, Rule, check, number, one_of, shown, whole
from ..scenario.scenario import END_OF_TIME
from ..scenario.settings import check_settings
from ..storage.rows import NEVER, build_rows, dumped, job_row, user_key
from ..submission.read import read_submission

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.model import Job, Rebin
    from ..storage.facts import Facts

_LARGE = 1e15
_MOMENT = number(0, END_OF_TIME, "simulated time in seconds")
_NUMBER = whole(1, _LARGE - 1)
_COUNT = whole(0)
_ITEM = re.compile(r"[A-Za-z0-9_.+-]{1,200}")
_TOKEN = Rule(lambda value: isinstance(value, str) and 1 <= len(value) <= 200 and value.isalnum(), "letters and digits")
_ITEMS = Rule(lambda value: all(isinstance(one, str) and _ITEM.fullmatch(one) for one in value), "names of spectra")
_OUTCOMES = (StatusCode.COMPLETE, StatusCode.FAILED, StatusCode.NOT_QUEUED, StatusCode.NOT_REQUESTED)
_OUTCOME = Rule(_OUTCOMES.__contains__, f"one of: {', '.join(str(int(code)) for code in _OUTCOMES)}")
_ENDS = ("ok", "partial", "refused", "missing", "outage", "unavailable", "fault")


def check_state(facts: Facts, tables: Mapping[str, Any]) -> None:
    """Check a state that has just been restored, within its transaction.

    Parameters
    ----------
    facts
        What was restored.
    tables
        The rows that were given, by table.

    Raises
    ------
    ValueError
        If a call could fail because of it; the text says where.
    """
    jobs = {job.job_id: job for job in facts.all_jobs()}
    if len(jobs) != len(tables["jobs"]):
        raise ValueError("a job has no products: each row of `jobs` needs rows of `builds`")
    stored = facts.dump()  # in the form and order of what was given
    for table, place in (("jobs", "products"), ("builds", "left_at")):
        rows: list[tuple[Any, ...]] = []
        for job in jobs.values():
            rows += [job_row(replace(job, parameters={}))] if table == "jobs" else build_rows(job)
        of_table = [dumped(table, row) for row in rows]
        for derived, given in zip(of_table, stored[table], strict=True):
            if {**derived, "parameters": ""} != {**given, "parameters": ""}:
                raise ValueError(f"job {given['job_id']}: the columns of `{table}`, such as {place!r}, do not agree")
    for job in jobs.values():
        _check_job(job)
    for rebin in filter(None, (facts.rebin(row["rebin_id"]) for row in tables["rebins"])):
        _check_rebin(rebin, jobs)
    _check_users(tables["users"])
    _check_plans(tables)
    for row in tables["journal"]:
        check("journal.seq", row["seq"], _NUMBER)
        check("journal.at", row["at"], _MOMENT)
        check("journal.status", row["status"], whole(100, 599))
        check("journal.outcome", row["outcome"], one_of(*_ENDS))
        check("journal.job_id", row["job_id"] or 1, _NUMBER)


def _check_job(job: Job) -> None:
    name = f"job {job.job_id}"
    check(f"{name}: job_id", job.job_id, _NUMBER)
    check(f"{name}: submitted_at", job.submitted_at, _MOMENT)
    check(f"{name}: user_address", job.user, ADDRESS)
    products = _check_parameters(name, job.parameters)
    if [build.product for build in job.builds] != list(products):
        raise ValueError(f"{name}: its parameters ask for other products than it has")
    for build in job.builds:
        named = f"{name}, {build.product.value}"
        check(f"{named}: requested_at", build.requested_at, _MOMENT)
        check(f"{named}: outcome", build.outcome, _OUTCOME)
        check(f"{named}: observations", build.observations, _COUNT)
        check(f"{named}: items", build.items, _ITEMS)
        if build.duration_s != NEVER:
            check(f"{named}: duration_s", build.duration_s, _MOMENT)
        _check_order(named, build.requested_at, build.queued_at, build.started_at, build.running_at)
        last_start = build.ends_at if build.started_at == NEVER else build.running_at
        _check_order(named, build.requested_at, last_start, build.ends_at)
        if build.cancelled_at is not None:
            _check_order(named, build.requested_at, build.cancelled_at, END_OF_TIME)


def _check_parameters(name: str, parameters: Mapping[str, Any]) -> Sequence[Product]:
    """Check parameters as those of a submission, and return the products that they ask for."""
    if not hasattr(parameters, "values"):
        raise ValueError(f"{name}: parameters must be a JSON object")
    for key, value in parameters.items():
        if key == "models" and isinstance(value, list):  # the only list; its items are checked with the others below
            continue
        if not isinstance(value, str) and not (
            isinstance(value, int | float) and abs(value) < _LARGE
        ):  # NaN is not less
            raise ValueError(f"{name}: parameters must be texts and numbers, not {shown(value)}")
    try:
        return read_submission(parameters, {}).products
    except ParametersRefused as error:
        problems = (*(f"{parameter} is missing" for parameter in error.missing), *error.invalid)
        raise ValueError(f"{name}: {'; '.join(problems)[:200]}") from error
    except Refusal as error:
        raise ValueError(f"{name}: {error}") from error


def _check_order(name: str, *moments: float) -> None:
    """Check that moments follow one another; one that never comes may only be last."""
    if list(moments) != sorted(moments) or any(END_OF_TIME < moment < NEVER for moment in moments):
        raise ValueError(f"{name}: its moments are not in order")


def _check_rebin(rebin: Rebin, jobs: Mapping[int, Job]) -> None:
    name = f"rebin {rebin.rebin_id}"
    check(f"{name}: rebin_id", rebin.rebin_id, _NUMBER)
    check(f"{name}: requested_at", rebin.requested_at, _MOMENT)
    _check_order(name, rebin.requested_at, rebin.started_at, rebin.ends_at)
    if rebin.cancelled_at is not None:
        _check_order(name, rebin.requested_at, rebin.cancelled_at, END_OF_TIME)
    job = jobs.get(rebin.job_id)
    if rebin.job_id >= 0 and (job is None or job.build(Product.LIGHT_CURVE) is None):  # else of a burst, without a job
        raise ValueError(f"{name}: job {rebin.job_id} has no light curve")
    _check_parameters(name, rebin.parameters)


def _check_users(rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        check("users.address", row["address"], ADDRESS)
        check("users.token", row["token"], _TOKEN)
        check("users.confirmed_at", row["confirmed_at"] or 0.0, _MOMENT)
        if row["user_key"] != user_key(row["address"]):
            raise ValueError(f"users.user_key is {shown(row['user_key'])}, but must be that of {shown(row['address'])}")
    if len({row["token"] for row in rows}) < len(rows):
        raise ValueError("users.token must be different for each user")


def _check_plans(tables: Mapping[str, Any]) -> None:
    """Check changes of settings, planned faults and counts of calls."""
    for row in tables["changes"]:
        check("changes.change_id", row["change_id"], _NUMBER)
        check("changes.at", row["at"], _MOMENT)
        check_settings(_object("changes.settings", row["settings"]))
    for row in tables["faults"]:
        check("faults.fault_id", row["fault_id"], _NUMBER)
        check("faults.fired", row["fired"], _COUNT)
        Fault.from_mapping(_object("faults.rule", row["rule"]))
    for row in tables["calls"]:
        check("calls.operation", row["operation"], one_of(*OPERATIONS))
        check("calls.number", row["number"], _COUNT)


def _object(name: str, text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{name} is {shown(text)}, but must be a JSON object")
    return found
