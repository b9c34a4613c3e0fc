"""The dashboard at ``/_mock/``: what the operator sees and may do, as one page that works without scripts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request

from ..core.errors import Refusal, Unavailable
from ..core.faults import KINDS, OPERATIONS
from ..core.queue import status_at
from ..core.validation import parse_digits
from ..reports.text import report_text
from ..scenario.settings import SETTINGS
from ..service.operator import ControlError
from ..service.overview import COUNTED, COURTESY, SEARCHED, overview
from . import wire
from .control import FOREIGN_HOST, controls, has_foreign_host, is_cross_site, is_token
from .current import current_call
from .pages import script_file

dashboard = Blueprint("dashboard", __name__, url_prefix="/_mock")

_COOKIE = "xrt_mock_token"
_OUTCOMES = ("ok", "partial", "refused", "missing", "outage", "unavailable", "fault")
_FILES = {"htmx.js": "htmx.min.js", "uplot.js": "uplot.min.js", "uplot.css": "uplot.min.css", "charts.js": "charts.js"}
"""Files that come with the package, by the name in their address."""
_FILTERS = ("operation", "user", "job", "outcome")
_PARTS = ("time", "verdict", "queue", "users", "registered", "jobs", "journal", "faults")
_DRAWERS = {
    f"dashboard.{form}": drawer for form, drawer in (("fault", "faults"), ("change", "settings"), ("user", "more"))
}
"""Drawer of each form, by endpoint: it stays open if the form was refused."""


@dashboard.before_request
def require_token() -> tuple[str, int] | None:
    """Ask for the token, if there is one, and refuse forms of other sites."""
    if request.method != "GET" and is_cross_site():
        return render_template("error.html", title="401 unauthorized", words="This form was on another site."), 401
    if has_foreign_host():
        return render_template("error.html", title="401 unauthorized", words=FOREIGN_HOST), 401
    if current_call().simulation.token is None or request.endpoint in ("dashboard.enter", "dashboard.script"):
        return None
    if is_token(request.cookies.get(_COOKIE, "")):
        return None
    return render_template("token.html"), 401


@dashboard.after_request
def forbid_frames_and_caches(response: Response) -> Response:
    """Forbid frames on other pages, where clicks could be stolen, and caches: the page changes all the time."""
    response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
    response.headers["Cache-Control"] = "no-store"
    return response


@dashboard.post("/do/enter", endpoint="enter")
def enter() -> Response:
    """Take the token from its form, and keep it in a cookie of the session."""
    given = request.form.get("token", "")
    if not is_token(given):
        return make_response(render_template("token.html", problem="This is not the token."), 401)
    response = make_response(redirect("/_mock/", 303))
    response.set_cookie(_COOKIE, given, httponly=True, samesite="Strict", path="/_mock")
    return response


@dashboard.get(f"/<any({', '.join(map(repr, _FILES))}):name>", endpoint="script")
def script(name: str) -> Response:
    """Send a library that the pages use, or the script of the charts."""
    return script_file(_FILES[name])


@dashboard.get("/", endpoint="show")
def show(problem: str = "", drawer: str = "") -> Response:
    """Show everything, and what is wrong with a form that was sent from a drawer."""
    sim = current_call().simulation
    shown = _shown()
    page = render_template(
        "dashboard.html",
        problem=problem,
        drawer=drawer,
        scenario=shown["view"].moment.scenario,
        kinds=KINDS,
        operations=OPERATIONS,
        settings=SETTINGS,
        values=sim.controls.scenario(),
        choices={"operation": OPERATIONS, "outcome": _OUTCOMES},
        searched=SEARCHED,
        has_token=sim.token is not None,
        parts=",".join(f"#live-{part}" for part in _PARTS),
        here=f"/_mock/live?{urlencode(shown['asked'])}",
        **shown,
    )
    return make_response(page, 400 if problem else 200)


@dashboard.get("/live", endpoint="live")
def live() -> Response:
    """Send the parts of the page that change by themselves; the cost does not grow with jobs and calls."""
    return make_response(render_template("pulse.html", **_shown()))


@dashboard.get("/courtesy", endpoint="courtesy")
def courtesy() -> Response:
    """Show the courtesy report, which reads all jobs and calls."""
    report = current_call().simulation.controls.report()
    now = current_call().moment.now
    return make_response(
        render_template("courtesy.html", lines=report_text(report).splitlines(), now=wire.date_text(now))
    )


def _shown() -> dict[str, Any]:
    """Return what both the page and its live parts show, with the calls that match the query of the URL."""
    sim = current_call().simulation
    asked = {name: request.args.get(name, "").strip() for name in _FILTERS}
    wanted = {name: text for name, text in asked.items() if name != "job"}
    view = overview(sim.jobs, wanted, parse_digits(asked["job"]))
    clock = sim.controls.clock()
    return {
        "view": view,
        "now": view.moment.now,
        "clock": f"{clock['kind']} clock" + (f", x{clock['factor']:g}" if "factor" in clock else ""),
        "limit": view.moment.epoch["limits.active_jobs"],
        "courtesy": COURTESY,
        "most_jobs": COUNTED,
        "base_url": sim.jobs.base_url,
        "faults": sim.controls.faults(),
        "asked": asked,
        "date": wire.date_text,
        "text": wire.status_text,
        "status_at": status_at,
    }


@dashboard.errorhandler(ControlError)
@dashboard.errorhandler(Refusal)
def explain(error: Exception) -> Response:
    """Show the page with what is wrong; what is wrong alone if the database cannot be read now."""
    try:
        return show(problem=str(error), drawer=_DRAWERS.get(request.endpoint or "", ""))
    except Unavailable:
        return make_response(render_template("error.html", title="400 bad request", words=str(error)), 400)


def back_to(part: str) -> Response:
    """Send the browser back to a part of the page."""
    return make_response(redirect(f"/_mock/#{part}", 303))


@dashboard.post("/do/advance", endpoint="advance")
def advance() -> Response:
    """Advance simulated time by a number of seconds, or to the next change."""
    wanted = request.form.get("seconds", "")
    if wanted == "next":
        moment = controls().next_change()
        if moment is not None:
            controls().advance(max(0.0, moment - controls().clock()["now"]))
    elif (seconds := parse_digits(wanted)) is not None:
        controls().advance(float(seconds))
    else:
        raise ControlError(f"seconds is {wanted[:20]!r}, but must be a whole number of seconds, or `next`")
    return back_to("time")


@dashboard.post("/do/user", endpoint="user")
def add_user() -> Response:
    """Register and confirm an address."""
    controls().add_user(request.form.get("email", ""))
    return back_to("more")


@dashboard.post("/do/fault", endpoint="fault")
def plan_fault() -> Response:
    """Plan a fault of one kind, with its usual arguments."""
    form = request.form
    rule = {"kind": form.get("kind", ""), "operation": form.get("operation", "any")}
    times = form.get("times", "").strip()
    controls().plan_fault(rule | ({"times": _read(times)} if times else {}))
    return back_to("faults")


@dashboard.post("/do/clear-faults", endpoint="clear")
def clear_faults() -> Response:
    """Delete the planned faults."""
    controls().clear_faults()
    return back_to("faults")


@dashboard.post("/do/settings", endpoint="change")
def change_settings() -> Response:
    """Change the settings whose fields were changed."""
    form, in_force = request.form, controls().scenario()
    changes = {
        name: form[name] if isinstance(setting.default, str) else _read(form[name])
        for name, setting in SETTINGS.items()
        if name in form
    }
    if form.get("default-name", "").strip():
        changes[f"defaults.{form['default-name'].strip()}"] = _read(form.get("default-value", ""))
    changes = {name: value for name, value in changes.items() if in_force.get(name) != value}
    if changes:
        controls().change(changes)
    return back_to("settings")


def _read(written: str) -> Any:
    """Return a number, true or false if that is what was written, else the text."""
    try:
        return json.loads(written, parse_constant=str)
    except ValueError:
        return written
