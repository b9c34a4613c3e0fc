"""Failures that are planned, and which of them a call meets. Pure: nothing fails here.

A fault says what happens (`kind` and its arguments) and when: to which operation, at which of its calls, how often, how
probably, between which moments. All conditions that are given must hold.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from .model import Product
from .random import uniform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DAY = 86400.0
ANY = "any"
SUBMIT = "run_userobject"
OPERATIONS = (
    SUBMIT,
    "canceljob",
    "checkProductStatus",
    "getNumJobs",
    "listOldJobs",
    "getOldProduct",
    "getPSFPos",
    "getEnhPos",
    "getXastromPos",
    "getAstromPos",
    "getSourceDetResults",
    "getLCData",
    "getSpecData",
    "rebinLightCurve",
    "checkRebinStatus",
    "cancelRebin",
    "downloadLightCurve",
    "downloadProduct",
    "downloadFile",
)
"""Operations that can fail, by the names of the contract and the journal."""


class Kind(NamedTuple):
    """One way to fail: what happens, its arguments, and whether the work is done nevertheless."""

    meaning: str
    arguments: tuple[str, ...] = ()
    work_done: bool = True


KINDS: dict[str, Kind] = {
    "status": Kind("an HTTP error with a page of HTML", ("status", "retry_after_s"), work_done=False),
    "reset": Kind("the connection breaks before the work", work_done=False),
    "refuse": Kind("the service says no: OK 0 with a text", ("text",), work_done=False),
    "lost": Kind("the work is done, but the connection breaks before the answer"),
    "latency": Kind("the answer takes longer", ("seconds",)),
    "dribble": Kind("the body arrives drop by drop", ("seconds",)),
    "cut": Kind("the body ends early", ("after_bytes",)),
    "not-json": Kind("a page of HTML with status 200"),
    "missing-key": Kind("the answer lacks one of its keys", ("key",)),
    "deprecation": Kind("the answer carries a deprecation warning", ("warning_type", "text")),
    "newer-api": Kind("the answer tells a newer version", ("version",)),
    "archive-cut": Kind("the archive is shorter than it should be, with a length that fits", ("after_bytes",)),
    "stuck": Kind("a product of the submission never ends", ("product",)),
    "product-failed": Kind("a product of the submission ends below zero", ("product", "code")),
}
_OF_THE_PLAN = ("stuck", "product-failed")


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned failure.

    Parameters
    ----------
    kind
        What happens: a name from `KINDS`.
    operation
        Which operation it happens to; ``any`` for all.
    call
        At which call of the operation, counted from 1; None for all.
    times
        How often at most; None for no limit.
    probability
        Chance at each call that fits, keyed by the number of the call.
    from_at, until_at
        Between which moments of service time [s], the latter excluded; None for no limit.
    status, retry_after_s
        HTTP status, and the header ``Retry-After`` [s] if wanted.
    seconds
        How long it takes [s of service time].
    after_bytes
        How much of the body is sent.
    key
        Which key of the answer is left out.
    text, warning_type
        Text of the refusal or warning, and the type of the warning.
    version
        What is told as ``APIVersion``.
    product
        Short name of the product that fails; empty for every one of the job.
    code
        Status code with which it ends: -1, -2 or -3.
    """

    kind: str
    operation: str = ANY
    call: int | None = None
    times: int | None = None
    probability: float = 1.0
    from_at: float | None = None
    until_at: float | None = None
    status: int = 503
    retry_after_s: float | None = None
    seconds: float = 30.0
    after_bytes: int = 100
    key: str = "APIVersion"
    text: str = "The service cannot do this now."
    warning_type: str = "API"
    version: str = "99.0"
    product: str = ""
    code: int = -3

    @property
    def work_done(self) -> bool:
        """Whether the service does what it was asked to before this happens."""
        return KINDS[self.kind].work_done

    @property
    def of_the_plan(self) -> bool:
        """Whether this concerns how products of a submission end, and not the answer."""
        return self.kind in _OF_THE_PLAN

    def as_mapping(self) -> dict[str, Any]:
        """Return what :meth:`from_mapping` reads, without what is as usual."""
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        return {f.name: told[f.name] for f in fields(self) if f.name == "kind" or told[f.name] != f.default}

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], start: float | None = None) -> Fault:
        """Read a fault from a scenario or from the control interface.

        Parameters
        ----------
        data
            Fields of this class. Moments may also be written as ``from`` and ``until`` (a date, an ISO text, or service
            time [s]), or as ``from_day`` and ``until_day``, in days since the scenario's start.
        start
            When the scenario starts [s]; without it days cannot be counted.

        Raises
        ------
        ValueError
            If it is no fault; the text says what to write.
        """
        _check_names(data)
        values = _with_moments(data, start)
        if values["kind"] in _OF_THE_PLAN:
            values.setdefault("operation", SUBMIT)
        _check_values(values)
        return cls(**values)

    def fits(self, operation: str, call_number: int, now: float) -> bool:
        """Whether a call may meet this fault, chance and limits of number aside."""
        return (
            self.operation in (ANY, operation)
            and self.call in (None, call_number)
            and (self.from_at is None or self.from_at <= now)
            and (self.until_at is None or now < self.until_at)
        )


