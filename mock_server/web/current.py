"""The call that Flask answers now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from .call import KEY

if TYPE_CHECKING:
    from .call import Call


def current_call() -> Call:
    """Return the call that is being answered."""
    call: Call = request.environ[KEY]
    return call
