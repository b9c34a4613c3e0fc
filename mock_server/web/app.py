"""The Flask app with all routes, and the WSGI app of one simulator."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, MapAdapter
from werkzeug.sansio.utils import get_host

from ..core.errors import Unavailable
from ..core.journal import Entry
from ..transport.wsgi_call import WHERE
from . import faults
from .api import api
from .call import KEY, RETRY_AFTER_S, Call, current_call
from .control import control
from .dashboard import dashboard
from .files import files
from .pages import error_page, not_found, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Request
    from flask.typing import ResponseReturnValue
    from werkzeug.exceptions import NotFound
    from werkzeug.test import Client

    from ..service.simulation import Simulation

MAX_BODY_BYTES = 1 << 20
_SERVICE_HEADERS = (
    ("Cache-Control", "no-store, no-cache, must-revalidate"),
    ("X-Content-Type-Options", "nosniff"),
)


class SimulatorApp:
    """WSGI app of one simulator.

    All simulators share one Flask app with the routes; each call carries the simulation that answers it.

    Parameters
    ----------
    simulation
        What the views ask.

    Attributes
    ----------
    on_bug
        Called with an exception that no view foresaw. The answer is a 500; an exception that `on_bug` raises
        reaches the caller instead. None: the exception is logged.
    watched
        Called with each request before it is answered; bytes that it returns are the answer.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.on_bug: Callable[[Exception], object] | None = None
        self.watched: Callable[[WSGIEnvironment], bytes | None] | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if self.watched is not None and (own := self.watched(environ)) is not None:
            start_response("200 OK", [("Content-Type", "text/html; charset=UTF-8"), *_SERVICE_HEADERS])
            return [own]
        environ[KEY] = Call(self.simulation, self.on_bug)
        return flask_app()(environ, start_response)

    def test_client(self) -> Client:
        """Return a client that calls the app without a socket."""
        from werkzeug.test import Client  # noqa: PLC0415 - only needed here

        return Client(self)


@cache
def flask_app() -> Flask:
    """Return the Flask app with all routes; it answers calls that a :class:`SimulatorApp` hands on."""
    app = _App("mock_server.web")
    app.url_map.converters["job_id"] = _JobNumber
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's own provider has it
    for blueprint in (api, files, pages, control, dashboard):
        app.register_blueprint(blueprint)
    app.register_error_handler(404, page_not_found)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Unavailable, unavailable)
    return app


class _JobNumber(IntegerConverter):
    """A number short enough to be that of a job; any other address leads nowhere."""

    regex = "[0-9]{1,15}"


class _App(Flask):
    """Flask for one host, with hooks for the operator's views only: see docs/tricks.md."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the adapter that finds the view."""
        if request is None:
            return None
        environ, scheme = request.environ, request.scheme
        host = get_host(scheme, environ.get("HTTP_HOST"), request.server)
        query = environ.get("QUERY_STRING", "")
        return MapAdapter(self.url_map, host, request.root_path, "", scheme, request.path, request.method, query)

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Refuse a call of the service while it is down; run the hooks of the operator's views."""
        return super().preprocess_request() if is_of_the_operator() else refuse_during_outage()

    def process_response(self, response: Response) -> Response:
        """Finish the answer of the service; run the hooks of the operator's views."""
        return super().process_response(response) if is_of_the_operator() else finish(response)

    def log_exception(self, exc_info: Any) -> None:
        """Hand an exception that no view foresaw to the simulator, or log it."""
        on_bug = current_call().on_bug
        if on_bug is None:
            super().log_exception(exc_info)
        else:
            on_bug(exc_info[1])


def is_of_the_operator() -> bool:
    """Return whether the call goes to the control interface or the dashboard, which outages and journal ignore."""
    path: str = request.environ["PATH_INFO"]
    return path.startswith("/_mock")


def refuse_during_outage() -> Response | None:
    """Refuse calls while the scenario says that the service is down."""
    call = current_call()
    if call.moment.epoch["service.available"]:
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
    """Spoil the answer if a fault says so, add the service's headers, and note the call in the journal."""
    call = current_call()
    moment = call.last_moment()
    faults.spoil(call, response)
    for name, value in _SERVICE_HEADERS:
        response.headers.add(name, value)
    call.simulation.jobs.store.note(
        Entry(
            at=moment.now,
            operation=call.operation,
            user=call.user,
            job_id=call.job_id,
            outcome=call.outcome,
            status=response.status_code,
            detail="; ".join(filter(None, (call.detail, *call.hints))),
            where=request.environ.get(WHERE) or "",
        ),
        moment.era,
    )
    return response