def which(
    faults: Mapping[int, Fault], operation: str, call_number: int, now: float, *, seed: int, fired: Mapping[int, int]
) -> int | None:
    """Return the number of the fault that a call meets: the lowest that fits, or None.

    Parameters
    ----------
    faults
        What is planned, by number.
    operation, call_number
        What is called, and for which time, counted from 1 over all callers.
    now
        Service time [s].
    seed
        Key of all chance.
    fired
        How often each fault has happened so far.
    """
    return next(
        (
            number
            for number, fault in sorted(faults.items())
            if fault.fits(operation, call_number, now)
            and (fault.times is None or fired.get(number, 0) < fault.times)
            and uniform(seed, "fault", number, operation, call_number) < fault.probability
        ),
        None,
    )


def never_fired(faults: Mapping[int, Fault], fired: Mapping[int, int]) -> list[Fault]:
    """Return the faults that were planned and never happened."""
    return [fault for number, fault in sorted(faults.items()) if not fired.get(number, 0)]


_MOMENTS = {"from": "from_at", "until": "until_at", "from_day": "from_at", "until_day": "until_at"}
_CONDITIONS = ("operation", "call", "times", "probability", "from_at", "until_at")


def _check_names(data: Mapping[str, Any]) -> None:
    if not isinstance(data, dict):
        raise ValueError(f"a fault is a table with a kind and more, not {type(data).__name__}")
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"a fault's kind is {kind!r}, but must be one of: {', '.join(KINDS)}{_near(kind, KINDS)}")
    known = ("kind", *_CONDITIONS, *_MOMENTS, *KINDS[kind].arguments)
    for name in data:
        if name not in known:
            raise ValueError(
                f"a fault of kind {kind!r} has no {name!r}; it may have {', '.join(known)}{_near(name, known)}"
            )


def _near(name: object, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def _with_moments(data: Mapping[str, Any], start: float | None) -> dict[str, Any]:
    """Return the fields with all moments as service time [s]."""
    values = {name: value for name, value in data.items() if name not in _MOMENTS and value is not None}
    for name, target in _MOMENTS.items():
        if name in data:
            if target in values:
                raise ValueError(f"a fault says {name!r} and the same in another way; leave one out")
            values[target] = _since(start, data[name], name) if name.endswith("_day") else _moment(data[name], name)
    return values


def _since(start: float | None, days: Any, name: str) -> float:
    if start is None:
        raise ValueError(f"days are counted in scenarios only: give a date instead of {name!r}")
    if not _number(0)(days):
        raise ValueError(f"{name} is {days!r}, but must be a number of days")
    return start + float(days) * DAY


def _moment(value: Any, name: str) -> float:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{name} is {value!r}, but must be a date such as 2026-05-01T12:00:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if _number(0)(value):
        return float(value)
    raise ValueError(f"{name} is {value!r}, but must be a date or service time in seconds")


def _number(low: float, high: float = 1e15) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _whole(low: int, high: int = 10**12) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _text(value: Any) -> bool:
    return isinstance(value, str)


_PRODUCTS = tuple(product.value for product in Product)
_LONGEST_S = 366 * DAY  # a wait moves service time on; the calendar has an end
_VALID: dict[str, tuple[Callable[[Any], bool], str]] = {
    "operation": (lambda value: value in (ANY, *OPERATIONS), f"one of: {', '.join((ANY, *OPERATIONS))}"),
    "call": (_whole(1), "a whole number from 1"),
    "times": (_whole(1), "a whole number from 1"),
    "probability": (_number(0, 1), "a number from 0 to 1"),
    "from_at": (_number(0), "service time in seconds"),
    "until_at": (_number(0), "service time in seconds"),
    "status": (_whole(400, 599), "an HTTP status from 400 to 599"),
    "retry_after_s": (_number(0, _LONGEST_S), "seconds, at most a year"),
    "seconds": (_number(0, _LONGEST_S), "seconds, at most a year"),
    "after_bytes": (_whole(0), "a whole number"),
    "key": (_text, "a key of the answer"),
    "text": (_text, "a text"),
    "warning_type": (_text, "a text"),
    "version": (_text, "a version such as '2.0'"),
    "product": (lambda value: value in ("", *_PRODUCTS), f"one of: {', '.join(_PRODUCTS)}"),
    "code": (lambda value: value in (-3, -2, -1), "-3, -2 or -1"),
}


def _check_values(values: Mapping[str, Any]) -> None:
    for name, (valid, must_be) in _VALID.items():
        if name in values and not valid(values[name]):
            known = OPERATIONS if name == "operation" else _PRODUCTS
            near = _near(values[name], known) if name in ("operation", "product") else ""
            raise ValueError(f"{name} is {values[name]!r}, but must be {must_be}{near}")
    if values["kind"] in _OF_THE_PLAN and values["operation"] != SUBMIT:
        raise ValueError(f"a fault of kind {values['kind']!r} is decided at submission: operation must be {SUBMIT!r}")
    if values.get("from_at", 0) >= values.get("until_at", float("inf")):
        raise ValueError("a fault must begin before it ends")
