"""Rules about jobPars, in which a submission's answer echoes its request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import documents
from ..protocol import OFFICIAL_CLIENT, PRODUCTS, RESOLVING, asked_products, flagged_products
from .registry import rule
from .requests import concerns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..harness import Exchange

_NOT_IN_ECHO = {*RESOLVING, "notify", "outdir"}
_COMPUTED = {"RA", "Dec", "targ", "Tstart", "dopsf", "grades", "specgrades"}
"""Parameters whose echo the service may work out itself."""
_RESOLVED = {"getCoords": ("RA", "Dec"), "getTargs": ("targ",), "getTarg": ("targ",), "getT0": ("Tstart",)}
_FREE = {"name", "specstem", "rname1", "rname2", "rname3", "rname4"}
"""Texts of the caller, whose capitals stay."""
_FIRST_MET_S, _ROUNDED, _LONGEST_CODE = 1e7, 1e-4, 2
"""Smaller times are days; numbers are echoed with four decimals; codes of enumerations have so many digits."""


@rule("run_userobject", successes_only=True)
def given_values_are_echoed(_operation: str, exchange: Exchange) -> Iterator[str]:
    """The value that the caller gave is in jobPars, unless the service worked it out."""
    echo = exchange.body.get("jobPars", {})
    parameters, request = documents.submission_parameters(), exchange.request
    asked = {name for switch, names in _RESOLVED.items() if request.get(switch) not in (None, "", 0) for name in names}
    start, is_time = request.get("Tstart"), {"Tstart"}
    if isinstance(start, int | float) and not isinstance(start, bool) and start > _FIRST_MET_S:
        is_time = set()  # other formats are echoed as mission elapsed time
    computed = _COMPUTED - {"RA", "Dec", "Tstart"} | asked | is_time  # by the service, or written otherwise
    for key, value in request.items():
        name = parameters.get(key, {}).get("x-spelling-of", key)
        if name in computed | _NOT_IN_ECHO or name not in parameters or value in (None, "", []):
            continue
        if "server" in parameters[name]["x-product"] or (name != key and name in request):
            continue
        if name not in echo:
            yield f"{key} was given as {value!r}, but is not in jobPars"
        elif not (same(value, echo[name]) if name not in _FREE else str(value).strip() == echo[name]):
            yield f"{key} was given as {value!r}, but jobPars has {echo[name]!r}"


def same(given: Any, echoed: Any) -> bool:
    """Whether two spellings mean the same value: text and numbers, switches, codes, upper and lower case."""
    if isinstance(given, bool):
        given = int(given)
    if isinstance(given, list) or isinstance(echoed, list):
        return given == echoed or str(given).casefold() == ",".join(map(str, echoed)).casefold()
    try:
        return abs(float(given) - float(echoed)) <= _ROUNDED * min(1.0, abs(float(given)))
    except (TypeError, ValueError):
        pass
    one, other = ("".join(c for c in str(v) if c.isalnum()).casefold() for v in (given, echoed))
    is_code = one.isdigit() and len(one) <= _LONGEST_CODE and isinstance(echoed, str) and not other.isdigit()
    return one == other or is_code or {"yes": "1", "true": "1", "no": "0", "false": "0"}.get(one) == other


@rule("run_userobject", successes_only=True)
def resolving_switches_are_for_raw_callers(_operation: str, exchange: Exchange) -> Iterator[str]:
    """getCoords, getTargs and getT0 stay in jobPars for callers without api_name, and are left out for the client."""
    echo = exchange.body.get("jobPars", {})
    official = exchange.request.get("api_name") == OFFICIAL_CLIENT
    for name in RESOLVING:
        if official and name in echo:
            yield f"{name} is in jobPars, where the official client reads it as a wish to resolve again"
        if not official and exchange.request.get(name) in (1, True) and echo.get(name) != 1:
            yield f"{name} was given by a caller without api_name, but is not in jobPars"


@rule("run_userobject", successes_only=True)
def asked_products_are_in_the_job(_operation: str, exchange: Exchange) -> Iterator[str]:
    """The flags of jobPars are those of the request; an astrometric position includes the standard one."""
    wanted, got = asked_products(exchange.request), flagged_products(exchange.body.get("jobPars", {}))
    if wanted != got:
        yield f"asked for {sorted(wanted)}, but the job has {sorted(got)}"


def other_defaults(exchange: Exchange) -> Iterator[str]:
    """Yield a sentence for each omitted parameter without its documented default.

    This is not a rule, because defaults may change with time. Requests and jobPars of another form than documented
    are findings of their own.
    """
    echo, request = exchange.body.get("jobPars", {}), exchange.request
    if not isinstance(echo, dict) or not isinstance(request, dict):
        return
    wanted = asked_products(echo)
    for name, schema in documents.submission_parameters().items():
        default = schema.get("x-default")
        if name == "hrbin":  # this default and the next depend on the request
            default = 1 if str(request.get("binMeth")).lower() == "time" else 0
        elif name in {"wtpuprate", "pcpuprate"} and str(request.get("sss", 0)) in {"1", "True"}:
            default = None
        if default is None or name in request or name in _NOT_IN_ECHO | _COMPUTED | set(PRODUCTS.values()):
            continue
        groups = schema["x-product"]
        if (set(groups) == {"global"} or concerns(groups, wanted)) and echo.get(name) != default:
            yield f"{name} was not given: jobPars has {echo.get(name)!r}, documented is {default!r}"
