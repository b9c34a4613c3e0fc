"""The private header by which the app says how an answer fails on its way.

Pure: no I/O here. The carriers of answers (a patched `requests`, a real socket) remove the header and do what it says.

=============  ==============================================================================
value          meaning
=============  ==============================================================================
``reset``      the connection breaks instead of an answer
``lost``       the same for the caller, but the simulator has done the work
``cut:N``      the body breaks off after N bytes
``delay:S``    the answer comes S seconds of simulated time later
``dribble:S``  the body comes in drops, over S seconds of simulated time
=============  ==============================================================================

Several are joined by ``;``: ``delay:30;cut:100``.
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
    """What happens to one answer on its way to the caller.

    Parameters
    ----------
    broken
        ``reset`` or ``lost``: the connection breaks and no byte arrives; None if an answer comes.
    cut_after
        Number of bytes of the body that arrive; None for all.
    delay_s
        Simulated time before the answer arrives [s].
    dribble_s
        Simulated time over which the body arrives, in `DROPS` drops [s].
    """

    broken: str | None = None
    cut_after: int | None = None
    delay_s: float = 0.0
    dribble_s: float = 0.0

    def header(self) -> str:
        """Return the header's value, which :func:`parse` reads."""
        parts = [self.broken] if self.broken else []
        parts += [f"cut:{self.cut_after}"] if self.cut_after is not None else []
        parts += [f"delay:{self.delay_s:g}"] if self.delay_s else []
        parts += [f"dribble:{self.dribble_s:g}"] if self.dribble_s else []
        return ";".join(parts)


NO_FAULT = TransportFault()


def parse(value: str) -> TransportFault:
    """Read the header's value.

    Raises
    ------
    ValueError
        If the value has another form than the table above.
    """
    fault = TransportFault()
    for part in filter(None, value.split(";")):
        name, _, argument = part.strip().partition(":")
        match name:
            case "reset" | "lost":
                fault = replace(fault, broken=name)
            case "cut" if argument.isdigit():
                fault = replace(fault, cut_after=int(argument))
            case "delay" if float(argument) >= 0:
                fault = replace(fault, delay_s=float(argument))
            case "dribble" if float(argument) >= 0:
                fault = replace(fault, dribble_s=float(argument))
            case _:
                raise ValueError(f"{HEADER} has {part}, but must have reset, lost, cut:N, delay:S or dribble:S")
    return fault


def drops(body: bytes) -> list[bytes]:
    """Cut a body into the at most `DROPS` pieces in which it arrives; an empty body is one piece."""
    size = -(-len(body) // DROPS) or 1
    return [body[start : start + size] for start in range(0, len(body), size)] or [b""]


def split(headers: Iterable[tuple[str, str]]) -> tuple[list[tuple[str, str]], TransportFault | None]:
    """Return the headers for the caller, and the fault that the private header asks for; None without it."""
    headers = list(headers)
    for index, (name, value) in enumerate(headers):
        if name.lower() == _LOWER:
            return headers[:index] + headers[index + 1 :], parse(value)
    return headers, None
