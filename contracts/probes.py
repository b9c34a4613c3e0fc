"""Fixed questions to a server, each with the answer the contract demands: the part of the suite that needs no chance.

:func:`examine` runs them against a WSGI app or a base URL, and every exchange also passes the rules of `checks` and the
memory of `history`. Questions about time need the simulator's control interface; without it they are left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import checks, documents, harness
from .bodies import BASE, EVERY_PARAMETER, EVERYTHING, IMAGE, LIGHT_CURVE, OWNER, SPECTRUM
from .checks import PRODUCTS, Finding, succeeded
from .harness import FORM, JSON
from .history import History, official

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .harness import Backend, Exchange

ROOT = "/user_objects/"
SUBMIT = ROOT + "run_userobject.php"
STRANGER = "stranger@example.org"
MISSING_LABEL = "The following parameters are needed, but were not supplied:"
INVALID_LABEL = "The following parameters have invalid values:"
ALL = ",".join(PRODUCTS)
_HOUR = 3600.0


@dataclass
class Examination:
    """A backend being asked, and what was noticed.

    Parameters
    ----------
    backend
        Who answers.
    history
        Memory of the calls.
    """

    backend: Backend
    history: History
    findings: list[Finding] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    watch: Callable[[Exchange], object] | None = None
    probe: str = ""
    stop_early: bool = False

    def call(self, path: str, body: Any = None, method: str = "POST", label: str = JSON) -> Exchange:
        """Ask, and let the rules look."""
        made = self.backend.call(method, path, body, label=label)
        if not path.startswith("/_mock"):
            self.asked[documents.operation_for(method, path) or "nowhere"] += 1
            self.findings += [*checks.findings(made), *self.history.observe(made)]
            if self.watch is not None:
                self.watch(made)
        return made

    def ask(self, name: str, body: Any = None, **more: Any) -> Exchange:
        """Ask an operation below user_objects, as the owner unless `body` says otherwise."""
        request = {"UserID": OWNER, **(body or {}), **more}
        return self.call(f"{ROOT}{name}.php", {key: value for key, value in request.items() if value is not ...})

    def get(self, path: str) -> Exchange:
        """Fetch a page or a file."""
        return self.call(path, None, "GET")

    def expect(self, true: object, words: str, exchange: Exchange | None = None) -> None:
        """Note what is wrong unless `true`."""
        if not true:
            operation = documents.operation_for(exchange.method, exchange.path) if exchange else None
            self.findings.append(Finding(self.probe, operation or "", words, str(exchange or "")))

    def refusal(self, exchange: Exchange, words: str, text: str | None = None) -> None:
        """Expect a refusal, with `text` if it is documented."""
        body = exchange.body if isinstance(exchange.body, dict) else {}
        self.expect(exchange.status == 200 and body.get("OK") == 0, f"{words} was not refused in JSON", exchange)
        if text is not None and body.get("OK") == 0:
            self.expect(body.get("ERROR") == text, f"{words}: ERROR is {body.get('ERROR')!r}, not {text!r}", exchange)

    def submit(self, body: Mapping[str, Any]) -> int:
        """Submit a request that the service must take; returns the JobID, or 0 if it did not."""
        made = self.call(SUBMIT, dict(body))
        self.expect(succeeded(made), "a complete request was refused", made)
        return int(made.body["JobID"]) if succeeded(made) else 0

    def statuses(self, job: int, what: str = ALL, **more: Any) -> dict[str, Any]:
        """Return the status codes of a job by product."""
        body = self.ask("checkProductStatus", JobID=job, what=what, **more).body
        entries = body.items() if isinstance(body, dict) else ()
        return {
            name: entry.get("statusCode") for name, entry in entries if isinstance(entry, dict) and name in PRODUCTS
        }

    def advance(self, seconds: float) -> None:
        """Move service time."""
        self.backend.call("POST", "/_mock/clock/advance", {"seconds": seconds})
        self.history.time_moved()

    def change(self, **settings: Any) -> None:
        """Change the scenario; two underscores stand for the dot."""
        self.backend.call("PATCH", "/_mock/scenario", {key.replace("__", "."): v for key, v in settings.items()})

    @property
    def has_control(self) -> bool:
        """Whether the server has the simulator's control interface."""
        body = self.backend.call("GET", "/_mock/health").body
        return isinstance(body, dict) and body.get("status") == "ok"


PROBES: dict[str, tuple[Callable[[Examination], None], bool, bool]] = {}
"""By name: the function, whether it needs the control interface, whether it needs contents of products."""


