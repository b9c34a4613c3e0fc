"""create_app(): where the parts meet."""

from __future__ import annotations

from copy import copy, deepcopy
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, MapAdapter
from werkzeug.sansio.utils import get_host

from ..core.journal import Entry
from ..scenario.in_force import Stage
from ..service.jobs import JobService
from ..service.operator import Controls
from ..service.results import Contents
from ..service.simulation import Simulation
from ..transport.wsgi_call import WHERE
from . import faults
from .api import api
from .control import control
from .dashboard import dashboard
from .files import files
from .pages import error_page, not_found, pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flask import Request
    from flask.typing import ResponseReturnValue
    from werkzeug.exceptions import NotFound

    from ..clocks.base import Clock
    from ..scenario.scenario import Scenario
    from ..storage.store import Store

MAX_BODY_BYTES = 1 << 20
_SERVICE_HEADERS = (
    ("Cache-Control", "no-store, no-cache, must-revalidate"),
    ("X-Content-Type-Options", "nosniff"),
)


_host = lru_cache(64)(get_host)


class _JobNumber(IntegerConverter):
    """A number short enough to be that of a job; any other address leads nowhere."""

    regex = "[0-9]{1,15}"


class _NoSession(SessionInterface):
    """Keeps nothing about a caller between two calls, as the service does."""

    _empty = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 - Flask's signature
        """Return the session that nothing can be put into."""
        return self._empty


class _App(Flask):
    """Flask without what the simulator has no use for: sessions, coroutines, hooks outside the control interface."""

    session_interface = _NoSession()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a view as it is: none is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the view; there is one host, under whatever name."""
        if request is None:
            return None
        environ, scheme = request.environ, request.scheme
        host = _host(scheme, environ.get("HTTP_HOST"), request.server)
        query = environ.get("QUERY_STRING", "")
        return MapAdapter(self.url_map, host, request.root_path, "", scheme, request.path, request.method, query)

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Do what comes before a view."""
        if request.environ["PATH_INFO"].startswith("/_mock"):
            return super().preprocess_request()
        return None if simulation_of(self).jobs.epoch()["service.available"] else _refuse_during_outage()

    def process_response(self, response: Response) -> Response:
        """Do what comes after a view."""
        return _note(simulation_of(self).jobs, response)


def create_app(
    store: Store,
    clock: Clock,
    scenario: Scenario,
    *,
    base_url: str,
    open_to_all: bool = True,
    token: str | None = None,
) -> Flask:
    """Return the simulator as a WSGI app.

    Parameters
    ----------
    store, clock
        Facts and service time.
    scenario
        What is played.
    base_url
        Where the service's addresses begin, as told to callers.
    open_to_all
        Whether every well-formed address counts as registered.
    token
        What callers of the control interface must show; None: nothing.
    """
    app = copy(_routed())
    for registry in ("before_request_funcs", "after_request_funcs", "view_functions", "config"):
        setattr(app, registry, deepcopy(getattr(app, registry)))  # what is hung on this app is no other's
    jobs = JobService(store, clock, Stage(store, scenario), base_url=base_url, open_to_all=open_to_all)
    app.extensions = {"xrt_mock": Simulation(jobs, Contents(jobs), Controls(jobs), token)}
    return app


@cache
def _routed() -> Flask:
    """Return an app with all routes and no simulation: werkzeug compiles each rule, so this is done once."""
    app = _App("mock_server.web")
    app.url_map.converters["job_id"] = _JobNumber
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's own provider has it
    for blueprint in (api, files, pages, control, dashboard):
        app.register_blueprint(blueprint)
    app.register_error_handler(404, _lost)
    app.register_error_handler(HTTPException, _http_failure)
    return app


def simulation_of(app: Flask) -> Simulation:
    """Return the objects behind an app."""
    found: Simulation = app.extensions["xrt_mock"]
    return found


def _refuse_during_outage() -> Response:
    g.operation, g.outcome = (request.endpoint or "unknown").rpartition(".")[2], "outage"
    return error_page(503, "503 service unavailable", "The service is down for maintenance. Please try again later.")


def _lost(_error: NotFound) -> Response:
    g.outcome, g.detail = "missing", f"{request.method} {request.path}"[:200]
    return not_found()


def _http_failure(error: HTTPException) -> Response:
    g.outcome, g.detail = "refused", f"{request.method} {request.path}"[:200]
    page = error_page(error.code or 500, f"{error.code} {error.name.lower()}", error.description or "")
    if error.code == 405 and error.get_response().headers.get("Allow"):
        page.headers["Allow"] = error.get_response().headers["Allow"]
    return page


def _note(jobs: JobService, response: Response) -> Response:
    """Spoil the answer if that is planned, and note the call in the journal; the control interface leaves no trace."""
    environ, noted = request.environ, vars(g)
    if environ["PATH_INFO"].startswith("/_mock"):
        return response
    if noted.get("fault") is not None:
        faults.spoil(response)
    for name, value in _SERVICE_HEADERS:
        response.headers.add(name, value)
    jobs.store.note(
        Entry(
            at=jobs.clock.now(),
            operation=noted.get("operation", "unknown"),
            user=noted.get("user", ""),
            job_id=noted.get("job_id"),
            outcome=noted.get("outcome", "ok"),
            status=response.status_code,
            detail="; ".join(filter(None, (noted.get("detail"), *noted.get("hints", ())))),
            where=environ.get(WHERE) or "",
        )
    )
    return response
