"""Planned faults, and which of them a call triggers. Pure: no call fails here.

A fault says what happens (`kind` and its arguments) and when: at which operation, at which of its calls, how often, how
probably, between which moments. All conditions that are given must hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import InputInvalid
from .model import Product
from .random import uniform
from .validation import TEXT, Rule, check, check_known, number, one_of, read_date, shown, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "GRBNameToTargetID",
    "downloadSpectrum",
    "getGRBPositions",
    "timesliceSpectrum",
    "checkSliceStatus",
    "cancelSlice",
    "downloadProduct",
    "downloadFile",
    "downloadBurstCurve",
    "downloadBurstSpectrum",
)
"""Operations that can fail, by the names of the contract and the journal."""


class Kind(NamedTuple):
    """One way to fail: what happens, its arguments, and whether the work is done nevertheless."""

    meaning: str
    arguments: tuple[str, ...] = ()
    work_done: bool = True


KINDS: dict[str, Kind] = {
    "status": Kind("an HTTP error with an HTML page", ("status", "retry_after_s"), work_done=False),
    "reset": Kind("the connection breaks before the work", work_done=False),
    "refuse": Kind("the service refuses: OK 0 with a text", ("text",), work_done=False),
    "lost": Kind("the work is done, but the connection breaks before the answer"),
    "latency": Kind("the answer is delayed", ("seconds",)),
    "dribble": Kind("the body arrives slowly, a few bytes at a time", ("seconds",)),
    "cut": Kind("the body ends early", ("after_bytes",)),
    "not-json": Kind("an HTML page with status 200"),
    "missing-key": Kind("the answer lacks one of its keys", ("key",)),
    "deprecation": Kind("the answer has a deprecation warning", ("warning_type", "text")),
    "newer-api": Kind("the answer has a newer version", ("version",)),
    "archive-cut": Kind("the archive is cut short, with a length that fits", ("after_bytes",)),
    "stuck": Kind("a product of the submission never ends", ("product",)),
    "product-failed": Kind("a product of the submission ends below zero", ("product", "code")),
}
_OF_THE_PLAN = ("stuck", "product-failed")
_MOMENTS = {"from": "from_at", "until": "until_at", "from_day": "from_at", "until_day": "until_at"}
_CONDITIONS = ("operation", "call", "times", "probability", "from_at", "until_at")
_DAYS = number(0, what="a number of days")
_SIMULATED = number(0, 1e12, "simulated time in seconds")
_WAIT = number(0, 366 * DAY, "a number of seconds")  # a wait moves simulated time on, which must stay in the calendar
_TIMES = whole(1)
_PRODUCTS = tuple(product.value for product in Product)
_RULES: dict[str, Rule] = {
    "kind": one_of(*KINDS),
    "operation": one_of(ANY, *OPERATIONS),
    "call": _TIMES,
    "times": _TIMES,
    "probability": number(0, 1),
    "from_at": _SIMULATED,
    "until_at": _SIMULATED,
    "status": whole(400, 599, "an HTTP status"),
    "retry_after_s": _WAIT,
    "seconds": _WAIT,
    "after_bytes": whole(0),
    "key": TEXT,
    "text": TEXT,
    "warning_type": TEXT,
    "version": TEXT,
    "product": one_of(*_PRODUCTS)._replace(accepts=("", *_PRODUCTS).__contains__),
    "code": whole(-3, -1, "a status code"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault.

    Parameters
    ----------
    kind
        What happens: a name from `KINDS`.
    operation
        The operation that fails; ``any`` for all.
    call
        Which call of the operation fails, counted from 1; None for every call.
    times
        Maximum number of times it happens; None for no limit.
    probability
        Chance at each call that fits, keyed by the number of the call.
    from_at, until_at
        First moment, and first moment after the last, of simulated time [s]; None for no limit.
    status, retry_after_s
        HTTP status, and the header ``Retry-After`` [s] if wanted.
    seconds
        How long it takes [s of simulated time].
    after_bytes
        How much of the body is sent.
    key
        Key that is left out of the answer.
    text, warning_type
        Text of the refusal or warning, and the type of the warning.
    version
        Value of ``APIVersion``.
    product
        Short name of the product that fails; empty for every product of the job.
    code
        Status code with which it ends: -1, -2 or -3.
    number
        Its number among the planned faults; no part of the rule.
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
    number: int = field(default=0, compare=False, repr=False)

    @property
    def work_done(self) -> bool:
        """Whether the service does the work of the call before this happens."""
        return KINDS[self.kind].work_done

    @property
    def of_the_plan(self) -> bool:
        """Whether this concerns how products of a submission end, and not the answer."""
        return self.kind in _OF_THE_PLAN

    def as_mapping(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, as :meth:`from_mapping` reads them."""
        rule = [f for f in fields(self) if f.compare]
        return {f.name: getattr(self, f.name) for f in rule if getattr(self, f.name) != f.default}

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], start: float | None = None) -> Fault:
        """Read a fault from a scenario or from the control interface.

        Parameters
        ----------
        data
            Fields of this class; null counts as not given. Moments may also be written as ``from`` and ``until`` (a
            date, an ISO text, or simulated time [s]), or as ``from_day`` and ``until_day``, in days since the
            scenario's start.
        start
            When the scenario starts [s]; without it days cannot be counted.

        Raises
        ------
        ValueError
            If it is not a fault; the text says what to write.
        """
        if not isinstance(data, dict):
            raise InputInvalid(f"a fault is {shown(data)}, but must be a table with a kind, such as kind = 'reset'")
        kind = data.get("kind", "")
        check("kind", kind, _RULES["kind"])
        known = ("kind", *_CONDITIONS, *_MOMENTS, *KINDS[kind].arguments)
        values: dict[str, Any] = {}
        for name, value in data.items():
            check_known(name, known, f"a fault of kind {kind!r} has no")
            field = str(_MOMENTS.get(name, name))
            if value is not None and field in values:
                raise InputInvalid(f"a fault has {field!r} in two forms; leave {name!r} out")
            if value is not None:
                values[field] = _moment(name, value, start) if name in _MOMENTS else value
                check(field, values[field], _RULES[field])
        if kind in _OF_THE_PLAN and values.setdefault("operation", SUBMIT) != SUBMIT:
            raise InputInvalid(f"a fault of kind {kind!r} is decided at submission: operation must be {SUBMIT!r}")
        if values.get("from_at", 0) >= values.get("until_at", float("inf")):
            raise InputInvalid("a fault ends before it begins: `until` must be later than `from`")
        return cls(**values)

    def fits(self, operation: str, call_number: int, now: float) -> bool:
        """Whether a call may trigger this fault, apart from chance and the number of times."""
        return (
            self.operation in (ANY, operation)
            and self.call in (None, call_number)
            and (self.from_at is None or self.from_at <= now)
            and (self.until_at is None or now < self.until_at)
        )


def _moment(name: str, value: Any, start: float | None) -> float:
    """Return a moment of simulated time [s], written as a date, as a number, or in days since the start."""
    if not name.endswith("_day"):
        return float(value) if _SIMULATED.accepts(value) else read_date(name, value)
    if start is None:
        raise InputInvalid(
            f"{name!r} counts days from the start of a scenario: write a date after {name[:-4]!r} instead"
        )
    check(name, value, _DAYS)
    return start + float(value) * DAY


def find_fault(
    faults: Mapping[int, Fault], operation: str, call_number: int, now: float, *, seed: int, fired: Mapping[int, int]
) -> int | None:
    """Return the number of the fault that a call triggers: the lowest that fits, or None.

    Parameters
    ----------
    faults
        Planned faults by number.
    operation, call_number
        The operation, and the number of this call of it, counted from 1 over all callers.
    now
        Simulated time [s].
    seed
        Key of all random values.
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
    """Return the planned faults that have not happened."""
    return [fault for number, fault in sorted(faults.items()) if not fired.get(number, 0)]