def probe(*, control: bool = False, contents: bool = False) -> Callable[[Any], Any]:
    """Register a question."""

    def register(function: Callable[[Examination], None]) -> Callable[[Examination], None]:
        PROBES[function.__name__] = (function, control, contents)
        return function

    return register


def examine(
    target: Any,
    *,
    probes: Iterable[str] | None = None,
    watch: Callable[[Exchange], object] | None = None,
    stop_early: bool = False,
) -> Examination:
    """Ask the fixed questions.

    Parameters
    ----------
    target
        A backend, a WSGI app, a base URL, or ``module:name``.
    probes
        Names of questions; default: all.
    watch
        Shown every exchange.
    stop_early
        Whether to stop at the first finding.
    """
    backend = target if hasattr(target, "call") else harness.backend(target)
    exam = Examination(backend, History(complete=False, still=True), watch=watch, stop_early=stop_early)
    control = exam.has_control
    for name in PROBES if probes is None else probes:
        function, needs_control, _contents = PROBES[name]
        exam.probe = name
        if needs_control and not control:
            exam.left_out.append(name)
            continue
        if control:
            backend.call("POST", "/_mock/reset")
            exam.history = History(complete=True, still=True)
        try:
            function(exam)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            exam.expect(False, f"an answer cannot be followed: {error!r}")
        if stop_early and exam.findings:
            break
    return exam


# the wire --------------------------------------------------------------------------------------------------------


@probe()
def any_label_will_do(exam: Examination) -> None:
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


# submitting ------------------------------------------------------------------------------------------------------


def _problems(exchange: Exchange, label: str) -> list[str]:
    entries = exchange.body.get("listErr", []) if isinstance(exchange.body, dict) else []
    return [item for entry in entries if entry.get("label") == label for item in entry.get("list", [])]


@probe()
def the_documented_refusal_comes_word_for_word(exam: Examination) -> None:
    """Two parameters missing and one out of range, all told at once."""
    wrong = {**LIGHT_CURVE, "poserr": 0.01}
    del wrong["Dec"], wrong["cent"]
    made = exam.call(SUBMIT, wrong)
    documented = documents.example("run_userobject.error.missing_and_invalid.response.json")
    body = made.body if isinstance(made.body, dict) else {}
    for key in ("OK", "ERROR"):
        exam.expect(body.get(key) == documented[key], f"{key} is {body.get(key)!r}, not {documented[key]!r}", made)
    labels = [entry["label"] for entry in documented["listErr"]]
    exam.expect([e.get("label") for e in body.get("listErr", [])] == labels, f"the labels are not {labels}", made)
    for entry in documented["listErr"]:
        told = _problems(made, entry["label"])
        exam.expect(sorted(told) == sorted(entry["list"]), f"told is {told}, not {entry['list']}", made)


@probe()
def both_ends_of_a_range_belong_to_it(exam: Examination) -> None:
    """The documented range of poserr is 1 to 6."""
    for value in (1, 6, "1", 6.0, "3.5"):
        exam.submit({**LIGHT_CURVE, "poserr": value})
    for value in (0.99, 6.01, 0, -1, "0.99", 60):
        made = exam.call(SUBMIT, {**LIGHT_CURVE, "poserr": value})
        exam.refusal(made, f"poserr {value}")
        expected = f"poserr is {float(value):g}, but must be between 1 and 6"
        exam.expect(_problems(made, INVALID_LABEL) == [expected], f"the sentence is not {expected!r}", made)
    for name, values in (("RA", (-0.01, 360.01)), ("Dec", (-90.01, 90.01))):
        for value in values:
            made = exam.call(SUBMIT, {**LIGHT_CURVE, name: value})
            exam.refusal(made, f"{name} {value}")
            exam.expect(_problems(made, INVALID_LABEL), f"{name} {value} is not listed as invalid", made)


def _without(request: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key not in names}


_DEMANDS: tuple[tuple[dict[str, Any], str], ...] = (
    (LIGHT_CURVE, "UserID"),
    (LIGHT_CURVE, "name"),
    (LIGHT_CURVE, "targ"),
    (LIGHT_CURVE, "RA"),
    (LIGHT_CURVE, "Dec"),
    (LIGHT_CURVE, "cent"),
    (SPECTRUM, "cent"),
    (LIGHT_CURVE, "poserr"),
    (LIGHT_CURVE, "binMeth"),
    (LIGHT_CURVE, "pccounts"),
    (LIGHT_CURVE, "wtcounts"),
    (LIGHT_CURVE, "dynamic"),
    (SPECTRUM, "specz"),
    ({**SPECTRUM, "specz": 1}, "zval"),
    ({**SPECTRUM, "timeslice": "user"}, "rname1"),
    ({**SPECTRUM, "timeslice": "user"}, "gti1"),
    ({**LIGHT_CURVE, "lcobs": "user"}, "uselcobs"),
    ({**SPECTRUM, "specobs": "user"}, "usespecobs"),
    ({**IMAGE, "dopsf": 1, "posobs": "user"}, "useposobs"),
    ({**IMAGE, "imobs": "user"}, "useimobs"),
    ({**BASE, "sourceDet": 1, "detobs": "user"}, "usedetobs"),
)
"""A request, and a parameter that it cannot do without (documented)."""


