"""Plays a planned failure: before the work (refused) or after it (done, and the answer spoilt or lost)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Response, abort, g

from ..core.errors import Refusal
from ..transport.header import HEADER, TransportFault
from . import wire
from .pages import error_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.faults import Fault
    from ..service.simulation import Simulation

_PAGES = {
    404: ("404 page not found", "There is nothing at this address."),
    500: ("500 internal server error", "Something went wrong on our side."),
    502: ("502 bad gateway", "A server behind this one gave no answer."),
    503: ("503 service unavailable", "The service is busy. Please try again later."),
    504: ("504 gateway timeout", "A server behind this one took too long."),
}


def meet(sim: Simulation, operation: str) -> Fault | None:
    """Look whether this call meets a planned failure; one that comes before the work ends the call here."""
    fault = sim.controls.meet(operation)
    if fault is None:
        return None
    g.fault, g.detail = fault, f"planned: {fault.kind}"
    if fault.kind == "refuse":
        raise Refusal(fault.text)
    if fault.kind == "reset":
        response = Response()
        response.headers[HEADER] = TransportFault(broken="reset").header()
        _end(response)
    if fault.kind == "status":
        page = error_page(fault.status, *_PAGES.get(fault.status, (str(fault.status), "")))
        if fault.retry_after_s is not None:
            page.headers["Retry-After"] = f"{fault.retry_after_s:.0f}"
        _end(page)
    return fault


def _end(response: Response) -> None:
    g.outcome = "fault"
    g.fault = None
    abort(response)


def spoil(response: Response) -> Response:
    """Do to an answer what a failure after the work does to it."""
    fault: Fault | None = g.get("fault")
    if fault is None or fault.kind not in _SPOILERS:
        return response
    g.outcome = "fault"
    _SPOILERS[fault.kind](response, fault)
    return response


def _on_its_way(make: Callable[[Fault], TransportFault]) -> Callable[[Response, Fault], None]:
    def spoiler(response: Response, fault: Fault) -> None:
        response.headers[HEADER] = make(fault).header()

    return spoiler


def _not_json(response: Response, _fault: Fault) -> None:
    response.set_data(error_page(200, "UKSSDC", "This is a page where an answer should be.").get_data())


def _without_key(response: Response, fault: Fault) -> None:
    _rewrite(response, lambda answer: answer.pop(fault.key, None))


def _deprecated(response: Response, fault: Fault) -> None:
    warning = {"type": fault.warning_type, "message": fault.text}
    _rewrite(response, lambda answer: answer.update(deprecationWarning=warning))


def _newer(response: Response, fault: Fault) -> None:
    _rewrite(response, lambda answer: answer.update(APIVersion=fault.version))


def _rewrite(response: Response, change: Callable[[dict[str, object]], object]) -> None:
    if response.mimetype != "text/html" or not response.get_data().startswith(b"{"):
        return  # a file has no keys
    answer = json.loads(response.get_data())
    change(answer)
    response.set_data(wire.as_text(answer))


def _shortened(response: Response, fault: Fault) -> None:
    response.set_data(response.get_data()[: fault.after_bytes])


_SPOILERS: dict[str, Callable[[Response, Fault], None]] = {
    "lost": _on_its_way(lambda _fault: TransportFault(broken="lost")),
    "latency": _on_its_way(lambda fault: TransportFault(delay_s=fault.seconds)),
    "dribble": _on_its_way(lambda fault: TransportFault(dribble_s=fault.seconds)),
    "cut": _on_its_way(lambda fault: TransportFault(cut_after=fault.after_bytes)),
    "not-json": _not_json,
    "missing-key": _without_key,
    "deprecation": _deprecated,
    "newer-api": _newer,
    "archive-cut": _shortened,
}
