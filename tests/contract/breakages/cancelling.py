"""A job is cancelled wrongly."""

from __future__ import annotations

from tests.contract.broken import (
    CANCELLING,
    HTML,
    Broken,
    Call,
    breaks,
    sets,
)

sets("partly cancelled is reported as cancelled", "canceljob", *CANCELLING, OK=1)
sets("there are no statusCodes", "canceljob", *CANCELLING, statusCodes=...)


@breaks("cancelling has no effect", "canceljob", *CANCELLING, "what_was_cancelled_stays_cancelled", incoming=True)
def _pretend(call: Call, _server: Broken) -> None:
    what = call.request.get("what") if isinstance(call.request, dict) else None
    if what in {"lc", "image"}:
        job, text = int(call.request["JobID"]), "Job cancelled OK"
        call.status, call.headers = 200, {"Content-Type": HTML}
        call.body = {"JobID": job, "OK": 1, "status": {what: text}, "statusCodes": {what: 0}, "APIVersion": "1.12"}


def codes(words: str, name: str, code: int, *probes: str) -> None:
    """Register a breakage that answers a cancellation with another code."""

    def change(call: Call, _server: Broken) -> None:
        if call.done and name in call.body["statusCodes"]:
            call.body["statusCodes"][name] = code

    breaks(words, "canceljob", *probes)(change)


codes("products outside the job could not be cancelled for another reason", "image", 1, *CANCELLING)
codes("every light curve is cancelled, finished or not", "lc", 0, *CANCELLING)
codes("there is a cancel code 5", "lc", 5, *CANCELLING)


@breaks("unknown names are left out of a cancellation", "canceljob", *CANCELLING)
def _known_only(call, _server):
    if call.done:
        for part in ("status", "statusCodes"):
            call.body[part].pop("nonsense", None)
