"""The Flask app with all routes."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge
from werkzeug.routing import IntegerConverter

from ..core.errors import BodyRefused, Unavailable
from . import faults
from .api import ADDRESSES, MAX_BODY_BYTES
from .call import RETRY_AFTER_S, SERVICE_HEADERS, EndedByFaultError
from .control import control
from .current import current_call, response_to
from .dashboard import dashboard
from .files import files
from .pages import error_page, not_found, pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from werkzeug.exceptions import NotFound

    from .api import Body
    from .call import Answer, Call


@cache
def flask_app() -> Flask:
    """Return the Flask app with all routes; it answers calls that a :class:`SimulatorApp` hands on."""
    app = _App("mock_server.web")
    app.url_map.converters["job_id"] = _JobNumber
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's own provider has it
    app.before_request(refuse_during_outage)
    app.after_request(finish)
    for path, (name, reply) in ADDRESSES.items():
        app.add_url_rule(path, f"api.{name}", partial(reply_here, reply), methods=["GET", "POST"])
    for blueprint in (files, pages, control, dashboard):
        app.register_blueprint(blueprint)
    app.register_error_handler(EndedByFaultError, faults.ended)
    app.register_error_handler(404, page_not_found)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Unavailable, unavailable)
    return app


class _JobNumber(IntegerConverter):
    """A number short enough to be that of a job; any other address leads nowhere."""

    regex = "[0-9]{1,15}"


class _App(Flask):
    """Flask that hands an exception that no view foresaw to the simulator, if that wants it."""

    def log_exception(self, exc_info: Any) -> None:
        """Hand an exception that no view foresaw to the simulator, or log it."""
        on_bug = current_call().on_bug
        if on_bug is None:
            super().log_exception(exc_info)
        else:
            on_bug(exc_info[1])


def reply_here(reply: Callable[[Call, Body], Answer]) -> Response:
    """Answer a call of the API."""
    call = current_call()
    return response_to(call, lambda: reply(call, read_body))


def read_body() -> bytes:
    """Return the body of the request by Werkzeug's streams."""
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise BodyRefused("The data supplied are too long.") from None
    except (BadRequest, OSError):
        raise BodyRefused from None  # it ended early, or was no chunk


def is_of_the_operator() -> bool:
    """Return whether the call goes to the control interface or the dashboard, which outages and journal ignore."""
    path: str = request.environ["PATH_INFO"]
    return path.startswith("/_mock")


def refuse_during_outage() -> Response | None:
    """Refuse calls of the service while the scenario says that it is down."""
    call = current_call()
    if is_of_the_operator() or call.moment.epoch["service.available"]:
        return None
    call.operation, call.outcome = (request.endpoint or "unknown").rpartition(".")[2], "outage"
    return error_page(503, "503 service unavailable", "The service is down for maintenance. Please try again later.")


def page_not_found(_error: NotFound) -> Response:
    """Return the page for an address that leads nowhere."""
    call = current_call()
    call.outcome, call.detail = "missing", f"{request.method} {request.path}"[:200]
    return not_found()


def http_error(error: HTTPException) -> Response:
    """Return the page for any other HTTP error."""
    call = current_call()
    call.outcome, call.detail = "refused", f"{request.method} {request.path}"[:200]
    page = error_page(error.code or 500, f"{error.code} {error.name.lower()}", error.description or "")
    allowed = error.get_response().headers.get("Allow")
    if allowed:
        page.headers["Allow"] = allowed
    return page


def unavailable(error: Unavailable) -> Response:
    """Return the page for a call that cannot be answered now: a database is locked or lost, contents take too long."""
    call = current_call()
    call.outcome, call.detail = "unavailable", str(error)
    page = error_page(503, "503 service unavailable", f"This cannot be answered now: {error}. Please try again.")
    page.headers["Retry-After"] = RETRY_AFTER_S
    return page


def finish(response: Response) -> Response:
    """Spoil the service's answer if a fault says so, add its headers, and note the call in the journal."""
    if not is_of_the_operator():
        call = current_call()
        faults.spoil(call, response)
        for name, value in SERVICE_HEADERS:
            response.headers.add(name, value)
        call.note(response.status_code, request.environ)
    return response
