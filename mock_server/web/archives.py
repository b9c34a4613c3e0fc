"""Archives of products: their addresses, and the answers. Knowing the address is enough (documented)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..core.model import Product
from .call import Answer

if TYPE_CHECKING:
    from .call import Call

_LABELS = {"tar.gz": "application/gzip", "tar": "application/x-tar", "zip": "application/zip"}
_STEMS = (*(product.value for product in Product), "all")
_NAME = rf"(?:{'|'.join(_STEMS)})\.(?:{'|'.join(map(re.escape, _LABELS))})"

NAME = re.compile(_NAME)
ADDRESS = re.compile(rf"/user_objects/tprods/USERPROD_([0-9]{{1,15}})/({_NAME})")


def reply(call: Call, job_id: int, name: str) -> Answer:
    """Return the archive with this name of a job.

    Raises
    ------
    Refusal
        It does not exist, is not ready, or has expired.
    """
    call.operation, call.job_id, call.detail = "downloadProduct", job_id, name
    call.meet_fault()
    stem, _, form = name.partition(".")
    return Answer(_LABELS[form], call.simulation.contents.archive(job_id, stem, form, call.moment))
