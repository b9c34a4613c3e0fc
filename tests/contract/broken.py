"""Servers that are broken in one way each, as WSGI wrappers around a good one, and the questions that find it.

A breakage changes one request on its way in, or one answer on its way out. `BREAKAGES` has them by name, in the words
of the deviation; `tests/contract/test_it_bites.py` asserts that each is found.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from contracts import documents

if TYPE_CHECKING:
    from collections.abc import Callable

HTML = "text/html; charset=UTF-8"


@dataclass
class Call:
    """A call on its way through a broken server."""

    method: str
    path: str
    operation: str
    request: Any
    label: str
    status: int = 200
    body: Any = None
    """The answer: a dictionary if it is JSON, else bytes."""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether the answer says that the call was carried out."""
        return isinstance(self.body, dict) and bool(self.body.get("OK"))

    @property
    def refused(self) -> bool:
        """Whether the answer is a refusal of the application."""
        return isinstance(self.body, dict) and self.body.get("OK") == 0


class Broken:
    """WSGI app that passes calls to another one and applies one breakage to them."""

    def __init__(self, app: Any, breakage: Breakage) -> None:
        self._client = Client(app)
        self._breakage = breakage
        self.memory: dict[Any, Any] = {}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        call = Call(
            request.method,
            request.path,
            documents.operation_for(request.method, request.path) or "nowhere",
            decode(request.get_data()),
            request.headers.get("Content-Type", ""),
        )
        concerned = self._breakage.operation in {"*", call.operation} and not request.path.startswith("/_mock")
        control = request.path.startswith("/_mock") and self._breakage.operation == call.operation
        if (concerned or control) and self._breakage.before is not None:
            self._breakage.before(call, self)
        if call.body is None:
            self.forward(call)
        if concerned and self._breakage.after is not None:
            self._breakage.after(call, self)
        data = json.dumps(call.body).encode() if isinstance(call.body, dict | list) else call.body
        return Response(data, call.status, call.headers)(environ, start_response)

    def forward(self, call: Call) -> Call:
        """Let the good server answer."""
        data = call.request if isinstance(call.request, bytes) else json.dumps(call.request).encode()
        answer = self._client.open(call.path, method=call.method, data=data, content_type=call.label)
        call.status, call.headers = answer.status_code, {"Content-Type": answer.headers.get("Content-Type", "")}
        content = answer.get_data()
        answer.close()
        decoded = decode(content)
        call.body = decoded if isinstance(decoded, dict | list) else content
        return call

    def ask(self, operation: str, request: Any) -> Any:
        """Ask the good server something in between."""
        op = documents.operation(operation)
        call = Call(op.method, op.path, operation, request, "application/json")
        return self.forward(call).body


def decode(data: bytes) -> Any:
    """Return a JSON object or list, or the bytes of any other body."""
    try:
        found = json.loads(data)
    except ValueError:
        return data
    return found if isinstance(found, dict | list) else data


@dataclass(frozen=True)
class Breakage:
    """One way to be wrong.

    Parameters
    ----------
    operation
        Operation ID, or ``*`` for all.
    probes
        Questions that find it, the likeliest first.
    before, after
        What happens to the request, and to the answer.
    """

    operation: str
    probes: tuple[str, ...]
    before: Callable[[Call, Broken], None] | None = None
    after: Callable[[Call, Broken], None] | None = None


BREAKAGES: dict[str, Breakage] = {}


def breaks(words: str, operation: str, *probes: str, incoming: bool = False) -> Callable[[Any], Any]:
    """Register a breakage under the words that describe it."""

    def register(change: Callable[[Call, Broken], None]) -> Callable[[Call, Broken], None]:
        assert words not in BREAKAGES, f"there are two breakages called {words!r}"
        BREAKAGES[words] = Breakage(operation, probes, **{"before" if incoming else "after": change})
        return change

    return register


def sets(words: str, operation: str, *probes: str, when: str = "done", **values: Any) -> None:
    """Register a breakage that sets keys of an answer; ``...`` takes a key away."""

    def change(call: Call, _server: Broken) -> None:
        if getattr(call, when):
            call.body = {k: v for k, v in {**call.body, **values}.items() if v is not ...}

    breaks(words, operation, *probes)(change)


def echoes(words: str, *probes: str, operation: str = "run_userobject", **values: Any) -> None:
    """Register a breakage that sets keys of jobPars; ``...`` takes a key away."""

    def change(call: Call, _server: Broken) -> None:
        if call.done:
            call.body["jobPars"] = {k: v for k, v in {**call.body["jobPars"], **values}.items() if v is not ...}

    breaks(words, operation, *probes)(change)


