"""One function for each operation on rebinned light curves, which belong to the shared interface.

These calls name no user: anyone who knows the number of a rebinning may make them (documented by the released clients).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import shapes, wire
from .errors import RequestInvalid
from .parameters import LIGHT_CURVE
from .product import ParameterSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .shapes import Shape
    from .transport import Service

ROOT, PAGE, VERSION = "API/", "main.php", "1.0.5"  # version of the shared interface, not of the product interface
COMPLETE = 4
_ACCEPTED = shapes.keys({"JobID": shapes.whole})
_STATUS = shapes.keys({"status": shapes.whole, "text": shapes.text})


def ask(
    service: Service,
    function: str,
    document: Mapping[str, Any],
    shape: Shape = shapes.anything,
    *,
    repeat: bool = True,
) -> dict[str, Any]:
    """Call one function and return its answer without the envelope."""
    question = {"APIFunc": function, "APIVersion": VERSION, **document}
    answer = service.post(PAGE, question, repeat=repeat, root=ROOT)
    return wire.read_shared(function, answer, shape)


def parameters(pars: Mapping[str, Any]) -> dict[str, Any]:
    """Return light curve parameters as this interface expects them: python names, JSON booleans."""
    checked = ParameterSet(LIGHT_CURVE, "light curve")
    checked.set({name: "obsid" if value == "observation" else value for name, value in pars.items()})
    if lacking := checked.missing(("binMeth",)):
        raise RequestInvalid(f"rebinning needs {', '.join(lacking)}")
    return checked.all()


def begin(service: Service, job_id: Any, name: str | None, pars: Mapping[str, Any]) -> int:
    """Ask for a rebinned light curve; return its number.

    If the answer is lost, the call is not repeated: there is no list in which the first rebinning could be found.
    """
    named = {} if name is None else {"name": name}
    document = {"type": "UOB_LC", "objectID": job_id, **parameters(pars), **named}
    return int(ask(service, "rebinLightCurve", document, _ACCEPTED, repeat=False)["JobID"])


def status(service: Service, rebin_id: int) -> dict[str, Any]:
    """Return `statusCode` and `statusText` of a rebinning."""
    answer = ask(service, "checkRebinStatus", {"JobID": rebin_id}, _STATUS)
    return {"statusCode": int(answer["status"]), "statusText": answer["text"]}


def cancel(service: Service, rebin_id: int) -> None:
    """Cancel a rebinning."""
    ask(service, "cancelRebin", {"JobID": rebin_id})


def light_curve(service: Service, rebin_id: int, nosys: str, incbad: str) -> dict[str, Any]:
    """Return the tables of a rebinned light curve as the service sends them; `Datasets` may be empty."""
    document = {"type": "REBIN_LC", "objectID": rebin_id, "nosys": nosys, "incbad": incbad}
    return {"Datasets": [], **ask(service, "downloadLightCurve", document, wire.curves)}
