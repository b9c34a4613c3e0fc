"""Questions about submissions: mandatory parameters, refusals, resolved values, echoes, defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import documents
from ..bodies import BASE, EVERY_PARAMETER, EVERYTHING, IMAGE, LIGHT_CURVE, SPECTRUM
from ..checks import echoes
from ..protocol import official, succeeded
from .asking import INVALID_LABEL, MISSING_LABEL, SUBMIT, probe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..harness import Exchange
    from .asking import Examination


def _problems(exchange: Exchange, label: str) -> list[str]:
    entries = exchange.body.get("listErr", []) if isinstance(exchange.body, dict) else []
    return [item for entry in entries if entry.get("label") == label for item in entry.get("list", [])]


@probe()
def the_documented_refusal_comes_word_for_word(exam: Examination) -> None:
    """Two parameters missing and one out of range, all in one answer."""
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
        listed = _problems(made, entry["label"])
        exam.expect(sorted(listed) == sorted(entry["list"]), f"the list is {listed}, not {entry['list']}", made)


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


_MANDATORY: tuple[tuple[dict[str, Any], str], ...] = (
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
"""A request, and a parameter that is mandatory in it (documented)."""


@probe()
def every_mandatory_parameter_is_named(exam: Examination) -> None:
    """Absent, null and empty all count as missing."""
    for request, name in _MANDATORY:
        for value in (..., None, ""):
            body = _without(request, name) if value is ... else {**request, name: value}
            made = exam.call(SUBMIT, body)
            exam.refusal(made, f"a request with {name} {'left out' if value is ... else repr(value)}")
            exam.expect(name in _problems(made, MISSING_LABEL), f"{name} is not listed as missing", made)


@probe()
def optional_parameters_may_be_left_out(exam: Examination) -> None:
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
            exam.cancel_unfinished()


@probe()
def every_spelling_is_taken_and_echoed_under_the_wire_name(exam: Examination) -> None:
    """Old clients and pages have other spellings of eight parameters."""
    values = {
        "sinceT0": 1,
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
            left_out = (name, "targ") if name == "getTargs" else (name,)
            made = exam.call(SUBMIT, {**_without(LIGHT_CURVE, *left_out), spelling: values[name]})
            exam.expect(succeeded(made), f"{spelling} was not taken for {name}", made)
            if succeeded(made):
                echo = made.body["jobPars"].get(name)
                exam.expect(echoes.same(values[name], echo), f"{spelling} is echoed as {name} {echo!r}", made)


@probe()
def numbers_may_be_text_and_switches_may_be_booleans(exam: Examination) -> None:
    """Clients send back whichever form they hold."""
    exam.submit({key: str(value) for key, value in LIGHT_CURVE.items()})
    exam.submit({**LIGHT_CURVE, "lc": True, "cent": True, "dynamic": False})
    exam.submit({**LIGHT_CURVE, "lc": "1", "cent": "1", "dynamic": "0"})


@probe()
def every_parameter_is_taken(exam: Examination) -> None:
    """With values other than the defaults, nearly all at once; the rules check that they are echoed."""
    exam.submit(EVERY_PARAMETER)
    exam.submit({**SPECTRUM, "doNotFit": 1})
    exam.submit({**LIGHT_CURVE, "sss": 1, "sinceT0": 1})


@probe()
def defaults_are_the_documented_ones(exam: Examination) -> None:
    """For each product, jobPars has the documented value of what the caller left out."""
    for request in (LIGHT_CURVE, SPECTRUM, IMAGE, EVERYTHING, {**BASE, "lc": 1, "binMeth": "time"}):
        made = exam.call(SUBMIT, request)
        if succeeded(made):
            for words in echoes.other_defaults(made):
                exam.expect(False, words, made)


@probe(control=True)
def a_changed_default_holds_for_new_jobs_only(exam: Examination) -> None:
    """The documentation warns that defaults are the server's and may change."""
    old = exam.submit(LIGHT_CURVE)
    before = exam.ask("getOldProduct", oldJob=old).body["jobPars"]["minsnr"]
    with exam.changed("defaults.minsnr", 2.4, otherwise=1.5):
        new = exam.submit(LIGHT_CURVE)
    for job, expected in ((old, before), (new, 2.4)):
        echo = exam.ask("getOldProduct", oldJob=job).body["jobPars"]["minsnr"]
        exam.expect(echo == expected, f"minsnr of job {job} is {echo}, not {expected}")


@probe()
def values_are_resolved_when_asked_for(exam: Examination) -> None:
    """Coordinates, targets and T0 are in jobPars; the switches stay there only for raw callers."""
    asking = {**_without(SPECTRUM, "RA", "Dec", "targ", "Tstart"), "getCoords": 1, "getTargs": 1, "getT0": 1}
    made = exam.call(SUBMIT, asking)
    exam.expect(succeeded(made), "a request with all three switches was refused", made)
    pars = made.body.get("jobPars", {}) if isinstance(made.body, dict) else {}
    for name in ("RA", "Dec", "targ", "Tstart"):
        exam.expect(pars.get(name) not in (None, ""), f"{name} was not resolved", made)
    exam.call(SUBMIT, official(asking))
    overridden = exam.call(SUBMIT, {**asking, "RA": 1.0, "Dec": 2.0})
    if succeeded(overridden):
        echo = overridden.body["jobPars"]
        exam.expect(float(echo["RA"]) != 1.0, "getCoords did not override the given position", overridden)
    exam.refusal(exam.call(SUBMIT, {**asking, "name": "no such object zzz"}), "an unknown object name")


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
    """Callers send server-only keys back; other unknown keys are assumed."""
    exam.submit({**LIGHT_CURVE, "whatSXPS": "2SXPS", "do3col": 0, "outdir": "USERPROD_9", "unknown_key": [1]})


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
