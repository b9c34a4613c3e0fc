"""Makes a Python program part of a run, before its first line.

Requests to the service are answered by the run, the program lives in simulated time, and nothing reaches the network.
Kept light: a program waits only for the HTTP library that it uses.
"""

# ruff: noqa: PLC0415 - the order of the imports matters: time_machine comes first

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from .environment import KEY, LINK, PARTICIPANT, format_participant, parse_participant

if TYPE_CHECKING:
    from ..clocks.base import ParticipantId, ScaledClock
    from .children import Children
    from .link import Link, LinkedClock
    from .reads import Reads


class Guest(NamedTuple):
    """A process that is part of a run: its link, its clock, what lets its children take part, and its reads."""

    link: Link
    clock: LinkedClock | ScaledClock
    children: Children | None
    reads: Reads | None = None

    def move(self, address: str, key: bytes, participant: ParticipantId) -> None:
        """Leave the run and, as a forked copy of the process that joined it, become part of another one."""
        self.link.move(address, key, participant)
        os.environ |= {LINK: address, KEY: key.hex(), PARTICIPANT: format_participant(participant)}
        if hasattr(self.clock, "follow_link"):
            self.clock.follow_link()
        if self.reads is not None:
            self.reads.forget()
        if self.children is not None:
            self.children.forget()


joined: Guest | None = None
"""What :func:`install` made of this process."""


def install() -> None:
    """Make this process a program of the run that its environment names."""
    global joined  # noqa: PLW0603 - a process is part of one run
    if any("multiprocessing.resource_tracker" in word for word in sys.orig_argv):
        return  # a helper of Python's own that neither calls nor sleeps
    if "pytest" not in sys.modules and not any("pytest" in word or "py.test" in word for word in sys.orig_argv):
        sys.modules["pytest"] = None  # type: ignore[assignment]  # time_machine imports it for a fixture: too heavy
        try:
            import time_machine  # noqa: F401
        finally:
            del sys.modules["pytest"]
    from .link import Link, LinkedClock, clock_of
    from .network import guard
    from .reads import Reads

    link = Link(os.environ[LINK], bytes.fromhex(os.environ[KEY]), parse_participant(os.environ[PARTICIPANT]))
    clock = clock_of(link)
    participant = link.welcome.participant
    children: Children | None = None
    names = {os.path.basename(word) for word in sys.orig_argv[:3]}
    # the cells of notebooks that it executes run in a kernel, a program of its own
    if not any(name.startswith("jupyter") or name in ("nbconvert", "papermill") for name in names):
        from .patches.time import SimulatedTime

        simulated = SimulatedTime(clock, threads=not any("ipykernel" in word for word in sys.orig_argv[:3]))
        simulated.__enter__()
        if participant is not None:
            from .children import follow_children

            os.environ[PARTICIPANT] = format_participant(participant)
            children = follow_children(link, simulated)
    elif participant is not None and isinstance(clock, LinkedClock):
        clock.leave(participant)  # it only talks to kernels, which are participants of their own

    from ..transport.imports import when_imported
    from ..transport.intercept import Interception

    reads = Reads(link, clock) if isinstance(clock, LinkedClock) else None
    Interception(reads.ask if reads else link.ask, clock, link.welcome.hosts, guarded=False).__enter__()
    when_imported("http.client", lambda _: link.expect_calls())  # it takes longer to load what answers than to ask
    guard(link.welcome.hosts, link.welcome.open_net)
    joined = Guest(link, clock, children, reads)
    atexit.register(_end, link, os.getpid())


def _end(link: Link, pid: int) -> None:
    """Let the run know that this process ends, and which exception has ended it: Python has printed it, and kept it."""
    if os.getpid() != pid:
        return
    error = getattr(sys, "last_value", None)
    if error is not None:
        from ..transport.callsite import lines_of, short_words

        link.note_crash(short_words(error), next(iter(lines_of(error)), None))
    if "http.client" in sys.modules:  # else it has not called
        link.note_end()
