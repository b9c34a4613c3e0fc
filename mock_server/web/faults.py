"""Plays a planned fault: before the work (the call is refused) or after it (the answer is changed or lost)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Response

from ..transport.header import HEADER, TransportFault
from . import wire
from .pages import error_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..core.faults import Fault
    from .call import Call, EndedByFaultError

_PAGES = {
    404: ("404 page not found", "There is nothing at this address."),
    500: ("500 internal server error", "Something went wrong on our side."),
    502: ("502 bad gateway", "A server behind this one gave no answer."),
    503: ("503 service unavailable", "The service is busy. Please try again later."),
    504: ("504 gateway timeout", "A server behind this one took too long."),
}


def ended(error: EndedByFaultError) -> Response:
    """Return the answer of a call that a fault has ended before its work."""
    fault = error.fault
    if fault.kind == "reset":
        return Response(headers={HEADER: TransportFault(broken="reset").header()})
    page = error_page(fault.status, *_PAGES.get(fault.status, (str(fault.status), "")))
    if fault.retry_after_s is not None:
        page.headers["Retry-After"] = f"{fault.retry_after_s:.0f}"
    return page


def spoil(call: Call, response: Response) -> None:
    """Change an answer as a fault after the work says."""
    fault = call.fault
    if fault is None or fault.kind not in _SPOILERS:
        return
    call.outcome = "fault"
    _SPOILERS[fault.kind](response, fault)


def carried(make: Callable[[Fault], TransportFault]) -> Callable[[Response, Fault], None]:
    """Return what makes the transport fail while it carries the answer."""

    def spoiler(response: Response, fault: Fault) -> None:
        response.headers[HEADER] = make(fault).header()

    return spoiler


def changed(change: Callable[[dict[str, Any], Fault], object]) -> Callable[[Response, Fault], None]:
    """Return what changes the JSON object of an answer; files are left as they are."""

    def spoiler(response: Response, fault: Fault) -> None:
        if response.mimetype in {"text/html", "application/json"} and response.get_data().startswith(b"{"):
            answer = json.loads(response.get_data())
            change(answer, fault)
            response.set_data(wire.as_text(answer))

    return spoiler


def replace_by_page(response: Response, _fault: Fault) -> None:
    """Send a page in place of JSON."""
    response.set_data(error_page(200, "UKSSDC", "This is a page where an answer should be.").get_data())


def cut_archive(response: Response, fault: Fault) -> None:
    """Send the beginning of a file, with a length that fits."""
    response.set_data(response.get_data()[: fault.after_bytes])


_SPOILERS: dict[str, Callable[[Response, Fault], None]] = {
    "lost": carried(lambda _fault: TransportFault(broken="lost")),
    "latency": carried(lambda fault: TransportFault(delay_s=fault.seconds)),
    "dribble": carried(lambda fault: TransportFault(dribble_s=fault.seconds)),
    "cut": carried(lambda fault: TransportFault(cut_after=fault.after_bytes)),
    "not-json": replace_by_page,
    "missing-key": changed(lambda answer, fault: answer.pop(fault.key, None)),
    "deprecation": changed(
        lambda answer, fault: answer.update(deprecationWarning={"type": fault.warning_type, "message": fault.text})
    ),
    "newer-api": changed(lambda answer, fault: answer.update(APIVersion=fault.version)),
    "archive-cut": cut_archive,
}
