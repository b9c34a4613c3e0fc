"""The control interface under ``/_mock/``: plain JSON with HTTP status codes of its own."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from ..core.errors import Refusal, Unavailable
from ..core.validation import parse_digits
from ..service.operator import ControlError, Controls
from ..service.results import Sights
from . import wire
from .call import RETRY_AFTER_S
from .current import current_call

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

FOREIGN_HOST = (
    "without --token the control interface answers to names of this machine alone: use http://127.0.0.1, or start the "
    "server with --token, or with this name as --url"
)

_AS_PAGES = ("control.show_job", "control.show_charts")
"""What these answer is on the page of a job, which everyone who knows its address may see."""

control = Blueprint("control", __name__, url_prefix="/_mock")


def controls() -> Controls:
    """Return the controls of the simulator that was called."""
    return current_call().simulation.controls


def is_cross_site() -> bool:
    """Return whether a page of another site made the browser send this request."""
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc.lower() not in (_host(), _own_host())
    return foreign or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def has_foreign_host() -> bool:
    """Return whether a name of another site leads here (DNS rebinding), where no token guards the interface."""
    name = urlsplit(f"//{_host()}").hostname or "localhost"  # HTTP/1.0 has none, but browsers send it
    try:
        is_loopback = ip_address(name).is_loopback
    except ValueError:
        is_loopback = name == "localhost" or name.endswith(".localhost")
    return current_call().simulation.token is None and _host() != _own_host() and not is_loopback


def _host() -> str:
    host: str = request.environ.get("HTTP_HOST", "")
    return host.lower()


def _own_host() -> str:
    """Return host and port of ``--url``."""
    return urlsplit(current_call().simulation.jobs.base_url).netloc.lower()


def is_token(given: str) -> bool:
    """Return whether a text is the token of the control interface."""
    token = current_call().simulation.token
    return token is not None and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode())


@control.before_request
def require_token() -> tuple[Response, int] | None:
    """Refuse requests without the token, if there is one, and requests of other sites."""
    if request.endpoint == "control.health":
        return None
    if request.endpoint in _AS_PAGES and not is_cross_site() and not has_foreign_host():
        return None
    if is_cross_site():
        return jsonify(error="the control interface does not answer pages of other sites"), 401
    if has_foreign_host():
        return jsonify(error=FOREIGN_HOST), 401
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if current_call().simulation.token is None or (scheme == "Bearer" and is_token(given)):
        return None
    return jsonify(error="the control interface needs its token: Authorization: Bearer TOKEN"), 401


@control.errorhandler(ControlError)
def invalid(error: ControlError) -> tuple[Response, int]:
    """Answer a request that the service refuses."""
    return jsonify(error=str(error)), 400


@control.errorhandler(Unavailable)
def unavailable(error: Unavailable) -> tuple[Response, int, dict[str, str]]:
    """Answer a request that cannot be answered now."""
    return jsonify(error=str(error)), 503, {"Retry-After": RETRY_AFTER_S}


@control.errorhandler(413)
def too_large(_error: HTTPException) -> tuple[Response, int]:
    """Answer a request whose body is too large."""
    return jsonify(error="the body is too large"), 400


@control.get("/clock")
def get_clock() -> Response:
    return jsonify(controls().clock())


@control.put("/clock")
def set_clock() -> Response:
    return jsonify(controls().set_clock(_read_number("now")))


@control.post("/clock/advance")
def advance_clock() -> Response:
    return jsonify(controls().advance(_read_number("seconds")))


@control.post("/reset")
def reset() -> Response:
    return jsonify(controls().reset())


@control.get("/scenario")
def get_scenario() -> Response:
    return jsonify(controls().scenario())


@control.patch("/scenario")
def change_scenario() -> Response:
    return jsonify(controls().change(_read_object()))


@control.get("/faults")
def list_faults() -> Response:
    return jsonify(controls().faults())


@control.post("/faults")
def plan_fault() -> Response:
    return jsonify(controls().plan_fault(_read_object()))


@control.delete("/faults")
def clear_faults() -> Response:
    return jsonify(controls().clear_faults())


@control.get("/journal")
def read_journal() -> Response:
    """Return the calls so far; ``operation``, ``user`` and ``job`` filter, ``limit`` keeps the newest."""
    asked = request.args
    wanted: dict[str, Any] = {name: asked[name] for name in ("operation", "user") if name in asked}
    if "job" in asked:
        wanted["job_id"] = _read_argument("job")
    found = controls().journal(newest=_read_argument("limit") if "limit" in asked else None, **wanted)
    return jsonify([entry.as_dict() for entry in found])


@control.get("/report")
def get_report() -> Response:
    return jsonify(controls().report())


@control.get("/jobs/<job_id:job_id>")
def show_job(job_id: int) -> Response | tuple[Response, int]:
    """Return what the page of a job shows."""
    call = current_call()
    try:
        page = call.simulation.jobs.page(job_id, call.moment)
    except Refusal as refusal:
        return jsonify(error=str(refusal)), 404
    sights = Sights({}, {}, []) if page.expired else call.simulation.contents.sights(job_id, call.moment)
    return jsonify(wire.job_shown(page, sights, call.simulation.jobs.job_url(job_id)))


@control.get("/jobs/<job_id:job_id>/charts")
def show_charts(job_id: int) -> Response | tuple[Response, int]:
    """Return the light curve and the spectra of a job, as its page draws them."""
    call = current_call()
    try:
        return jsonify(call.simulation.contents.charts(job_id, call.moment))
    except Refusal as refusal:
        return jsonify(error=str(refusal)), 404


@control.post("/users")
def add_user() -> Response:
    """Register and confirm an address."""
    address = _read_object().get("email")
    if not isinstance(address, str):
        raise ControlError("the body must be an object with the text 'email'")
    return jsonify(controls().add_user(address))


@control.get("/health")
def health() -> Response:
    """Answer once a submission could be stored."""
    controls().check_database()
    return jsonify(status="ok")


@control.get("/state")
def save_state() -> Response:
    return jsonify(controls().save())


@control.get("/backup")
def backup() -> Response:
    return Response(controls().backup(), content_type="application/vnd.sqlite3")


@control.put("/state")
def load_state() -> Response:
    """Restore a saved state, and return the clock."""
    controls().load(_read_object())
    return jsonify(controls().clock())


def _read_object() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ControlError("the body must be a JSON object")
    return body


def _read_number(key: str) -> float:
    value = _read_object().get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e12:
        raise ControlError(f"the body must be an object with the number {key!r}")
    return float(value)


def _read_argument(key: str) -> int:
    """Return a whole number from the query of the URL."""
    number = parse_digits(request.args[key])
    if number is None:
        raise ControlError(f"{key} is {request.args[key][:20]!r}, but must be a whole number")
    return number