@probe()
def every_demanded_parameter_is_demanded_by_name(exam: Examination) -> None:
    """Absent, null and empty all count as missing."""
    for request, name in _DEMANDS:
        for value in (..., None, ""):
            body = _without(request, name) if value is ... else {**request, name: value}
            made = exam.call(SUBMIT, body)
            exam.refusal(made, f"a request with {name} {'left out' if value is ... else repr(value)}")
            exam.expect(name in _problems(made, MISSING_LABEL), f"{name} is not listed as missing", made)


@probe()
def what_is_not_needed_is_not_demanded(exam: Examination) -> None:
    """Each condition also has its other side."""
    for request in (
        {**_without(LIGHT_CURVE, "RA", "Dec"), "getCoords": 1},
        {**_without(LIGHT_CURVE, "targ"), "getTargs": 1},
        {**_without(LIGHT_CURVE, "Tstart"), "getT0": 1},
        _without({**IMAGE, "cent": 0}, "poserr"),
        _without(IMAGE, "cent", "poserr"),
        {**_without(BASE, "RA", "Dec", "cent", "poserr"), "sourceDet": 1, "detobs": "all"},
        {**BASE, "lc": 1, "binMeth": "time"},
        {**BASE, "lc": 1, "binMeth": "snapshot"},
        {**BASE, "lc": 1, "binMeth": "obsid"},
        {**SPECTRUM, "specz": 1, "zval": 0.5},
        {**SPECTRUM, "timeslice": "user", "rname1": "early", "gti1": "608713541-608714541"},
        {**LIGHT_CURVE, "lcobs": "user", "uselcobs": "00966554000"},
    ):
        exam.submit(request)


@probe()
def a_request_without_a_product_is_refused(exam: Examination) -> None:
    """Flags that are 0 ask for nothing."""
    exam.refusal(exam.call(SUBMIT, BASE), "a request without a product")
    exam.refusal(exam.call(SUBMIT, {**BASE, "lc": 0, "spec": "0", "image": False}), "a request with flags of 0")


@probe()
def values_that_are_not_allowed_are_refused_and_named(exam: Examination) -> None:
    """Each enumeration, with a word that is not in it."""
    for entry in documents.parameter_catalogue():
        if not entry["allowed"]:
            continue
        name, wrong = entry["wire_name"], "nonsense"
        made = exam.call(SUBMIT, {**EVERYTHING, name: [wrong] if name == "models" else wrong})
        exam.refusal(made, f"{name} {wrong!r}")
        sentences = _problems(made, INVALID_LABEL)
        exam.expect(any(s.split(" ")[0] == name for s in sentences), f"{name} is not listed as invalid", made)


@probe()
def values_that_are_allowed_are_taken_and_echoed(exam: Examination) -> None:
    """Each value of each enumeration, and each internal code."""
    needs = {"lcobs": "uselcobs", "specobs": "usespecobs", "posobs": "useposobs", "imobs": "useimobs"}
    for entry in documents.parameter_catalogue():
        name = entry["wire_name"]
        codes = {c: v for c, v in (entry["internal_codes"] or {}).items() if c.isdigit()}
        for value in [*(entry["allowed"] or ()), *codes]:
            meant = codes.get(value, value)
            extra: dict[str, Any] = {needs[name]: "00966554000"} if name in needs and meant == "user" else {}
            if meant == "user" and name in {"detobs", "timeslice"}:
                extra = {"usedetobs": "00966554000", "rname1": "a", "gti1": "608713541-608714541"}
            sent = [value] if name == "models" else value
            made = exam.call(SUBMIT, {**EVERYTHING, **extra, name: sent})
            exam.expect(succeeded(made), f"{name} {value!r} was refused", made)
            if succeeded(made):
                echo = made.body["jobPars"].get(name)
                same = echo == ([meant] if name == "models" else meant)
                exam.expect(same, f"{name} {value!r} is echoed as {echo!r}, not {meant!r}", made)


