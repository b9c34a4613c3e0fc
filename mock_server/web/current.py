"""The call that Flask answers now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from .call import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call import Answer, Call


def current_call() -> Call:
    """Return the call that is being answered."""
    call: Call = request.environ[KEY]
    return call


def response_to(call: Call, reply: Callable[[], Answer]) -> Response:
    """Return the answer of `reply`, or what it has led to already, before Flask was asked."""
    result = call.result or reply()
    if isinstance(result, Exception):
        raise result
    response = Response(result.chunks, content_type=result.label)
    response.content_length = sum(map(len, result.chunks))
    return response
