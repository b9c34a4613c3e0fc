"""How an answer fails on its way: the one private header by which the app tells whoever carries the answer.

Pure: no I/O here. The carriers (a patched `requests`, a real socket) strip the header and play what it says.

=============  ==============================================================================
value          meaning
=============  ==============================================================================
``reset``      the connection breaks instead of an answer
``lost``       the same for the caller; the app says by it that the work had been done
``cut:N``      the body breaks off after N bytes
``delay:S``    the answer comes S seconds of service time later
``dribble:S``  the body comes in drops, over S seconds of service time
=============  ==============================================================================

Several may stand together, with ``;`` between them: ``delay:30;cut:100``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = "X-Mock-Transport"
DROPS = 10
_LOWER = HEADER.lower()


@dataclass(frozen=True, slots=True)
class TransportFault:
    """What happens to one answer on its way.

    Parameters
    ----------
    broken
        ``reset`` or ``lost``: the connection breaks and no byte arrives; None if an answer comes.
    cut_after
        Number of bytes of the body that arrive; None for all.
    delay_s
        Service time the answer takes [s].
    dribble_s
        Service time over which the body comes, in `DROPS` drops [s].
    """

    broken: str | None = None
    cut_after: int | None = None
    delay_s: float = 0.0
    dribble_s: float = 0.0

    def header(self) -> str:
        """Return the header's value that says this."""
        parts = [self.broken] if self.broken else []
        parts += [f"cut:{self.cut_after}"] if self.cut_after is not None else []
        parts += [f"delay:{self.delay_s:g}"] if self.delay_s else []
        parts += [f"dribble:{self.dribble_s:g}"] if self.dribble_s else []
        return ";".join(parts)


def parse(value: str) -> TransportFault:
    """Read the header's value; a ValueError says what is wrong with it."""
    fault = TransportFault()
    for part in filter(None, value.split(";")):
        fault = _with(fault, *part.strip().partition(":"))
    return fault


def _with(fault: TransportFault, name: str, _colon: str, argument: str) -> TransportFault:
    match name:
        case "reset" | "lost":
            return replace(fault, broken=name)
        case "cut" if argument.isdigit():
            return replace(fault, cut_after=int(argument))
        case "delay" if float(argument) >= 0:
            return replace(fault, delay_s=float(argument))
        case "dribble" if float(argument) >= 0:
            return replace(fault, dribble_s=float(argument))
    raise ValueError(f"{HEADER} has {name}:{argument}; it may say reset, lost, cut:N, delay:S or dribble:S")


def drops(body: bytes) -> list[bytes]:
    """Return a body in the pieces that it comes in when it dribbles; an empty one is one piece."""
    size = -(-len(body) // DROPS) or 1
    return [body[start : start + size] for start in range(0, len(body), size)] or [b""]


def split(headers: Iterable[tuple[str, str]]) -> tuple[list[tuple[str, str]], TransportFault | None]:
    """Return the headers that travel, and the fault the private one asks for, if it is there."""
    headers = list(headers)
    for index, (name, value) in enumerate(headers):
        if name.lower() == _LOWER:
            return headers[:index] + headers[index + 1 :], parse(value)
    return headers, None