@probe()
def every_spelling_is_taken_and_echoed_under_the_wire_name(exam: Examination) -> None:
    """Old clients and pages spell eight parameters in another way."""
    values = {
        "sinceT0": 0,
        "poserr": 2,
        "allowB": "no",
        "getTargs": 1,
        "pcmaxgap": 55,
        "wtmaxgap": 66,
        "pcbin": 7,
        "wtbin": 8,
    }
    for entry in documents.parameter_catalogue():
        for spelling in entry["wire_names_to_accept"][1:]:
            name = entry["wire_name"]
            made = exam.call(SUBMIT, {**_without(LIGHT_CURVE, name), spelling: values[name]})
            exam.expect(succeeded(made), f"{spelling} was not taken for {name}", made)
            if succeeded(made):
                echo = made.body["jobPars"].get(name)
                exam.expect(checks.same(values[name], echo), f"{spelling} is echoed as {name} {echo!r}", made)


@probe()
def numbers_may_be_text_and_switches_may_be_booleans(exam: Examination) -> None:
    """Clients send back whichever form they hold."""
    exam.submit({key: str(value) for key, value in LIGHT_CURVE.items()})
    exam.submit({**LIGHT_CURVE, "lc": True, "cent": True, "dynamic": False})
    exam.submit({**LIGHT_CURVE, "lc": "1", "cent": "1", "dynamic": "0"})


@probe()
def every_parameter_is_taken(exam: Examination) -> None:
    """All at once, with values that are not the defaults; the rules look whether they are echoed."""
    exam.submit(EVERY_PARAMETER)


@probe()
def defaults_are_the_documented_ones(exam: Examination) -> None:
    """For each product, what jobPars holds when the caller gave nothing."""
    for request in (LIGHT_CURVE, SPECTRUM, IMAGE, EVERYTHING, {**BASE, "lc": 1, "binMeth": "time"}):
        made = exam.call(SUBMIT, request)
        if succeeded(made):
            for words in checks.defaults_are_the_documented_ones(made):
                exam.expect(False, words, made)


@probe(control=True)
def a_changed_default_holds_for_new_jobs_only(exam: Examination) -> None:
    """The documentation warns that defaults are the server's and may change."""
    old = exam.submit(LIGHT_CURVE)
    exam.change(defaults__minsnr=2.4)
    new = exam.submit(LIGHT_CURVE)
    for job, expected in ((old, 1.5), (new, 2.4)):
        echo = exam.ask("getOldProduct", oldJob=job).body["jobPars"]["minsnr"]
        exam.expect(echo == expected, f"minsnr of job {job} is {echo}, not {expected}")


@probe()
def values_are_worked_out_when_asked_for(exam: Examination) -> None:
    """Coordinates, targets and T0 stand in jobPars; the switches stay for raw callers alone."""
    asking = {**_without(SPECTRUM, "RA", "Dec", "targ", "Tstart"), "getCoords": 1, "getTargs": 1, "getT0": 1}
    made = exam.call(SUBMIT, asking)
    exam.expect(succeeded(made), "a request with all three switches was refused", made)
    pars = made.body.get("jobPars", {}) if isinstance(made.body, dict) else {}
    for name in ("RA", "Dec", "targ", "Tstart"):
        exam.expect(pars.get(name) not in (None, ""), f"{name} was not worked out", made)
    exam.call(SUBMIT, official(asking))
    overridden = exam.call(SUBMIT, {**asking, "RA": 1.0, "Dec": 2.0})
    if succeeded(overridden):
        echo = overridden.body["jobPars"]
        exam.expect(float(echo["RA"]) != 1.0, "getCoords did not override the given position", overridden)
    exam.refusal(exam.call(SUBMIT, {**asking, "name": "no such object zzz"}), "a name that nobody knows")


@probe()
def job_parameters_may_be_sent_back_whole(exam: Examination) -> None:
    """The documented way to repeat a job, with server-only keys and braces around targets."""
    for request in (EVERYTHING, official(EVERYTHING)):
        made = exam.call(SUBMIT, request)
        if succeeded(made):
            again = exam.call(SUBMIT, made.body["jobPars"])
            exam.expect(succeeded(again), "jobPars sent back whole were refused", again)
            if succeeded(again):
                first, second = made.body["jobPars"], again.body["jobPars"]
                changed = [key for key in first if key != "outdir" and first[key] != second.get(key)]
                exam.expect(not changed, f"a job repeated by its jobPars differs in {changed}", again)
    braces = {**LIGHT_CURVE, "targ": "{00966554,00010873}"}
    exam.submit(braces)