def gives(words: str, *probes: str, **values: Any) -> None:
    """Register a breakage that fills in what a submission lacks or has wrong."""

    def change(call: Call, _server: Broken) -> None:
        if isinstance(call.request, dict):
            call.request = {**call.request, **values}

    breaks(words, "run_userobject", *probes, incoming=True)(change)


WIRE = ("any_label_is_accepted", "what_is_not_json_is_refused_in_json")
NEW = ("a_new_job_is_requested_counted_and_listed",)
COURSE = ("a_job_runs_its_course",)
CANCELLING = ("cancelling_answers_with_the_documented_codes",)
DEFAULTS = ("defaults_are_the_documented_ones",)
RESULTS = ("finished_products_have_results_in_every_callers_form",)
ARCHIVES = ("archives_hold_what_was_asked_for_until_they_expire",)
RANGE = ("both_ends_of_a_range_belong_to_it",)
REFUSAL = ("the_documented_refusal_comes_word_for_word",)
STRANGERS = ("strangers_are_refused_in_the_documented_words",)
DEMANDED = ("every_mandatory_parameter_is_named",)
RESOLVED = ("values_are_resolved_when_asked_for",)
SHARED = ("shared_functions_fail_without_ok",)

# the wire --------------------------------------------------------------------------------------------------------


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


# submitting ------------------------------------------------------------------------------------------------------


@breaks("JobID of a submission is a number", "run_userobject", *NEW)
def _number(call, _server):
    if call.done:
        call.body["JobID"] = int(call.body["JobID"])


@breaks("URL ends in a slash", "run_userobject", *NEW)
def _slash(call, _server):
    if call.done:
        call.body["URL"] += "/"


@breaks("URL is that of another job", "run_userobject", *NEW)
def _other(call, _server):
    if call.done:
        call.body["URL"] = call.body["URL"].rsplit("_", 1)[0] + "_99"


sets("a submission is answered without jobPars", "run_userobject", *NEW, jobPars=...)
sets("a submission is answered without URL", "run_userobject", *NEW, URL=...)
echoes("lcobs is echoed as 0", *DEFAULTS, lcobs=0)
echoes("centMeth is echoed as a code", *DEFAULTS, centMeth=2)
echoes("product flags are echoed as text", *DEFAULTS, lc="1")
echoes("positions are echoed as numbers", *DEFAULTS, RA=335.6985)
echoes("models are echoed as text", *DEFAULTS, models="powerlaw")
echoes("empty choices are echoed as null", *DEFAULTS, uselcobs=None)
echoes("minsnr has another default", *DEFAULTS, minsnr=2.4)
echoes("lctimetype is not echoed", *DEFAULTS, lctimetype=...)
echoes("hrbin is 1 for every binning", *DEFAULTS, hrbin=1)
echoes("doNotFit is on by default", *DEFAULTS, doNotFit=1)
echoes("the pile-up rates are swapped", *DEFAULTS, wtpuprate=0.6, pcpuprate=150)
echoes("the name is not echoed as given", *DEFAULTS, name="Something else")
echoes("a given value is replaced by the default", "values_that_are_allowed_are_taken_and_echoed", binMeth="counts")
echoes("getTargs is left in for the official client", *RESOLVED, getTargs=1)
echoes("getTargs is taken out for raw callers", *RESOLVED, getTargs=...)
echoes("coordinates are not worked out", *RESOLVED, RA="1.0", Dec="2.0")


@breaks("poserr 6 is refused", "run_userobject", *RANGE, incoming=True)
def _upper(call, _server):
    if isinstance(call.request, dict) and call.request.get("poserr") == 6:
        call.request = {**call.request, "poserr": 7}


@breaks("poserr above 6 is accepted", "run_userobject", *RANGE, incoming=True)
def _above(call, _server):
    if isinstance(call.request, dict) and call.request.get("poserr") in (6.01, 60):
        call.request = {**call.request, "poserr": 6}


@breaks("declination is not checked", "run_userobject", *RANGE, incoming=True)
def _dec(call, _server):
    if isinstance(call.request, dict) and abs(float(call.request.get("Dec") or 0)) > 90:
        call.request = {**call.request, "Dec": 0}


