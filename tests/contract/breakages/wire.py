"""Labels, forms and codes of HTTP are wrong."""

from __future__ import annotations

from tests.contract.broken import (
    HTML,
    WIRE,
    breaks,
    sets,
)


@breaks("answers are labelled application/json", "getNumJobs", *WIRE)
def _label(call, _server):
    call.headers["Content-Type"] = "application/json"


@breaks("refusals come with HTTP 400", "*", *WIRE)
def _status(call, _server):
    call.status = 400 if call.refused else call.status


sets("refusals have no ERROR", "*", *WIRE, when="refused", ERROR=...)
sets("refusals have OK as text, which is true to the client", "*", *WIRE, when="refused", OK="0")
sets("refusals have no APIVersion", "*", *WIRE, when="refused", APIVersion=...)
sets("successes have no APIVersion", "getNumJobs", *WIRE, APIVersion=...)
sets("successes have a key ERROR", "getNumJobs", *WIRE, ERROR="")
sets("OK is a boolean", "getNumJobs", *WIRE, OK=True)
sets("APIVersion is a bare integer", "getNumJobs", *WIRE, APIVersion=1)
sets("APIVersion has three parts", "getNumJobs", *WIRE, APIVersion="1.0.5")
sets("a deprecation warning has no message", "getNumJobs", *WIRE, deprecationWarning={"type": "API"})


@breaks("a JSON body labelled as a form is refused", "*", *WIRE, incoming=True)
def _form(call, _server):
    if call.label.startswith("application/x-www-form-urlencoded") and isinstance(call.request, dict):
        call.request = b""


@breaks("a body that is not JSON gets a page with HTTP 200", "run_userobject", *WIRE)
def _page(call, _server):
    if isinstance(call.request, bytes):
        call.body, call.headers = b"<html>sorry</html>", {"Content-Type": HTML}


@breaks("JSON that is not an object is a server error", "run_userobject", *WIRE)
def _crash(call, _server):
    if isinstance(call.request, list):
        call.status, call.body = 500, b"<html>oops</html>"


@breaks("GET on an application address is not allowed", "nowhere", "get_on_an_application_address_is_an_empty_body")
def _get(call, _server):
    if call.method == "GET" and call.path.endswith(".php"):
        call.status, call.body = 405, b"<html>no</html>"


@breaks("wrong addresses get a page with HTTP 200", "nowhere", "wrong_addresses_get_a_404_page")
def _found(call, _server):
    call.status = 200


@breaks("wrong addresses get JSON", "nowhere", "wrong_addresses_get_a_404_page")
def _json404(call, _server):
    call.body = {"error": "not found"}


@breaks("unknown users are accepted", "*", "unknown_users_are_refused_in_the_documented_words", incoming=True)
def _known(call, _server):
    if isinstance(call.request, dict) and call.request.get("UserID") == "NO-ONE":
        call.request = {**call.request, "UserID": "user@example.org"}


@breaks("unknown users are refused in other words", "getNumJobs", "unknown_users_are_refused_in_the_documented_words")
def _words(call, _server):
    if call.refused:
        call.body["ERROR"] = "Unknown user"


@breaks("addresses are compared with their case", "getOldProduct", "addresses_are_compared_without_case", incoming=True)
def _case(call, _server):
    if isinstance(call.request, dict) and str(call.request.get("UserID")).isupper():
        call.request = {**call.request, "UserID": "another@example.org"}