@probe()
def unknown_keys_are_ignored(exam: Examination) -> None:
    """Server-only keys come back from callers (assumed for others)."""
    exam.submit({**LIGHT_CURVE, "whatSXPS": "2SXPS", "do3col": 0, "outdir": "USERPROD_9", "nobody_knows": [1]})


@probe()
def every_submission_is_a_new_job(exam: Examination) -> None:
    """The same request twice makes two jobs, numbered upwards."""
    first, second = exam.submit(LIGHT_CURVE), exam.submit(LIGHT_CURVE)
    exam.expect(second > first, f"the second job has the number {second}, the first {first}")


@probe()
def the_list_grows_at_its_head(exam: Examination) -> None:
    """Most recent first."""
    jobs = [exam.submit(IMAGE) for _ in range(3)]
    listed = [entry["JobID"] for entry in exam.ask("listOldJobs").body["jobs"]]
    exam.expect(listed[:3] == jobs[::-1], f"after {jobs} the list begins with {listed[:3]}")


# life ------------------------------------------------------------------------------------------------------------


@probe()
def a_new_job_is_requested_counted_and_listed(exam: Examination) -> None:
    """At the instant of submission."""
    before = exam.ask("getNumJobs").body["numJobs"]
    job = exam.submit(EVERYTHING)
    codes = exam.statuses(job)
    exam.expect(all(code in {1, 2, -1} for code in codes.values()), f"the statuses of a new job are {codes}")
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == before + 1, "a new job was not counted")
    listed = exam.ask("listOldJobs").body["jobs"]
    exam.expect(listed and listed[0]["JobID"] == job, "a new job is not the first in the list")
    exam.expect(exam.ask("listOldJobs", UserID=STRANGER).body["jobs"] == [], "a stranger's list is not empty")
    exam.expect(exam.ask("getNumJobs", UserID=STRANGER).body["numJobs"] == 0, "a stranger's count is not 0")
    exam.ask("getOldProduct", oldJob=str(job))


@probe()
def strangers_are_refused_in_the_documented_words(exam: Examination) -> None:
    """On every operation that names a job."""
    job = exam.submit(EVERYTHING)
    text = f"Job {job} is not owned by user {STRANGER}"
    for name, body in _naming(job):
        exam.refusal(exam.ask(name, body, UserID=STRANGER), f"{name} by a stranger", text)


@probe()
def jobs_that_do_not_exist_are_refused(exam: Examination) -> None:
    """On every operation that names a job; and so are requests that name none."""
    for name, body in _naming(987654):
        exam.refusal(exam.ask(name, body), f"{name} of an unknown job")
        exam.refusal(exam.ask(name, {k: v for k, v in body.items() if k == "what"}), f"{name} without a job")
        exam.refusal(exam.ask(name, {**body, "JobID": "abc", "oldJob": "abc"}), f"{name} of job 'abc'")


def _naming(job: int) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "checkProductStatus", {"JobID": job, "what": "lc"}
    yield "canceljob", {"JobID": job, "what": "lc"}
    yield "getOldProduct", {"oldJob": job}
    for name in ("PSFPos", "EnhPos", "XastromPos", "AstromPos", "SourceDetResults", "LCData", "SpecData"):
        yield f"tprods/get{name}", {"JobID": job}


@probe()
def status_answers_for_every_name_asked(exam: Examination) -> None:
    """Products outside the job, names nobody knows, JobIDs as text, and no names at all."""
    job = exam.submit(LIGHT_CURVE)
    made = exam.ask("checkProductStatus", JobID=str(job), what="lc,spec,nonsense", whatProg="lc")
    for name in ("spec", "nonsense"):
        entry = made.body.get(name, {}) if isinstance(made.body, dict) else {}
        exam.expect(
            entry.get("statusText") == "Unknown status", f"{name} has the text {entry.get('statusText')!r}", made
        )
    exam.refusal(exam.ask("checkProductStatus", JobID=job), "a status request without what")
    exam.refusal(exam.ask("checkProductStatus", JobID=job, what=""), "a status request with an empty what")


