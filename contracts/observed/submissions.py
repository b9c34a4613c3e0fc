"""Rules about the parameters of a submission: what is taken, refused, worked out and echoed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .. import documents
from ..checks import echoes
from ..protocol import OFFICIAL_CLIENT, RESOLVING, asked_products, succeeded
from .registry import every, named, problems, shows, user_of
from .wire import MISSING

if TYPE_CHECKING:
    from ..harness import Exchange
    from .registry import Session

_ECHOES = ("run_userobject", "getOldProduct")
_LIMIT = 100
"""Active jobs of one user."""
_RANGES = {"RA": (0.0, 360.0), "Dec": (-90.0, 90.0), "poserr": (1.0, 6.0)} | dict.fromkeys(
    ("minen", "maxen", "soft1", "soft2", "hard1", "hard2"), (0.3, 10.0)
)
_BETWEEN = re.compile(r"between (\S+) and (\S+)$")
_LARGEST = {"posRadius": 600.0, "femin": 1.0, "zval": 20.0}
_NOT_NUMBERS = ("use", "gti", "targ", "name", "rname", "specstem", "UserID", "outdir", "api_")
_NEW_KEYS = {"notify", "sourceDet", "pchrbin", "wthrbin", "galactic", "doNotFit", "models", "dchi"}
_ORDERED = (("minen", "maxen"), ("soft1", "soft2"), ("hard1", "hard2"))


def pars_of(exchange: Exchange) -> dict[str, Any]:
    """Return jobPars of an answer; empty if it has none."""
    pars = exchange.body.get("jobPars")
    return pars if isinstance(pars, dict) else {}


def given(exchange: Exchange, name: str) -> bool:
    """Whether a request has a parameter, in any spelling."""
    parameters = documents.submission_parameters()
    spelled = {key for key, schema in parameters.items() if schema.get("x-spelling-of", key) == name}
    return any(exchange.request.get(key) not in (None, "") for key in spelled)


def number_of(value: Any) -> float | None:
    """Return a value as a number; None if it cannot be read as one."""
    try:
        return None if isinstance(value, bool | list) else float(value)
    except (TypeError, ValueError):
        return None


def _is_on(value: Any) -> bool:
    return str(value).lower() in {"1", "1.0", "true", "yes"}


@shows("C2", *_ECHOES)
@shows("J15", *_ECHOES)
def lcobs(exchange: Exchange, _session: Session) -> bool | None:
    value = pars_of(exchange).get("lcobs")
    return None if value is None else value in {"all", "user"}


@shows("C3", *_ECHOES)
def words_not_codes(exchange: Exchange, _session: Session) -> bool | None:
    names = ("centMeth", "timeslice", "specobs", "posobs", "imobs", "detobs", "binMeth", "allowUL", "detMeth")
    found = [pars_of(exchange).get(key) for key in names]
    return every(isinstance(value, str) and value == value.lower() for value in found if value is not None)


@shows("C4", *_ECHOES)
def arcmin(exchange: Exchange, _session: Session) -> bool | None:
    value, sent = pars_of(exchange).get("poserr"), exchange.request.get("poserr", exchange.request.get("posErr"))
    if value is None:
        return None
    same = number_of(sent) is None or number_of(value) == number_of(sent)
    return isinstance(value, int | float) and 1 <= value <= 6 and same


@shows("C5", *_ECHOES)
def switches(exchange: Exchange, _session: Session) -> bool | None:
    if exchange.request.get("api_name") != OFFICIAL_CLIENT:
        asked = [key for key in RESOLVING if exchange.request.get(key) in (1, True)]
        return every(pars_of(exchange).get(key) == 1 for key in asked)
    return every(key not in pars_of(exchange) for key in RESOLVING)


def _default(rule: str, key: str, expected: Any) -> None:
    """Register the default of a parameter that the caller did not give."""

    def test(exchange: Exchange, _session: Session) -> bool | None:
        value = pars_of(exchange).get(key)
        return None if value is None or given(exchange, key) else value == expected

    shows(rule, "run_userobject")(test)


_default("C6", "useSXPS", 0)
_default("C7", "minsnr", 1.5)
_default("C11", "doNotFit", 0)


@shows("C8", "run_userobject")
def hrbin(exchange: Exchange, _session: Session) -> bool | None:
    value = pars_of(exchange).get("hrbin")
    if given(exchange, "hrbin") or value is None:
        return None
    return bool(value == (str(exchange.request.get("binMeth")).lower() == "time"))


@shows("C9", "run_userobject", success=None)
def bin_lengths(exchange: Exchange, _session: Session) -> bool | None:
    lengths = {"pcbin": 2.51, "wtbin": 0.5}
    if str(exchange.request.get("binMeth")).lower() != "time":
        return None
    left_out = {key: length for key, length in lengths.items() if not given(exchange, key)}
    if not succeeded(exchange):
        return False if any(named(exchange, key, MISSING) for key in left_out) else None
    return every(number_of(pars_of(exchange).get(key)) == length for key, length in left_out.items())


def _mandatory(rule: str, name: str, key: str, needs: dict[str, str]) -> None:
    """Register that `name` is mandatory in requests with other parameters, while `key` is not given."""

    def test(exchange: Exchange, _session: Session) -> bool | None:
        request = exchange.request
        fits = all(str(request.get(other)).lower() == value for other, value in needs.items())
        if not fits or given(exchange, key) or given(exchange, name):
            return None
        if succeeded(exchange):
            return False
        return True if named(exchange, name, MISSING) else None

    shows(rule, "run_userobject", success=None)(test)


_mandatory("C10", "dynamic", "dynamic", {"lc": "1", "binMeth": "counts"})
_mandatory("C12", "usedetobs", "detobs", {"sourceDet": "1"})


@shows("C28", "run_userobject")
def spellings(exchange: Exchange, _session: Session) -> bool | None:
    parameters, pars = documents.submission_parameters(), pars_of(exchange)
    other = {
        key: parameters[key]["x-spelling-of"]
        for key in exchange.request
        if "x-spelling-of" in parameters.get(key, {}) and parameters[key]["x-spelling-of"] not in exchange.request
    }
    return every(key not in pars and (name in pars or name in RESOLVING) for key, name in other.items())


@shows("C29", "run_userobject")
def the_limit_counts_jobs(_exchange: Exchange, session: Session) -> bool | None:
    active = [job for job in session.jobs.values() if job.ended_at is None and job.owner == user_of(_exchange)]
    return True if len(active) < _LIMIT < sum(len(job.products) for job in active) else None


@shows("U6", "run_userobject", "getNumJobs", success=None)
def limit_is_100(exchange: Exchange, session: Session) -> bool | None:
    number = exchange.body.get("numJobs")
    if isinstance(number, int) and number > _LIMIT:
        return False
    if succeeded(exchange) and "jobPars" in exchange.body and session.unfinished(user_of(exchange)) >= _LIMIT:
        return False
    text = str(exchange.body.get("ERROR"))
    return f"maximum {_LIMIT})" in text if "too many jobs" in text else None


@shows("U14", "run_userobject")
def pile_up_of_soft_sources(exchange: Exchange, _session: Session) -> bool | None:
    if not _is_on(exchange.request.get("sss", 0)):
        return None
    rates = {key: rate for key, rate in (("wtpuprate", 50), ("pcpuprate", 0.3)) if not given(exchange, key)}
    return every(
        number_of(pars_of(exchange).get(key)) == rate for key, rate in rates.items() if key in pars_of(exchange)
    )


@shows("U15", "run_userobject", success=False)
def refused_ranges(exchange: Exchange, _session: Session) -> bool | None:
    found = []
    for sentence in problems(exchange):
        limits = _BETWEEN.search(sentence)
        if sentence.split(" ")[0] in _RANGES and limits:
            found.append(tuple(map(float, limits.groups())) == _RANGES[sentence.split(" ")[0]])
    return every(found)


@shows("U15", "run_userobject")
def accepted_ranges(exchange: Exchange, _session: Session) -> bool | None:
    pars = pars_of(exchange)
    for key, (low, high) in _RANGES.items():
        value = number_of(pars.get(key))
        if value is not None and not low <= value <= high:
            return False
    return None


@shows("U16", "run_userobject", success=None)
@shows("S6", "run_userobject", success=None)
def formats_of_times(exchange: Exchange, _session: Session) -> bool | None:
    start = exchange.request.get("Tstart")
    days = number_of(start)
    is_date = isinstance(start, str) and re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-9:]+)?", start)
    if not is_date and (days is None or not 52000 < days < 100_000):
        return None
    if not succeeded(exchange):
        return False if named(exchange, "Tstart") and "must be a time" in " ".join(problems(exchange)) else None
    return (number_of(pars_of(exchange).get("Tstart")) or 0) > 1e7


@shows("S6", "run_userobject", success=None)
def capitals_of_enumerations(exchange: Exchange, _session: Session) -> bool | None:
    found = []
    for entry in documents.parameter_catalogue():
        name = entry["wire_name"]
        sent = exchange.request.get(name)
        if not isinstance(sent, str) or sent == sent.lower() or sent.lower() not in (entry["allowed"] or ()):
            continue
        if succeeded(exchange) and name in pars_of(exchange):
            found.append(pars_of(exchange)[name] == sent.lower())
        elif named(exchange, name):
            found.append(False)
    return every(found)


@shows("U30", "run_userobject")
def uselcobs_without_lcobs(exchange: Exchange, _session: Session) -> bool | None:
    if not given(exchange, "uselcobs") or given(exchange, "lcobs") or "lc" not in asked_products(exchange.request):
        return None
    return bool(pars_of(exchange).get("lcobs") == "all")


@shows("U32", "getNumJobs")
def a_job_is_active_while_a_product_is(exchange: Exchange, session: Session) -> bool | None:
    user, number = user_of(exchange), exchange.body.get("numJobs")
    least, most = session.unfinished(user), session.listed.get(user)
    if not isinstance(number, int):
        return None
    if number < least or (most is not None and number > most - session.finished(user)):
        return False
    return True if least or session.finished(user) else None


@shows("U34", "run_userobject")
def always_a_new_job(exchange: Exchange, session: Session) -> bool | None:
    number = str(exchange.body.get("JobID"))
    if number.isdigit() and int(number) in session.jobs:
        return False
    return True if any(job.request == exchange.request for job in session.jobs.values()) else None


@shows("S3", "run_userobject")
def new_keys_have_their_defaults(exchange: Exchange, _session: Session) -> bool | None:
    return not any(words.split(" ")[0] in _NEW_KEYS for words in echoes.other_defaults(exchange))


@shows("S3", *_ECHOES)
def outdir_is_for_raw_callers(exchange: Exchange, _session: Session) -> bool | None:
    if not pars_of(exchange):
        return None
    return bool(("outdir" in pars_of(exchange)) == (exchange.request.get("api_name") != OFFICIAL_CLIENT))


@shows("S4", "run_userobject", success=None)
def relations_of_energies(exchange: Exchange, _session: Session) -> bool | None:
    if "lc" not in asked_products(exchange.request):
        return None
    if not succeeded(exchange):
        sentences = [s for s in problems(exchange) if " but must be at " in s and s.split(" ")[0] in _RANGES]
        return every(given(exchange, sentence.split(" ")[0]) for sentence in sentences)
    ends = [tuple(number_of(pars_of(exchange).get(name)) for name in pair) for pair in _ORDERED]
    right = every(low < high for low, high in ends if low is not None and high is not None)
    return False if right is False else True if given(exchange, "minen") or given(exchange, "maxen") else None


@shows("S5", "run_userobject", success=None)
def too_large(exchange: Exchange, _session: Session) -> bool | None:
    if not succeeded(exchange):
        large = [key for key in exchange.request if _is_too_large(key, exchange.request[key])]
        return True if any(named(exchange, key) for key in large) else None
    return False if any(_is_too_large(key, value) for key, value in pars_of(exchange).items()) else None


def _is_too_large(key: str, value: Any) -> bool:
    number = None if key.startswith(_NOT_NUMBERS) else number_of(value)
    return number is not None and abs(number) > _LARGEST.get(key, 1e9)


@shows("S7", "run_userobject")
def soft_sources_have_grade_0(exchange: Exchange, _session: Session) -> bool | None:
    if not _is_on(exchange.request.get("sss", 0)):
        return None
    pars = pars_of(exchange)
    return every(str(pars[key]) == "0" for key in ("grades", "specgrades") if key in pars)


@shows("L14", "run_userobject")
def an_observation_stands_for_its_target(exchange: Exchange, _session: Session) -> bool | None:
    sent = str(exchange.request.get("targ", ""))
    return bool(pars_of(exchange).get("targ") == sent[:8]) if re.fullmatch(r"[0-9]{11}", sent) else None


@shows("L15", "run_userobject", success=None)
def what_is_determined_is_not_judged(exchange: Exchange, _session: Session) -> bool | None:
    found = []
    for switch, names in (("getCoords", ("RA", "Dec")), ("getTargs", ("targ",)), ("getT0", ("Tstart",))):
        if _is_on(exchange.request.get(switch, 0)):
            found += [not named(exchange, name) for name in names if name in exchange.request]
    return every(found)


@shows("C24", *_ECHOES)
def base_address(exchange: Exchange, _session: Session) -> bool:
    return "/user_objects/tprods/USERPROD_" in str(exchange.body.get("URL"))


@shows("C23", "checkProductStatus")
def progress_is_asked_for_with_whatprog(exchange: Exchange, _session: Session) -> bool | None:
    wanted = {name.strip() for name in str(exchange.request.get("whatProg", "")).split(",")}
    entries = {name: entry for name, entry in exchange.body.items() if isinstance(entry, dict) and "progress" in entry}
    codes = {name: entry["progress"]["GotProgress"] for name, entry in entries.items()}
    if any(got for name, got in codes.items() if name not in wanted):
        return False
    running = [name for name in codes if name in wanted and entries[name]["statusCode"] == 3]
    return every(codes[name] != 0 for name in running)
