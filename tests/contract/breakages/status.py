"""A status is wrong."""

from __future__ import annotations

from typing import Any

from tests.contract.broken import (
    ARCHIVES,
    CANCELLING,
    COURSE,
    NEW,
    STRANGERS,
    Broken,
    Call,
    breaks,
)


def entry(call: Call, name: str) -> dict[str, Any]:
    """Return the status of one product, or an empty dictionary, changes of which have no effect."""
    found = call.body.get(name) if call.done else None
    return found if isinstance(found, dict) else {}


@breaks("a running product goes back to the queue", "checkProductStatus", *COURSE)
def _backwards(call, server):
    if entry(call, "lc").get("statusCode") == 3:
        server.memory["running"] = server.memory.get("running", 0) + 1
        if server.memory["running"] > 2:
            call.body["lc"] = {"statusCode": 2, "statusText": "Queued", "progress": {"GotProgress": 0}}


@breaks("what has been cancelled is complete later", "checkProductStatus", *CANCELLING, *ARCHIVES)
def _revived(call, _server):
    if entry(call, "lc").get("statusCode") == -4:
        call.body["lc"].update(statusCode=4, statusText="Complete")


@breaks("status codes are text", "checkProductStatus", *NEW)
def _code_text(call, _server):
    if call.done:
        entry(call, "lc")["statusCode"] = str(entry(call, "lc").get("statusCode"))


@breaks("there is a status 6", "checkProductStatus", *NEW)
def _six(call, _server):
    entry(call, "lc")["statusCode"] = 6


@breaks("a light curve is complete at once", "checkProductStatus", "a_new_job_has_just_begun", *NEW)
def _at_once(call, _server):
    entry(call, "lc").update(statusCode=4, statusText="Complete")


@breaks("one product is left out of the statuses", "checkProductStatus", "a_new_job_has_just_begun", *NEW)
def _image_left_out(call, _server):
    if call.done:
        call.body.pop("image", None)


@breaks("a light curve waits for a position", "checkProductStatus", *NEW)
def _waits(call, _server):
    entry(call, "lc").update(statusCode=5)


@breaks("products outside the job are left out", "checkProductStatus", "status_answers_for_every_name_asked")
def _left_out(call, _server):
    if call.done:
        call.body = {k: v for k, v in call.body.items() if not isinstance(v, dict) or v.get("statusCode") is not None}


@breaks("products outside the job are requested", "checkProductStatus", "status_answers_for_every_name_asked")
def _all_there(call, _server):
    if entry(call, "spec"):
        call.body["spec"] = {"statusCode": 1, "statusText": "Requested", "progress": {"GotProgress": 0}}


@breaks("there is no progress object", "checkProductStatus", *NEW)
def _no_progress(call, _server):
    entry(call, "lc").pop("progress", None)


@breaks("progress comes unasked", "checkProductStatus", *COURSE, incoming=True)
def _unasked(call, _server):
    if isinstance(call.request, dict):
        call.request = {**call.request, "whatProg": call.request.get("what")}


@breaks("progress never comes", "checkProductStatus", *COURSE, incoming=True)
def _never(call, _server):
    if isinstance(call.request, dict):
        call.request = {**call.request, "whatProg": ""}


def steps(call: Call, name: str = "lc") -> list[Any]:
    """Return the progress steps of a product."""
    found: list[Any] = entry(call, name).get("progress", {}).get("ProgressSteps", [])
    return found


@breaks("step states are text", "checkProductStatus", *COURSE)
def _step_text(call, _server):
    for step in steps(call):
        step["StepStatus"] = str(step["StepStatus"])


@breaks("two steps are active", "checkProductStatus", *COURSE)
def _two(call, _server):
    for step in steps(call)[:2]:
        step["StepStatus"] = 1


@breaks("the time running is a number", "checkProductStatus", *COURSE)
def _seconds(call, _server):
    if steps(call):
        entry(call, "lc")["progress"]["TimeRunning"] = 12


@breaks("a complete product has another text", "checkProductStatus", *COURSE)
def _finished(call, _server):
    if entry(call, "lc").get("statusCode") == 4:
        call.body["lc"]["statusText"] = "Completed"


@breaks("a finished product has progress", "checkProductStatus", *COURSE)
def _still(call, _server):
    if entry(call, "lc").get("statusCode") == 4:
        call.body["lc"]["progress"] = {"GotProgress": 2}


@breaks("JobID of a status answer is text", "checkProductStatus", *NEW)
def _id_text(call, _server):
    if call.done:
        call.body["JobID"] = str(call.body["JobID"])


@breaks(
    "an empty what asks about everything", "checkProductStatus", "status_answers_for_every_name_asked", incoming=True
)
def _everything(call, _server):
    if isinstance(call.request, dict):
        call.request = {**call.request, "what": call.request.get("what") or "lc"}


def impersonate(operation: str, words: str, *probes: str) -> None:
    """Register a breakage that takes a stranger for the owner."""

    def change(call: Call, _server: Broken) -> None:
        user = str(call.request.get("UserID")) if isinstance(call.request, dict) else ""
        if "stranger" in user:
            call.request = {**call.request, "UserID": user.replace("stranger", "user")}

    breaks(words, operation, *probes, incoming=True)(change)


impersonate("checkProductStatus", "strangers see a job's status", *STRANGERS)
impersonate("canceljob", "strangers may cancel", *STRANGERS)
impersonate("getOldProduct", "strangers see a job's parameters", *STRANGERS)
impersonate("listOldJobs", "strangers see a user's jobs", *NEW)
impersonate("getNumJobs", "strangers' jobs are counted", *NEW)


@breaks("strangers get the answer that the job does not exist", "getPSFPos", *STRANGERS)
def _secret(call, _server):
    if call.refused and "owned" in call.body["ERROR"]:
        call.body["ERROR"] = "There is no such job"