@probe()
def cancelling_answers_with_the_documented_codes(exam: Examination) -> None:
    """Cancelled, cancelled before, not in the job; and the count follows at once."""
    job = exam.submit({**LIGHT_CURVE, "spec": 1, "specz": 0})
    first = exam.ask("canceljob", JobID=job, what="lc")
    exam.expect(first.body.get("OK") == 1, "cancelling a waiting product did not succeed", first)
    exam.expect(first.body.get("status", {}).get("lc") == "Job cancelled OK", "the text of code 0 differs", first)
    exam.expect(exam.statuses(job, "lc") == {"lc": -4}, "the status after cancelling is not -4")
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == 1, "a job with one product left is not counted")
    again = exam.ask("canceljob", JobID=str(job), what="lc,spec,image,nonsense")
    expected = {"lc": 1, "spec": 0, "image": 2, "nonsense": 2}
    exam.expect(again.body.get("statusCodes") == expected, f"the codes are not {expected}", again)
    text = again.body.get("status", {}).get("lc")
    documented = "Job could not be cancelled - has it already finished?"
    exam.expect(text == documented, f"the text of code 1 is {text!r}, not {documented!r}", again)
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == 0, "a cancelled job is still counted")
    nothing = exam.ask("canceljob", JobID=job, what="lc")
    exam.expect(nothing.body.get("OK") == 2, "cancelling nothing did not answer 2", nothing)
    exam.refusal(exam.ask("canceljob", JobID=job), "a cancellation without what")
    exam.refusal(exam.ask("canceljob", JobID=job, what=""), "a cancellation with an empty what")


@probe(control=True)
def a_job_runs_its_course(exam: Examination) -> None:
    """Through every stage, forwards only, with progress for those who ask."""
    job = exam.submit({**EVERYTHING, "allxastrom": 0})
    seen: dict[str, list[Any]] = {name: [] for name in PRODUCTS}
    progress = set()
    for _ in range(600):
        made = exam.ask("checkProductStatus", JobID=job, what=ALL, whatProg=ALL)
        entries = {name: made.body[name] for name in PRODUCTS}
        for name, entry in entries.items():
            if not seen[name] or seen[name][-1] != entry["statusCode"]:
                seen[name].append(entry["statusCode"])
            if entry["progress"]["GotProgress"] == 1:
                progress.add(name)
        if all(entry["statusCode"] in {4, -3} for entry in entries.values()):
            break
        exam.ask("checkProductStatus", JobID=job, what="lc,spec", whatProg="lc")
        exam.ask("getNumJobs")
        exam.advance(10)
    for name, codes in seen.items():
        exam.expect(codes[-1] in {4, -3}, f"{name} did not end: {codes}")
        exam.expect(3 in codes, f"{name} was never seen running: {codes}")
        exam.expect(name in progress, f"no progress was ever told for {name}")
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == 0, "a job that has ended is still counted")
    late = exam.ask("canceljob", JobID=job, what="lc")
    exam.expect(late.body.get("statusCodes") == {"lc": 1}, "a finished product could be cancelled", late)
    exam.expect(late.body.get("OK") == 2, "cancelling a finished product did not answer 2", late)


@probe(control=True)
def products_can_be_cancelled_at_every_stage(exam: Examination) -> None:
    """Requested, queued and running."""
    job = exam.submit({**EVERYTHING, "allxastrom": 1})
    stages = {1: "image", 2: "sourceDet", 3: "spec"}
    for _ in range(200):
        codes = exam.statuses(job)
        for stage, product in list(stages.items()):
            if codes.get(product) == stage:
                made = exam.ask("canceljob", JobID=job, what=product)
                exam.expect(made.body.get("statusCodes") == {product: 0}, f"status {stage} was not cancelled", made)
                exam.expect(exam.statuses(job, product) == {product: -4}, f"{product} is not cancelled at once")
                del stages[stage]
        if not stages:
            break
        exam.advance(5)
    exam.expect(not stages, f"products were never seen with the statuses {sorted(stages)}")


@probe(control=True)
def the_limit_of_active_jobs_holds(exam: Examination) -> None:
    """Exactly so many jobs, not one more; a job that has ended makes room."""
    exam.change(limits__active_jobs=3)
    jobs = [exam.submit(LIGHT_CURVE) for _ in range(3)]
    exam.refusal(exam.call(SUBMIT, LIGHT_CURVE), "a fourth active job of three allowed")
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == 3, "the count is not at the limit")
    other = exam.call(SUBMIT, {**LIGHT_CURVE, "UserID": STRANGER})
    exam.expect(succeeded(other), "one user's limit was held against another", other)
    exam.ask("canceljob", JobID=jobs[0], what="lc")
    exam.submit(LIGHT_CURVE)
    exam.refusal(exam.call(SUBMIT, LIGHT_CURVE), "a fourth active job after one was cancelled and replaced")
    exam.advance(48 * _HOUR)
    exam.submit(LIGHT_CURVE)


@probe(control=True)
def a_cancelled_standard_position_fails_the_astrometric_one(exam: Examination) -> None:
    """It waits for what it corrects (assumed); with all data of its own it does not."""
    job = exam.submit({**BASE, "doxastrom": 1, "allxastrom": 0})
    exam.expect(set(exam.statuses(job, "psf,xastrom")) == {"psf", "xastrom"}, "the standard position is not in the job")
    exam.ask("canceljob", JobID=job, what="psf")
    exam.advance(12 * _HOUR)
    code = exam.statuses(job, "xastrom").get("xastrom")
    exam.expect(code == -3, f"the astrometric position has the status {code} after the standard one was cancelled")


