"""The dashboard at ``/_mock/``: what the operator sees and may do, as one page that works without scripts."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request

from ..core.errors import Refusal
from ..core.faults import KINDS, OPERATIONS
from ..core.queue import next_change, status_at
from ..reports.courtesy import report_text
from ..reports.timeline import activity, gantt
from ..scenario.settings import SETTINGS
from ..service.operator import ControlError
from . import wire
from .control import of_another_site
from .pages import script_file

if TYPE_CHECKING:
    from ..service.simulation import Simulation

dashboard = Blueprint("dashboard", __name__, url_prefix="/_mock")

_COOKIE = "xrt_mock_token"
_ENTRIES = 100
_JOBS = 50
_OUTCOMES = ("ok", "partial", "refused", "missing", "outage", "fault")
_FILTERS = ("operation", "user", "job", "outcome")


def _sim() -> Simulation:
    sim: Simulation = current_app.extensions["xrt_mock"]
    return sim


@dashboard.before_request
def _let_in() -> tuple[str, int] | None:
    """Ask for the token, if there is one; forms of other sites have no business here, token or not."""
    if request.method != "GET" and of_another_site():
        return render_template("error.html", title="401 unauthorized", words="This form was on another site."), 401
    token = _sim().token
    if token is None or request.endpoint in ("dashboard.enter", "dashboard.script") or _same(_given(), token):
        return None
    return render_template("token.html"), 401


def _given() -> str:
    return request.cookies.get(_COOKIE, "")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode())


@dashboard.after_request
def _unframed(response: Response) -> Response:
    """Let no other page put this one into a frame, and nobody keep it: it changes all the time."""
    response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
    response.headers["Cache-Control"] = "no-store"
    return response


@dashboard.post("/do/enter", endpoint="enter")
def enter() -> Response:
    """Take the token from its form, and keep it in a cookie of the session."""
    token = _sim().token
    if token is None or not _same(request.form.get("token", ""), token):
        return make_response(render_template("token.html", problem="This is not the token."), 401)
    response = make_response(redirect("/_mock/", 303))
    response.set_cookie(_COOKIE, token, httponly=True, samesite="Strict", path="/_mock")
    return response


@dashboard.get("/htmx.js", endpoint="script")
def script() -> Response:
    """Send the library that keeps the page up to date."""
    return script_file("htmx.min.js")


@dashboard.get("/", endpoint="show")
def show() -> Response:
    """Show everything."""
    return _page()


def _page(problem: str = "") -> Response:
    sim = _sim()
    with sim.jobs.store.reading() as facts:
        now, jobs, users = sim.jobs.clock.now(), facts.all_jobs(), facts.users()
    scenario = sim.jobs.stage.scenario()
    limit = scenario.at(now)["limits.active_jobs"]
    told: dict[str, Any] = {
        "problem": problem,
        "scenario": scenario,
        "clock": sim.controls.clock(),
        "next_change": next_change(jobs, now),
        "gantt": gantt(jobs, scenario, now),
        "users": activity(jobs, users, now),
        "limit": limit,
        "jobs": jobs[::-1][:_JOBS],
        "number_of_jobs": len(jobs),
        "report": report_text(sim.controls.report()).splitlines(),
        "faults": sim.controls.faults(),
        "kinds": KINDS,
        "operations": OPERATIONS,
        "settings": SETTINGS,
        "values": sim.controls.scenario(),
    }
    helpers = {"date": wire.date_text, "text": wire.status_text, "status_at": status_at}
    page = render_template("dashboard.html", **told, **_journal(sim), **helpers)
    return make_response(page, 400 if problem else 200)


def _journal(sim: Simulation) -> dict[str, Any]:
    """Return the calls that were asked for, and what can be asked for."""
    asked = {name: request.args.get(name, "").strip() for name in _FILTERS}
    wanted: dict[str, Any] = {name: asked[name] for name in _FILTERS if asked[name] and name != "job"}
    if asked["job"].isascii() and asked["job"].isdigit():
        wanted["job_id"] = int(asked["job"][:15])
    found = sim.controls.journal(**wanted)
    return {
        "asked": asked,
        "choices": {"operation": OPERATIONS, "outcome": _OUTCOMES},
        "journal": found,
        "newest": found.entries[::-1][:_ENTRIES],
        "shown": _ENTRIES,
        "here": request.full_path if request.method == "GET" else "/_mock/",
    }


def _done(part: str) -> Response:
    return make_response(redirect(f"/_mock/#{part}", 303))


@dashboard.errorhandler(ControlError)
@dashboard.errorhandler(Refusal)
def _wrong(error: Exception) -> Response:
    return _page(problem=str(error))


@dashboard.post("/do/advance", endpoint="advance")
def advance() -> Response:
    """Move service time on: by a number of seconds, or to the next change."""
    sim = _sim()
    wanted = request.form.get("seconds", "")
    if wanted == "next":
        with sim.jobs.store.reading() as facts:
            moment = next_change(facts.all_jobs(), sim.jobs.clock.now())
        if moment is not None:
            sim.controls.advance(max(0.0, moment - sim.jobs.clock.now()))
    elif wanted.isascii() and wanted.isdigit() and len(wanted) < 16:
        sim.controls.advance(float(wanted))
    else:
        raise ControlError("how far time is to move on must be a whole number of seconds, or `next`")
    return _done("time")


@dashboard.post("/do/user", endpoint="user")
def add_user() -> Response:
    """Register and confirm an address."""
    _sim().controls.add_user(request.form.get("email", ""))
    return _done("users")


@dashboard.post("/do/fault", endpoint="fault")
def plan_fault() -> Response:
    """Plan a failure of one kind, with its usual arguments."""
    form, rule = request.form, {"kind": request.form.get("kind", ""), "operation": request.form.get("operation", "any")}
    times = form.get("times", "").strip()
    _sim().controls.plan_fault(rule | ({"times": _value(times)} if times else {}))
    return _done("faults")


@dashboard.post("/do/clear-faults", endpoint="clear")
def clear_faults() -> Response:
    """Forget the planned failures."""
    _sim().controls.clear_faults()
    return _done("faults")


@dashboard.post("/do/settings", endpoint="change")
def change_settings() -> Response:
    """Change the settings whose fields were changed."""
    controls, form = _sim().controls, request.form
    in_force = controls.scenario()
    changes = {name: _setting(name, form[name]) for name in SETTINGS if name in form}
    if form.get("default-name", "").strip():
        changes[f"defaults.{form['default-name'].strip()}"] = _value(form.get("default-value", ""))
    changes = {name: value for name, value in changes.items() if in_force.get(name) != value}
    if changes:
        controls.change(changes)
    return _done("settings")


def _setting(name: str, written: str) -> Any:
    return written if isinstance(SETTINGS[name].default, str) else _value(written)


def _value(written: str) -> Any:
    """Read what somebody typed: a number, true or false, or else a text."""
    try:
        return json.loads(written, parse_constant=str)
    except ValueError:
        return written
