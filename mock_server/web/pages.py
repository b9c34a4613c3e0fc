"""Pages for people: a job, registration, and the error pages. They ask the same service as the API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request

from ..core.errors import Refusal, Unavailable
from ..core.model import Product
from . import wire
from .current import current_call

if TYPE_CHECKING:
    from .call import Call

pages = Blueprint("pages", __name__)

_STATIC = Path(__file__).with_name("static")


@pages.get("/user_objects/tprods/USERPROD_<job_id:job_id>", endpoint="jobPage")
@pages.get("/user_objects/tprods/USERPROD_<job_id:job_id>/", endpoint="jobPage")
@pages.get("/user_objects/tprods/USERPROD_<job_id:job_id>/index.php", endpoint="jobPage")
def job_page(job_id: int) -> Response:
    """Show a job to anyone who knows its address (documented)."""
    call = current_call()
    call.operation, call.job_id = "jobPage", job_id
    return _job_page(call, job_id)


@pages.post("/user_objects/tprods/USERPROD_<job_id:job_id>/cancel", endpoint="cancelPage")
def cancel_by_hand(job_id: int) -> Response:
    """Cancel products with a button of the job page, and show the page again; the form asks for the owner's address.

    That the page can cancel: documented; how it asks: assumed.
    """
    call = current_call()
    owner = request.form.get("UserID", "")[:320].strip()
    call.operation, call.job_id, call.user = "cancelPage", job_id, owner
    names = [name for name in request.form.get("what", "").split(",") if name]
    try:
        call.simulation.jobs.cancel(owner, job_id, names)
    except Refusal as refusal:
        call.outcome, call.detail = "refused", str(refusal)
        return _job_page(call, job_id, problem=str(refusal), owner=owner)
    return make_response(redirect(f"/user_objects/tprods/USERPROD_{job_id}", 303))


def _job_page(call: Call, job_id: int, **form: str) -> Response:
    sim = call.simulation
    try:
        page = sim.jobs.page(job_id, call.moment)
        found = sim.jobs.origins(page.job)
    except Refusal as refusal:
        call.outcome, call.detail = "missing", str(refusal)
        return not_found()
    sights, later = None, ""
    if not page.expired:
        try:
            sights = sim.contents.sights(job_id, call.moment)
        except Unavailable as error:
            later = str(error)
    text = render_template(
        "job.html",
        page=page,
        state="COMPLETE" if page.now >= page.job.ended_at else "RUNNING",
        poll={"UserID": page.job.user, "JobID": job_id, "what": ",".join(product.value for product in page.statuses)},
        unfinished=[product.value for product, found in page.statuses.items() if found.code and not found.code.ended],
        sights=sights,
        later=later,
        text=wire.status_text,
        date=wire.date_text,
        origins=[*found.lines(), *found.observation_lines()],
        **form,
    )
    return make_response(text)


@pages.get("/user_objects/tprods/USERPROD_<job_id:job_id>/lc/index.php", endpoint="lightCurvePage")
def light_curve_page(job_id: int) -> Response:
    """Show where the light curve's files are (seen in the field: programs follow its links to archives)."""
    call = current_call()
    call.operation, call.job_id = "jobPage", job_id
    try:
        page = call.simulation.jobs.page(job_id, call.moment)
    except Refusal:
        page = None
    if page is None or page.expired or page.job.build(Product.LIGHT_CURVE) is None:
        call.outcome = "missing"
        return not_found()
    return make_response(render_template("light_curve.html", page=page))


@pages.get("/user_objects/tprods/statusCheck.js", endpoint="statusCheck")
def status_script() -> Response:
    """Send the script that keeps the job page up to date."""
    current_call().operation = "statusCheck"
    return script_file("statusCheck.js")


@pages.get("/user_objects/register.php", endpoint="registerPage")
def registration_page() -> Response:
    """Show the registration form, or follow the link that confirms one."""
    call = current_call()
    call.operation = "registerPage"
    link_token = request.args.get("confirm")
    if link_token is None:
        return make_response(render_template("register.html"))
    try:
        user = call.simulation.jobs.confirm(link_token)
    except Refusal as refusal:
        call.outcome, call.detail = "refused", str(refusal)
        return make_response(render_template("register.html", problem=str(refusal)))
    return make_response(render_template("register.html", confirmed=user.address))


@pages.post("/user_objects/register.php", endpoint="register")
def register() -> Response:
    """Take a registration, and show the link that the real service would send by mail."""
    call, address = current_call(), request.form.get("email", "")
    call.operation, call.user = "register", address[:320]
    try:
        user = call.simulation.jobs.register(address)
    except Refusal as refusal:
        call.outcome, call.detail = "refused", str(refusal)
        return make_response(render_template("register.html", problem=str(refusal)))
    return make_response(render_template("register.html", pending=user))


def script_file(name: str) -> Response:
    """Return a script or style sheet that comes with the package."""
    kind = "text/css" if name.endswith(".css") else "application/javascript"
    return Response((_STATIC / name).read_bytes(), content_type=f"{kind}; charset=UTF-8")


def not_found() -> Response:
    """Return the page for an address that leads nowhere (documented title)."""
    return error_page(404, "404 page not found", "There is nothing at this address.")


def error_page(status: int, title: str, words: str) -> Response:
    """Return an error page; clients look at the status alone."""
    return make_response(render_template("error.html", title=title, words=words), status)
