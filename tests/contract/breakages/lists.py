"""Jobs are counted or listed wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.broken import (
    ARCHIVES,
    CANCELLING,
    COURSE,
    NEW,
    Broken,
    Call,
    breaks,
    echoes,
    sets,
)

if TYPE_CHECKING:
    from collections.abc import Callable


sets("numJobs is text", "getNumJobs", *NEW, numJobs="1")


@breaks("one job too many is counted", "getNumJobs", *NEW)
def _one_more(call, _server):
    if call.done:
        call.body["numJobs"] += 1


@breaks("ended jobs are counted", "getNumJobs", *CANCELLING, *COURSE)
def _ended(call, server):
    if call.done:
        jobs = server.ask("listOldJobs", call.request).get("jobs", [])
        call.body["numJobs"] = len(jobs)


def listed(words: str, change: Callable[[dict[str, Any]], object], *probes: str) -> None:
    """Register a breakage that changes every entry of the list."""

    def after(call: Call, _server: Broken) -> None:
        for job in call.body["jobs"] if call.done else ():
            change(job)

    breaks(words, "listOldJobs", *(probes or NEW))(after)


listed("hasProd is a number", lambda job: job.update(hasProd=1))
listed("hasProd stays true for ever", lambda job: job.update(hasProd=True), *ARCHIVES)
listed("the list lacks a key", lambda job: job.pop("Image"))
listed("the list has JobIDs as text", lambda job: job.update(JobID=str(job["JobID"])))
listed("the list shows products that are not in the job", lambda job: job.update(Image=not job["Image"]))
listed(
    "the list has another form of date", lambda job: job.update(DateSubmitted=job["DateSubmitted"].replace(" ", "T"))
)
listed("the list has other names", lambda job: job.update(Name="target"))


@breaks("the list goes from the oldest to the newest", "listOldJobs", "the_list_grows_at_its_head")
def _oldest(call, _server):
    if call.done:
        call.body["jobs"].reverse()


sets("old parameters come without URL", "getOldProduct", *NEW, URL=...)


@breaks("oldJob is text", "getOldProduct", *NEW)
def _old_text(call, _server):
    if call.done:
        call.body["oldJob"] = str(call.body["oldJob"])


echoes("old parameters are not those of the submission", *NEW, operation="getOldProduct", RA="0.0000")
echoes(
    "old parameters are those of another object",
    "jobs_are_remembered_as_they_were_submitted",
    operation="getOldProduct",
    name="GK Per",
)