# results ---------------------------------------------------------------------------------------------------------


@probe()
def results_are_refused_before_the_end(exam: Examination) -> None:
    """And so are those of products outside the job; files do not exist yet."""
    job = exam.submit(EVERYTHING)
    image_alone = exam.submit(IMAGE)
    for name, body in list(_naming(job))[3:]:
        exam.refusal(exam.ask(name, body), f"{name} before the end")
        exam.refusal(exam.ask(name, JobID=image_alone), f"{name} of a product outside the job")
    for stem in (*PRODUCTS, "all"):
        made = exam.get(f"{ROOT}tprods/USERPROD_{job}/{stem}.zip")
        exam.expect(made.status == 404, f"{stem}.zip was there before the end", made)


@probe(control=True, contents=True)
def finished_products_have_results_in_every_callers_form(exam: Examination) -> None:
    """Positions, sources, light curves and spectra, for each generation of clients."""
    job = exam.submit(EVERYTHING)
    exam.advance(48 * _HOUR)
    exam.statuses(job)
    for name in ("PSFPos", "EnhPos", "EnhPos", "XastromPos", "AstromPos", "SourceDetResults"):
        made = exam.ask(f"tprods/get{name}", JobID=job)
        exam.expect(succeeded(made), f"get{name} of a finished product was refused", made)
    exam.ask("tprods/getPSFPos", JobID=str(job))
    for version in (None, "1.8", "1.9", "1.10", "1.12", 1.5, "nonsense"):
        for name in ("LCData", "SpecData"):
            request = {"JobID": job} if version is None else official({"JobID": job}, version)  # type: ignore[arg-type]
            made = exam.ask(f"tprods/get{name}", request)
            exam.expect(succeeded(made), f"get{name} of a finished product was refused", made)
    for nosys in ("no", "yes", "both"):
        for incbad in ("no", "yes", "both"):
            exam.ask("tprods/getLCData", JobID=job, nosys=nosys, incbad=incbad)
    exam.refusal(exam.ask("tprods/getLCData", JobID=job, nosys="perhaps"), "nosys 'perhaps'")


@probe(control=True, contents=True)
def files_addressed_inside_answers_are_there(exam: Examination) -> None:
    """Every URL of a light curve and of spectra."""
    job = exam.submit({**LIGHT_CURVE, "spec": 1, "specz": 0})
    exam.advance(48 * _HOUR)
    answers = [exam.ask(f"tprods/get{name}", JobID=job).body for name in ("LCData", "SpecData")]
    _fetch_all(exam, answers)
    base = f"{ROOT}tprods/USERPROD_{job}"
    for path in (
        f"{base}/lc/nothing.qdp",
        f"{base}/lc/rebin_987654/PCCURVE.qdp",
        f"{ROOT}tprods/USERPROD_987654/index.php",
    ):
        made = exam.get(path)
        exam.expect(made.status == 404, f"{path} is there", made)


def _fetch_all(exam: Examination, answers: Any) -> None:
    for url in sorted(set(_addresses(answers))):
        made = exam.get(harness.path_of(url))
        exam.expect(made.status == 200 and made.content, f"{url} is not there", made)


def _addresses(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"URL", "DataFile", "Image"} and isinstance(value, str):
                yield value
            yield from _addresses(value)
    elif isinstance(node, list):
        for item in node:
            yield from _addresses(item)


@probe(control=True, contents=True)
def archives_hold_what_was_asked_for_until_they_expire(exam: Examination) -> None:
    """In three formats; also of cancelled products; then 404, while parameters and statuses stay."""
    request = {**BASE, "image": 1, "dopsf": 1, "spec": 1, "specz": 0}
    job = exam.submit(request)
    exam.ask("canceljob", JobID=job, what="spec")
    exam.advance(48 * _HOUR)
    exam.statuses(job)
    exam.ask("listOldJobs")
    base = f"{ROOT}tprods/USERPROD_{job}"
    for stem in ("image", "psf", "spec", "all"):
        for ending in ("zip", "tar", "tar.gz"):
            made = exam.get(f"{base}/{stem}.{ending}")
            exam.expect(made.status == 200, f"{stem}.{ending} is missing after the end", made)
            again = exam.get(f"{base}/{stem}.{ending}")
            exam.expect(made.content == again.content, f"{stem}.{ending} is not the same twice", made)
    exam.expect(exam.get(f"{base}/lc.zip").status == 404, "there is an archive of a product nobody asked for")
    exam.advance(30 * 24 * _HOUR)
    entry = exam.ask("listOldJobs").body["jobs"][0]
    exam.expect(entry["hasProd"] is False, "hasProd is still true after a month")
    made = exam.get(f"{base}/image.zip")
    exam.expect(made.status == 404, "an archive outlived its time", made)
    exam.refusal(exam.ask("tprods/getPSFPos", JobID=job), "a result that has expired")
    exam.expect(succeeded(exam.ask("getOldProduct", oldJob=job)), "the parameters of an expired job are gone")
    exam.statuses(job)


