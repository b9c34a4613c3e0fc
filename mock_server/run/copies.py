"""Copies of one program, each with a user of its own: the address is changed on the way in and back on the way out.

Pure. Copy 0 keeps its address; copy 2 of ``me@example.org`` is ``me+2@example.org`` to the service.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport.wsgi_call import Answer, Request

_KEY = "UserID"


def address_of(user: str, copy: int) -> str:
    """Return the address under which the service knows this copy's user."""
    name, at, host = user.rpartition("@")
    return f"{name}+{copy}{at}{host}" if copy and at else user


def outbound(request: Request, copy: int) -> tuple[Request, str | None]:
    """Return the request as this copy's user sends it, and the user's address if that was changed."""
    if not copy or _KEY.encode() not in request.body:
        return request, None
    try:
        body = json.loads(request.body)
    except ValueError:
        return request, None
    user = body.get(_KEY) if isinstance(body, dict) else None
    if not isinstance(user, str) or address_of(user, copy) == user:
        return request, None
    return request._replace(body=json.dumps({**body, _KEY: address_of(user, copy)}).encode()), user


def inbound(answer: Answer, user: str, copy: int) -> Answer:
    """Return the answer with the address that the program knows."""
    body = answer.body.replace(address_of(user, copy).encode(), user.encode())
    if body is answer.body or body == answer.body:
        return answer
    headers = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
    return answer._replace(body=body, headers=[*headers, ("Content-Length", str(len(body)))])
