"""Questions about labels, bodies, addresses and users, whatever the operation; and about pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bodies import IMAGE, LIGHT_CURVE, OWNER
from ..harness import FORM, JSON
from ..protocol import succeeded
from .asking import ROOT, SUBMIT, probe

if TYPE_CHECKING:
    from .asking import Examination


@probe()
def any_label_is_accepted(exam: Examination) -> None:
    """The documented curl call labels JSON as a form."""
    for label in (FORM, JSON, "text/plain"):
        made = exam.call(f"{ROOT}getNumJobs.php", {"UserID": OWNER}, label=label)
        exam.expect(succeeded(made), f"a JSON body labelled {label} was refused", made)
    made = exam.call(SUBMIT, LIGHT_CURVE, label=FORM)
    exam.expect(succeeded(made), "a JSON submission labelled as a form was refused", made)


@probe()
def what_is_not_json_is_refused_in_json(exam: Examination) -> None:
    """Also nothing at all, and JSON that is not an object."""
    for body in ("", "{", "UserID=me&what=lc", "[]", "3", '"text"', "null", b"\xff\xfe"):
        exam.refusal(exam.call(SUBMIT, body), f"the body {body!r}")
    for name in ("getNumJobs", "canceljob", "tprods/getPSFPos"):
        exam.refusal(exam.call(f"{ROOT}{name}.php", "{"), f"the body '{{' to {name}")


@probe()
def get_on_an_application_address_is_an_empty_body(exam: Examination) -> None:
    """Refused in JSON, HTTP 200 (assumed)."""
    for name in ("run_userobject", "checkProductStatus", "tprods/getLCData"):
        exam.refusal(exam.get(f"{ROOT}{name}.php"), f"GET on {name}")


@probe()
def wrong_addresses_get_a_404_page(exam: Examination) -> None:
    """HTML, whatever the method."""
    for method in ("GET", "POST"):
        for path in (f"{ROOT}run_userobjekt.php", "/nowhere", f"{ROOT}tprods/USERPROD_1/nothing.zip"):
            if method == "POST" and "USERPROD" in path:
                continue
            made = exam.call(path, None if method == "GET" else {"UserID": OWNER}, method)
            exam.expect(made.status == 404, f"{method} {path} was answered with HTTP {made.status}", made)
            page = str(made.body)
            exam.expect("UKSSDC | 404 page not found" in page, f"the 404 page of {path} has another title", made)
            exam.expect(made.label == "text/html", f"the 404 page of {path} is labelled {made.label}", made)


@probe()
def unknown_users_are_refused_in_the_documented_words(exam: Examination) -> None:
    """On every operation that names a user."""
    text = "The user `NO-ONE` is not recognised / validated"
    exam.refusal(exam.ask("getNumJobs", UserID="NO-ONE"), "an unknown user", text)
    exam.refusal(exam.ask("listOldJobs", UserID="NO-ONE"), "an unknown user", text)
    exam.refusal(exam.call(SUBMIT, {**LIGHT_CURVE, "UserID": "NO-ONE"}), "an unknown user", text)
    job = exam.submit(LIGHT_CURVE)
    exam.refusal(exam.ask("checkProductStatus", UserID="NO-ONE", JobID=job, what="lc"), "an unknown user", text)
    exam.refusal(exam.ask("getNumJobs", UserID=...), "a request without UserID")


@probe()
def addresses_are_compared_without_case(exam: Examination) -> None:
    """An owner may write the address in other letters (assumed)."""
    job = exam.submit(LIGHT_CURVE)
    made = exam.ask("getOldProduct", oldJob=job, UserID=OWNER.upper())
    exam.expect(succeeded(made), "the owner was refused for writing the address in capitals", made)


# pages ---------------------------------------------------------------------------------------------------------------


@probe(control=True, instant=True)
def the_job_page_has_its_state_in_the_title(exam: Examination) -> None:
    """Third-party programs wait for the word COMPLETE in its title."""
    job = exam.submit(IMAGE)
    base = f"{ROOT}tprods/USERPROD_{job}"
    for state in ("RUNNING", "COMPLETE"):
        for path in (base, f"{base}/index.php"):
            made = exam.get(path)
            exam.expect(made.status == 200, f"{path} is not there", made)
            exam.expect(f"Job {job}: {state}" in str(made.body), f"the title of {path} does not say {state}", made)
        if state == "RUNNING":
            exam.finish(job)
    exam.expect(exam.get(f"{ROOT}tprods/USERPROD_987654").status == 404, "an unknown job has a page")
    script = exam.get(f"{ROOT}tprods/statusCheck.js")
    exam.expect("checkProductStatus.php" in str(script.body), "the page's script does not ask for statuses", script)


@probe()
def addresses_can_be_registered(exam: Examination) -> None:
    """A form with one field; an unknown link confirms nothing."""
    page = exam.get(f"{ROOT}register.php")
    exam.expect('name="email"' in str(page.body), "the registration form has no field email", page)
    sent = exam.call(f"{ROOT}register.php", "email=new.user%40example.org", label=FORM)
    exam.expect(sent.status == 200, "a registration was not taken", sent)