gives("cent has a default", *DEMANDED, cent=1)
gives("poserr has a default", *DEMANDED, poserr=1)
gives("dynamic has a default", *DEMANDED, dynamic=1)
gives("a request without a product gets an image", "a_request_without_a_product_is_refused", image=1)


@breaks("empty text counts as given", "run_userobject", *DEMANDED, incoming=True)
def _empty(call, _server):
    if isinstance(call.request, dict) and call.request.get("binMeth") == "":
        call.request = {**call.request, "binMeth": "obsid"}


@breaks("what is missing is listed, what is invalid is not", "run_userobject", *REFUSAL)
def _first(call, _server):
    if call.refused and "listErr" in call.body:
        call.body["listErr"] = call.body["listErr"][:1]


@breaks("problems are listed under the wrong label", "run_userobject", *REFUSAL)
def _labels(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["label"] = "The following parameters have invalid values:"


@breaks("problems are a text instead of a list", "run_userobject", *REFUSAL)
def _text(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] = ", ".join(problems["list"])


@breaks("problems do not name the parameter", "run_userobject", *RANGE)
def _unnamed(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] = ["One of your parameters is wrong"]


@breaks(
    "unknown words fall back to the default",
    "run_userobject",
    "values_that_are_not_allowed_are_refused_and_named",
    incoming=True,
)
def _tolerant(call, _server):
    if isinstance(call.request, dict):
        call.request = {k: v for k, v in call.request.items() if v != "nonsense" or k in {"binMeth", "UserID"}}


@breaks("codes are not understood", "run_userobject", "values_that_are_allowed_are_taken_and_echoed", incoming=True)
def _codes(call, _server):
    if isinstance(call.request, dict) and call.request.get("centMeth") == "3":
        call.request = {**call.request, "centMeth": "code"}


@breaks(
    "an old spelling is ignored",
    "run_userobject",
    "every_spelling_is_taken_and_echoed_under_the_wire_name",
    incoming=True,
)
def _spelling(call, _server):
    if isinstance(call.request, dict):
        call.request = {k: v for k, v in call.request.items() if k != "allowBayes"}


@breaks(
    "numbers as text are refused", "run_userobject", "numbers_may_be_text_and_switches_may_be_booleans", incoming=True
)
def _numeric(call, _server):
    if isinstance(call.request, dict) and isinstance(call.request.get("RA"), str):
        call.request = {**call.request, "RA": "north"}


@breaks("unknown keys are refused", "run_userobject", "unknown_keys_are_ignored")
def _strict(call, _server):
    if isinstance(call.request, dict) and "unknown_key" in call.request:
        call.body = {"OK": 0, "ERROR": "Unknown key", "APIVersion": "1.12"}


@breaks("targets in braces are refused", "run_userobject", "job_parameters_may_be_sent_back_whole", incoming=True)
def _braces(call, _server):
    if isinstance(call.request, dict) and "{" in str(call.request.get("targ")):
        call.request = {**call.request, "targ": "nonsense"}


@breaks("an astrometric position comes without the standard one", "run_userobject", *DEFAULTS)
def _alone(call, _server):
    if call.done:
        call.body["jobPars"]["dopsf"] = 0


@breaks("the same request twice is one job", "run_userobject", "every_submission_is_a_new_job")
def _same(call, server):
    if call.done:
        call.body = server.memory.setdefault("first", call.body)


@breaks("unknown object names are accepted", "run_userobject", *RESOLVED, incoming=True)
def _anybody(call, _server):
    if isinstance(call.request, dict) and "no such" in str(call.request.get("name")):
        call.request = {**call.request, "name": "GK Per"}


@breaks("the limit of active jobs is one too high", "changeScenario", "the_limit_of_active_jobs_holds", incoming=True)
def _limit(call, _server):
    call.request = {key: value + 1 for key, value in call.request.items()}


@breaks("the limit of active jobs is one too low", "changeScenario", "the_limit_of_active_jobs_holds", incoming=True)
def _tight(call, _server):
    call.request = {key: value - 1 for key, value in call.request.items()}


@breaks("a changed default also changes old jobs", "getOldProduct", "a_changed_default_holds_for_new_jobs_only")
def _retroactive(call, _server):
    if call.done:
        call.body["jobPars"]["minsnr"] = 2.4


# status ----------------------------------------------------------------------------------------------------------


def entry(call: Call, name: str) -> dict[str, Any]:
    """Return the status of one product, or an empty dictionary, changes of which have no effect."""
    found = call.body.get(name) if call.done else None
    return found if isinstance(found, dict) else {}


@breaks("a running product goes back to the queue", "checkProductStatus", *COURSE)
def _backwards(call, server):
    if entry(call, "lc").get("statusCode") == 3:
        server.memory["running"] = server.memory.get("running", 0) + 1
        if server.memory["running"] > 2:
            call.body["lc"] = {"statusCode": 2, "statusText": "Queued", "progress": {"GotProgress": 0}}


@breaks("what has been cancelled is complete later", "checkProductStatus", *CANCELLING, *ARCHIVES)
def _revived(call, _server):
    if entry(call, "lc").get("statusCode") == -4:
        call.body["lc"].update(statusCode=4, statusText="Complete")


@breaks("status codes are text", "checkProductStatus", *NEW)
def _code_text(call, _server):
    if call.done:
        entry(call, "lc")["statusCode"] = str(entry(call, "lc").get("statusCode"))


@breaks("there is a status 6", "checkProductStatus", *NEW)
def _six(call, _server):
    entry(call, "lc")["statusCode"] = 6


@breaks("a light curve waits for a position", "checkProductStatus", *NEW)
def _waits(call, _server):
    entry(call, "lc").update(statusCode=5)


@breaks("products outside the job are left out", "checkProductStatus", "status_answers_for_every_name_asked")
def _left_out(call, _server):
    if call.done:
        call.body = {k: v for k, v in call.body.items() if not isinstance(v, dict) or v.get("statusCode") is not None}


@breaks("products outside the job are requested", "checkProductStatus", "status_answers_for_every_name_asked")
def _all_there(call, _server):
    if entry(call, "spec"):
        call.body["spec"] = {"statusCode": 1, "statusText": "Requested", "progress": {"GotProgress": 0}}


@breaks("there is no progress object", "checkProductStatus", *NEW)
def _no_progress(call, _server):
    entry(call, "lc").pop("progress", None)


@breaks("progress comes unasked", "checkProductStatus", *COURSE, incoming=True)
def _unasked(call, _server):
    if isinstance(call.request, dict):
        call.request = {**call.request, "whatProg": call.request.get("what")}


@breaks("progress never comes", "checkProductStatus", *COURSE, incoming=True)
def _never(call, _server):
    if isinstance(call.request, dict):
        call.request = {**call.request, "whatProg": ""}


def steps(call: Call, name: str = "lc") -> list[Any]:
    """Return the progress steps of a product."""
    found: list[Any] = entry(call, name).get("progress", {}).get("ProgressSteps", [])
    return found


@breaks("step states are text", "checkProductStatus", *COURSE)
def _step_text(call, _server):
    for step in steps(call):
        step["StepStatus"] = str(step["StepStatus"])


@breaks("two steps are active", "checkProductStatus", *COURSE)
def _two(call, _server):
    for step in steps(call)[:2]:
        step["StepStatus"] = 1


@breaks("the time running is a number", "checkProductStatus", *COURSE)
def _seconds(call, _server):
    if steps(call):
        entry(call, "lc")["progress"]["TimeRunning"] = 12


@breaks("a complete product has another text", "checkProductStatus", *COURSE)
def _finished(call, _server):
    if entry(call, "lc").get("statusCode") == 4:
        call.body["lc"]["statusText"] = "Completed"


@breaks("a finished product has progress", "checkProductStatus", *COURSE)
def _still(call, _server):
    if entry(call, "lc").get("statusCode") == 4:
        call.body["lc"]["progress"] = {"GotProgress": 2}


@breaks("JobID of a status answer is text", "checkProductStatus", *NEW)
def _id_text(call, _server):
    if call.done:
        call.body["JobID"] = str(call.body["JobID"])


@breaks(
    "an empty what asks about everything", "checkProductStatus", "status_answers_for_every_name_asked", incoming=True
)
def _everything(call, _server):
    if isinstance(call.request, dict):
        call.request = {**call.request, "what": call.request.get("what") or "lc"}


def impersonate(operation: str, words: str, *probes: str) -> None:
    """Register a breakage that takes a stranger for the owner."""

    def change(call: Call, _server: Broken) -> None:
        user = str(call.request.get("UserID")) if isinstance(call.request, dict) else ""
        if "stranger" in user:
            call.request = {**call.request, "UserID": user.replace("stranger", "user")}

    breaks(words, operation, *probes, incoming=True)(change)


impersonate("checkProductStatus", "strangers see a job's status", *STRANGERS)
impersonate("canceljob", "strangers may cancel", *STRANGERS)
impersonate("getOldProduct", "strangers see a job's parameters", *STRANGERS)
impersonate("listOldJobs", "strangers see a user's jobs", *NEW)
impersonate("getNumJobs", "strangers' jobs are counted", *NEW)


@breaks("strangers get the answer that the job does not exist", "getPSFPos", *STRANGERS)
def _secret(call, _server):
    if call.refused and "owned" in call.body["ERROR"]:
        call.body["ERROR"] = "There is no such job"


# cancelling ------------------------------------------------------------------------------------------------------

sets("partly cancelled is reported as cancelled", "canceljob", *CANCELLING, OK=1)
sets("there are no statusCodes", "canceljob", *CANCELLING, statusCodes=...)


@breaks("cancelling has no effect", "canceljob", *CANCELLING, incoming=True)
def _pretend(call: Call, _server: Broken) -> None:
    if isinstance(call.request, dict) and call.request.get("what") == "lc":
        job, what = int(call.request["JobID"]), {"lc": "Job cancelled OK"}
        call.status, call.headers = 200, {"Content-Type": HTML}
        call.body = {"JobID": job, "OK": 1, "status": what, "statusCodes": {"lc": 0}, "APIVersion": "1.12"}


def codes(words: str, name: str, code: int, *probes: str) -> None:
    """Register a breakage that answers a cancellation with another code."""

    def change(call: Call, _server: Broken) -> None:
        if call.done and name in call.body["statusCodes"]:
            call.body["statusCodes"][name] = code

    breaks(words, "canceljob", *probes)(change)


codes("products outside the job could not be cancelled for another reason", "image", 1, *CANCELLING)
codes("every light curve is cancelled, finished or not", "lc", 0, *CANCELLING)
codes("there is a cancel code 5", "lc", 5, *CANCELLING)


@breaks("unknown names are left out of a cancellation", "canceljob", *CANCELLING)
def _known_only(call, _server):
    if call.done:
        for part in ("status", "statusCodes"):
            call.body[part].pop("nonsense", None)


# counting and listing --------------------------------------------------------------------------------------------

sets("numJobs is text", "getNumJobs", *NEW, numJobs="1")


@breaks("one job too many is counted", "getNumJobs", *NEW)
def _one_more(call, _server):
    if call.done:
        call.body["numJobs"] += 1


@breaks("ended jobs are counted", "getNumJobs", *CANCELLING, *COURSE)
def _ended(call, server):
    if call.done:
        jobs = server.ask("listOldJobs", call.request).get("jobs", [])
        call.body["numJobs"] = len(jobs)


def listed(words: str, change: Callable[[dict[str, Any]], object], *probes: str) -> None:
    """Register a breakage that changes every entry of the list."""

    def after(call: Call, _server: Broken) -> None:
        for job in call.body["jobs"] if call.done else ():
            change(job)

    breaks(words, "listOldJobs", *(probes or NEW))(after)


listed("hasProd is a number", lambda job: job.update(hasProd=1))
listed("hasProd stays true for ever", lambda job: job.update(hasProd=True), *ARCHIVES)
listed("the list lacks a key", lambda job: job.pop("Image"))
listed("the list has JobIDs as text", lambda job: job.update(JobID=str(job["JobID"])))
listed("the list shows products that are not in the job", lambda job: job.update(Image=not job["Image"]))
listed(
    "the list has another form of date", lambda job: job.update(DateSubmitted=job["DateSubmitted"].replace(" ", "T"))
)
listed("the list has other names", lambda job: job.update(Name="target"))


@breaks("the list goes from the oldest to the newest", "listOldJobs", "the_list_grows_at_its_head")
def _oldest(call, _server):
    if call.done:
        call.body["jobs"].reverse()


sets("old parameters come without URL", "getOldProduct", *NEW, URL=...)


@breaks("oldJob is text", "getOldProduct", *NEW)
def _old_text(call, _server):
    if call.done:
        call.body["oldJob"] = str(call.body["oldJob"])


echoes("old parameters are not those of the submission", *NEW, operation="getOldProduct", RA="0.0000")

# files -----------------------------------------------------------------------------------------------------------


@breaks("archives exist before the end", "downloadProduct", "results_are_refused_before_the_end")
def _early(call, _server):
    if call.status == 404:
        call.status, call.body, call.headers = 200, tarball("USERPROD_1/lc/a.txt"), {"Content-Type": "application/zip"}


@breaks("wrong addresses of archives are a page with HTTP 200", "downloadProduct", "results_are_refused_before_the_end")
def _apology(call, _server):
    if call.status == 404:
        call.status = 200


def tarball(*names: str) -> bytes:
    """Return a tar archive with empty files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


@breaks("the gzipped archive is not gzipped", "downloadProduct", *ARCHIVES)
def _plain(call, _server):
    if call.status == 200 and call.path.endswith(".gz"):
        call.body = gzip.decompress(call.body)


@breaks("archives have no directory", "downloadProduct", *ARCHIVES)
def _flat(call, _server):
    if call.status == 200 and call.path.endswith(".tar"):
        call.body = tarball("results.dat")


@breaks("archives are empty", "downloadProduct", *ARCHIVES)
def _hollow(call, _server):
    if call.status == 200 and call.path.endswith(".tar"):
        call.body = tarball()


@breaks("cancelled products have no archive", "downloadProduct", *ARCHIVES)
def _none(call, _server):
    if "/spec." in call.path:
        call.status, call.body, call.headers = 404, b"<html>UKSSDC | 404 page not found</html>", {"Content-Type": HTML}


@breaks("archives are another at every download", "downloadProduct", *ARCHIVES)
def _unstable(call, server):
    if call.status == 200 and call.path.endswith("image.zip"):
        server.memory["downloads"] = server.memory.get("downloads", 0) + 1
        call.body += b"\0" * (server.memory["downloads"] % 2)


@breaks("archives are labelled as text", "downloadProduct", *ARCHIVES)
def _labelled(call, _server):
    if call.status == 200:
        call.headers["Content-Type"] = "application/json"


# results ---------------------------------------------------------------------------------------------------------

sets("GotPos is text", "getPSFPos", *RESULTS, GotPos="1")
sets("positions are numbers", "getPSFPos", *RESULTS, RA=335.6985)
sets("FromSXPS is left out", "getPSFPos", *RESULTS, FromSXPS=...)
sets("enhanced positions have FromSXPS", "getEnhPos", *RESULTS, FromSXPS=0)
sets("source lists have a JobID", "getSourceDetResults", *RESULTS, JobID=1)
sets(
    "source lists carry a deprecation warning",
    "getSourceDetResults",
    *RESULTS,
    deprecationWarning={"type": "a", "message": "b"},
)
sets("GalNH_unfitted is left out", "getSpecData", *RESULTS, GalNH_unfitted=...)
sets("the intervals are not listed", "getSpecData", *RESULTS, rnames=["interval7"])
sets("there is a data set without a table", "getLCData", *RESULTS, Datasets=["WTST"])
sets("a light curve says nothing about its binning", "getLCData", *RESULTS, Binning=...)


@breaks("values of source lists are numbers", "getSourceDetResults", *RESULTS)
def _floats(call, _server):
    if call.done:
        for source in call.body["Total"]:
            source["ra"] = float(source["ra"])
        call.body["Total"] = call.body["Total"] or [{"sno": 1}]


@breaks("the new address of the astrometric position is missing", "getAstromPos", *RESULTS)
def _moved(call, _server):
    call.status, call.body = 404, b"<html>UKSSDC | 404 page not found</html>"


@breaks("both addresses of the astrometric position answer differently", "getXastromPos", *RESULTS)
def _differs(call, _server):
    if call.done:
        call.body = {
            "OK": 1,
            "APIVersion": "1.12",
            "GotPos": 1,
            "RA": "1.00000",
            "Dec": "1.00000",
            "Err90": "1.0",
            "FromSXPS": 0,
        }


def ignores(words: str, operation: str, key: str, *probes: str) -> None:
    """Register a breakage that ignores a key of the request."""

    def change(call: Call, _server: Broken) -> None:
        if isinstance(call.request, dict):
            call.request = {k: v for k, v in call.request.items() if k != key}

    breaks(words, operation, *probes, incoming=True)(change)


ignores("old clients get light curves in the newest form", "getLCData", "api_version", *RESULTS)
ignores("old clients get spectra in the newest form", "getSpecData", "api_version", *RESULTS)
ignores("nosys is ignored", "getLCData", "nosys", *RESULTS)
ignores("incbad is ignored", "getLCData", "incbad", *RESULTS)


@breaks("a result is another at every call", "getEnhPos", *RESULTS)
def _wobbles(call, server):
    if call.done and call.body.get("GotPos"):
        server.memory["n"] = server.memory.get("n", 0) + 1
        call.body["Err90"] = f"{server.memory['n']}.0"


@breaks("results are sent before the end", "getEnhPos", "results_are_refused_before_the_end")
def _too_early(call, _server):
    if call.refused:
        call.body = {"OK": 1, "APIVersion": "1.12", "GotPos": 0}


# rebinning and pages ---------------------------------------------------------------------------------------------


@breaks("a failure of main.php has a key OK", "main", *SHARED)
def _with_ok(call, _server):
    if "ERROR" in call.body:
        call.body["OK"] = 0


@breaks("a failure of main.php looks like one of user_objects", "main", *SHARED)
def _envelope(call, _server):
    if "ERROR" in call.body:
        call.body = {"OK": 0, "ERROR": "no", "APIVersion": "1.12"}


@breaks("an unknown rebinning can be cancelled", "main", *SHARED)
def _any_rebin(call, _server):
    if isinstance(call.request, dict) and call.request.get("APIFunc") == "cancelRebin":
        call.body = {"OK": 1, "APIVersion": "1.0.5"}


@breaks("the job page is always complete", "jobPage", "the_job_page_has_its_state_in_the_title")
def _always(call, _server):
    call.body = call.body.replace(b"RUNNING", b"COMPLETE")


@breaks("the job page has no index.php", "jobPageIndex", "the_job_page_has_its_state_in_the_title")
def _no_index(call, _server):
    call.status = 404


@breaks("the registration form has another field", "registerPage", "addresses_can_be_registered")
def _field(call, _server):
    call.body = call.body.replace(b'name="email"', b'name="address"')


# in time and between calls -------------------------------------------------------------------------------------------


@breaks("archives are sent after their expiry", "downloadProduct", *ARCHIVES)
def _for_ever(call, server):
    if call.status == 200:
        server.memory[call.path] = call.body, dict(call.headers)
    elif call.path in server.memory:
        call.status, (call.body, call.headers) = 200, server.memory[call.path]


@breaks("results are sent after their expiry", "getPSFPos", *ARCHIVES)
def _results_for_ever(call, _server):
    if call.refused and "no longer" in call.body["ERROR"]:
        call.body = {"OK": 1, "APIVersion": "1.12", "GotPos": 0, "FromSXPS": 0}


@breaks("parameters go with the products", "getOldProduct", *ARCHIVES)
def _forgets(call, server):
    if call.done and server.ask("listOldJobs", {"UserID": call.request["UserID"]})["jobs"][0]["hasProd"] is False:
        call.body = {"OK": 0, "ERROR": "Job 1 does not exist", "APIVersion": "1.12"}


@breaks("the list has the last two jobs alone", "listOldJobs", "the_list_grows_at_its_head", *NEW)
def _short_list(call, _server):
    if call.done:
        call.body["jobs"] = call.body["jobs"][:2]


@breaks("statuses are those of the call before", "checkProductStatus", *COURSE, *CANCELLING)
def _late(call, server):
    if call.done:
        key = (call.request.get("JobID"), call.request.get("what"), call.request.get("whatProg"))
        before = server.memory.get(key, call.body)
        server.memory[key] = call.body
        call.body = before


@breaks("one product cancels them all", "canceljob", "what_was_cancelled_stays_cancelled", *CANCELLING, *ARCHIVES)
def _all_cancelled(call, server):
    if call.done and 0 in call.body["statusCodes"].values():
        every = "lc,spec,psf,enh,xastrom,image,sourceDet"
        server.ask("canceljob", {"UserID": call.request["UserID"], "JobID": call.request["JobID"], "what": every})


@breaks("products are counted instead of jobs", "getNumJobs", *NEW)
def _products_counted(call, _server):
    if call.done:
        call.body["numJobs"] *= 2


@breaks("cancelled jobs are counted", "getNumJobs", *CANCELLING)
def _cancelled_counted(call, server):
    if call.done:
        call.body["numJobs"] = max(call.body["numJobs"], server.memory.get(call.request["UserID"], 0))
        server.memory[call.request["UserID"]] = call.body["numJobs"]


@breaks("numbers of jobs are used again", "run_userobject", "every_submission_is_a_new_job", *NEW)
def _used_again(call, _server):
    if call.done:
        call.body["JobID"] = str(int(call.body["JobID"]) % 2 + 1)
        call.body["URL"] = f"{call.body['URL'].rsplit('_', 1)[0]}_{call.body['JobID']}"


@breaks("numbers of jobs go down", "run_userobject", "every_submission_is_a_new_job")
def _downwards(call, _server):
    if call.done:
        call.body["JobID"] = str(10_000 - int(call.body["JobID"]))
        call.body["URL"] = f"{call.body['URL'].rsplit('_', 1)[0]}_{call.body['JobID']}"


@breaks("the ends of a range do not belong to it", "run_userobject", *RANGE, incoming=True)
def _exclusive(call, _server):
    if isinstance(call.request, dict) and call.request.get("poserr") == 1 and "lc" in call.request:
        call.request = {**call.request, "poserr": 0.5}


@breaks("each parameter is refused alone", "run_userobject", *REFUSAL)
def _one_by_one(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] = problems["list"][:1]


@breaks("a parameter is listed twice", "run_userobject", *DEMANDED)
def _twice(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] *= 2


@breaks("problems name no key of a status call", "checkProductStatus", "status_answers_for_every_name_asked")
def _nameless(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] = ["something is wrong"]


@breaks("the archive of all products lacks one", "downloadProduct", *ARCHIVES)
def _lacks_one(call, server):
    if call.status == 200 and "/all." in call.path:
        server.forward(Call("GET", call.path.replace("/all.", "/image."), "downloadProduct", b"", ""))
        other = server.forward(Call("GET", call.path.replace("/all.", "/image."), "downloadProduct", b"", ""))
        call.body = other.body


@breaks("the tar is a zip", "downloadProduct", *ARCHIVES)
def _zip(call, server):
    if call.status == 200 and call.path.endswith(".tar"):
        call.body = server.forward(Call("GET", call.path.replace(".tar", ".zip"), "downloadProduct", b"", "")).body


@breaks("progress goes back", "checkProductStatus", *COURSE)
def _back(call, server):
    found = steps(call, "psf")
    states = [step["StepStatus"] for step in found]
    if sum(states) > server.memory.get("least", 100):
        for step in found:
            step["StepStatus"] = 1 if step is found[0] else 0
    elif found:
        server.memory["least"] = sum(states)


@breaks("a light curve has another time format", "getLCData", *RESULTS)
def _other_format(call, _server):
    if call.done and "TimeFormat" in call.body:
        call.body["TimeFormat"] = "MJD"


sets("a light curve has another T0", "getLCData", *RESULTS, T0=1.0)
sets("a light curve has no T0", "getLCData", *RESULTS, T0=...)
sets("spectra have another threshold", "getSpecData", *RESULTS, DeltaFitStat=1.0)


@breaks("old light curves have other rates", "getLCData", *RESULTS)
def _other_rates(call, _server):
    if call.done and "hasWT" in call.body:
        for row in call.body["PCData"]["data"]:
            row[3] *= 1.1


@breaks("old spectra have other exposures", "getSpecData", *RESULTS)
def _other_exposures(call, _server):
    if call.done and "HavePC" in call.body.get("interval0", {}):
        call.body["interval0"]["PC"]["exposure"] += 1


@breaks("rows are not in the order of time", "getLCData", *RESULTS)
def _reversed(call, _server):
    if call.done:
        call.body.get("PCData", {}).get("data", []).reverse()


@breaks("a fit has a positive lower error", "getSpecData", *RESULTS)
def _positive(call, _server):
    fit = call.body.get("interval0", {}).get("PC", {}).get("PowerLaw") if call.done else None
    if fit:
        fit["GammaNeg"] = -fit["GammaNeg"]


@breaks("a mode is listed nowhere", "getSpecData", *RESULTS)
def _unlisted(call, _server):
    if call.done and "Modes" in call.body.get("interval0", {}):
        call.body["interval0"]["Modes"].pop()


@breaks("two sources have one number", "getSourceDetResults", *RESULTS)
def _same_number(call, _server):
    if call.done:
        call.body["Total"][0]["sno"] = call.body["Total"][1]["sno"]


@breaks("answers have no label", "getNumJobs", *WIRE)
def _no_label(call, _server):
    call.headers["Content-Type"] = ""


echoes("a name is echoed in capitals", *DEFAULTS, name="grb 200416a")
echoes("outdir is that of another job", *DEFAULTS, outdir="USERPROD_99")
echoes("the start is rounded", *DEFAULTS, Tstart=608713500)


@breaks("a rebinned curve has another binning", "main", "light_curves_can_be_rebinned")
def _other_binning(call, _server):
    if call.done and "Binning" in call.body:
        call.body["Binning"] = "Counts"


@breaks("the position of a burst is not complete", "main", "known_bursts_have_products")
def _incomplete(call, _server):
    if call.done:
        call.body.pop("Best_Err90", None)