@probe(control=True, contents=True)
def light_curves_can_be_rebinned(exam: Examination) -> None:
    """By functions with rules of their own: a failure has no key OK."""
    job = exam.submit(LIGHT_CURVE)
    exam.advance(48 * _HOUR)
    exam.statuses(job)

    def main(function: str, **body: Any) -> Exchange:
        return exam.call("/API/main.php", {"APIFunc": function, "APIVersion": "1.0.5", **body})

    made = main("rebinLightCurve", type="UOB_LC", objectID=str(job), binMeth="obsid", timeFormat="MJD")
    exam.expect(succeeded(made), "rebinning a finished light curve was refused", made)
    number = int(made.body.get("JobID", 0))
    for _ in range(60):
        state = main("checkRebinStatus", JobID=number)
        if state.body.get("status") == 4:
            break
        exam.advance(10)
    exam.expect(state.body.get("status") == 4, "a rebinning did not end", state)
    curve = main("downloadLightCurve", type="REBIN_LC", objectID=number)
    exam.expect(succeeded(curve), "a rebinned light curve cannot be had", curve)
    _fetch_all(exam, [curve.body])
    for nosys in ("yes", "both"):
        main("downloadLightCurve", type="REBIN_LC", objectID=number, incbad="no", nosys=nosys)
    other = main("rebinLightCurve", type="UOB_LC", objectID=job, binMeth="snapshot")
    cancelled = main("cancelRebin", JobID=int(other.body["JobID"]))
    exam.expect(succeeded(cancelled), "a rebinning cannot be cancelled", cancelled)
    state = main("checkRebinStatus", JobID=int(other.body["JobID"]))
    exam.expect(state.body.get("status") == -4, "a cancelled rebinning is not -4", state)
    _fails(exam, main("cancelRebin", JobID=number), "cancelling a finished rebinning")


@probe()
def shared_functions_fail_without_ok(exam: Examination) -> None:
    """The presence of OK means success to the client, whatever its value."""
    job = exam.submit(LIGHT_CURVE)
    for body, words in (
        ({"APIFunc": "checkRebinStatus", "APIVersion": "1.0.5", "JobID": 987654}, "an unknown rebinning"),
        ({"APIFunc": "cancelRebin", "APIVersion": "1.0.5", "JobID": 987654}, "cancelling an unknown rebinning"),
        ({"APIFunc": "getObsByTarg", "APIVersion": "1.0.5"}, "a function outside the contract"),
        ({"APIFunc": "nonsense", "APIVersion": "1.0.5"}, "an unknown function"),
        ({"APIVersion": "1.0.5"}, "no function"),
        ("{", "a body that is not JSON"),
        (
            {
                "APIFunc": "rebinLightCurve",
                "APIVersion": "1.0.5",
                "type": "UOB_LC",
                "objectID": job,
                "binMeth": "obsid",
            },
            "rebinning a light curve that is not finished",
        ),
    ):
        _fails(exam, exam.call("/API/main.php", body), words)


def _fails(exam: Examination, made: Exchange, words: str) -> None:
    failed = isinstance(made.body, dict) and "ERROR" in made.body and "OK" not in made.body
    exam.expect(failed, f"{words} did not fail as main.php fails", made)


# pages -----------------------------------------------------------------------------------------------------------


@probe(control=True)
def the_job_page_tells_when_all_is_complete(exam: Examination) -> None:
    """Third-party programs wait for the word COMPLETE in its title."""
    job = exam.submit(IMAGE)
    base = f"{ROOT}tprods/USERPROD_{job}"
    for state, wait in (("RUNNING", 48 * _HOUR), ("COMPLETE", 0.0)):
        for path in (base, f"{base}/index.php"):
            made = exam.get(path)
            exam.expect(made.status == 200, f"{path} is not there", made)
            exam.expect(f"Job {job}: {state}" in str(made.body), f"the title of {path} does not say {state}", made)
        exam.advance(wait)
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
