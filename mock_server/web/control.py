"""The control interface under ``/_mock/``: plain JSON with HTTP status codes of its own."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, jsonify, request

from ..service.operator import ControlError, Controls

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

control = Blueprint("control", __name__, url_prefix="/_mock")


def _controls() -> Controls:
    controls: Controls = current_app.extensions["xrt_mock"].controls
    return controls


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ControlError("the body must be a JSON object")
    return body


def _number(body: dict[str, Any], key: str) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e12:
        raise ControlError(f"the body must be an object with the number {key!r}")
    return float(value)


def of_another_site() -> bool:
    """Whether a page of another site makes the browser ask this."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


@control.before_request
def _let_in() -> tuple[Response, int] | None:
    """Ask for the token, if there is one; pages of other sites have no business here, token or not."""
    if request.endpoint == "control.health":
        return None
    if of_another_site():
        return jsonify(error="the control interface does not answer pages of other sites"), 401
    token: str | None = current_app.extensions["xrt_mock"].token
    given = request.headers.get("Authorization", "")
    if token is None or hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return None
    return jsonify(error="the control interface needs its token: Authorization: Bearer TOKEN"), 401


@control.errorhandler(ControlError)
def _wrong(error: ControlError) -> tuple[Response, int]:
    return jsonify(error=str(error)), 400


@control.errorhandler(413)
def _too_large(_error: HTTPException) -> tuple[Response, int]:
    return jsonify(error="the body is too large"), 400


@control.get("/clock")
def get_clock() -> Response:
    """Tell service time."""
    return jsonify(_controls().clock())


@control.put("/clock")
def set_clock() -> Response:
    """Move service time on to a moment."""
    return jsonify(_controls().set_clock(_number(_body(), "now")))


@control.post("/clock/advance")
def advance_clock() -> Response:
    """Move service time on by a number of seconds."""
    return jsonify(_controls().advance(_number(_body(), "seconds")))


@control.post("/reset")
def reset() -> Response:
    """Forget everything that happened."""
    return jsonify(_controls().reset())


@control.get("/scenario")
def get_scenario() -> Response:
    """Tell the settings in force."""
    return jsonify(_controls().scenario())


@control.patch("/scenario")
def change_scenario() -> Response:
    """Change settings from now on."""
    return jsonify(_controls().change(_body()))


@control.get("/faults")
def list_faults() -> Response:
    """Tell which failures are planned."""
    return jsonify(_controls().faults())


@control.post("/faults")
def plan_fault() -> Response:
    """Plan a failure."""
    return jsonify(_controls().plan_fault(_body()))


@control.delete("/faults")
def clear_faults() -> Response:
    """Forget the planned failures."""
    return jsonify(_controls().clear_faults())


@control.get("/journal")
def read_journal() -> Response:
    """Tell the calls so far; ``operation``, ``user`` and ``job`` choose, ``limit`` keeps the newest."""
    asked = request.args
    wanted: dict[str, Any] = {name: asked[name] for name in ("operation", "user") if name in asked}
    if "job" in asked:
        wanted["job_id"] = _whole("job")
    found = _controls().journal(newest=_whole("limit") if "limit" in asked else None, **wanted)
    return jsonify([entry.as_dict() | {"seq": number} for number, entry in enumerate(found, 1)])


def _whole(key: str) -> int:
    text = request.args[key]
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ControlError(f"{key} must be a whole number")
    return int(text)


@control.get("/report")
def get_report() -> Response:
    """Tell how considerate the callers were."""
    return jsonify(_controls().report())


@control.post("/users")
def add_user() -> Response:
    """Register and confirm an address."""
    address = _body().get("email")
    if not isinstance(address, str):
        raise ControlError("the body must be an object with the text 'email'")
    return jsonify(_controls().add_user(address))


@control.get("/health")
def health() -> Response:
    """Tell that the simulator answers."""
    return jsonify(status="ok")


@control.get("/state")
def save_state() -> Response:
    """Send the whole state as text."""
    return jsonify(_controls().save())


@control.put("/state")
def load_state() -> Response:
    """Put back a state that was saved."""
    _controls().load(_body())
    return jsonify(_controls().clock())
