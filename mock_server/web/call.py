"""One call: the simulation that answers it, and what the journal notes about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import NotResolved, ParametersRefused, Refusal, Unavailable
from ..core.journal import Entry
from ..service.objects import UNRESOLVED
from ..transport.wsgi_call import WHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..core.faults import Fault
    from ..scenario.in_force import Moment
    from ..service.simulation import Simulation

KEY = "xrt_mock.call"
"""Name of the :class:`Call` in the WSGI environ."""

SERVICE_HEADERS = (
    ("Cache-Control", "no-store, no-cache, must-revalidate"),
    ("X-Content-Type-Options", "nosniff"),
)
"""Headers of every answer of the service."""

RETRY_AFTER_S = "5"
"""Value of ``Retry-After`` for a call that cannot be answered now [s]."""


class Answer(NamedTuple):
    """An answer of the API, or an archive: its content type, and its body in chunks."""

    label: str
    chunks: tuple[bytes, ...]

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of the answer."""
        length = sum(map(len, self.chunks))
        return [("Content-Type", self.label), ("Content-Length", str(length)), *SERVICE_HEADERS]


class EndedByFaultError(Exception):
    """A planned fault ends a call before its work.

    Parameters
    ----------
    fault
        Of kind ``reset`` or ``status``.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


@dataclass(slots=True)
class Call:
    """One HTTP call to a simulator; views fill in what they learn.

    Attributes
    ----------
    simulation
        What the views ask.
    on_bug
        Called with an exception that no view foresaw.
    operation, user, job_id, outcome, detail
        As in :class:`~mock_server.core.journal.Entry`.
    hints
        Parameters that were probably misspelt, in words; appended to the detail.
    fault
        The planned fault that this call triggered, if it does not end the call.
    result
        What answering the call led to, if that has been tried: an answer, or an exception.
    """

    simulation: Simulation
    on_bug: Callable[[Exception], object] | None = None
    operation: str = "unknown"
    user: str = ""
    job_id: int | None = None
    outcome: str = "ok"
    detail: str = ""
    hints: Sequence[str] = ()
    fault: Fault | None = None
    result: Answer | Exception | None = None
    _moment: Moment | None = None

    @property
    def moment(self) -> Moment:
        """Simulated time of the call, and the settings in force then: read once."""
        if self._moment is None:
            self._moment = self.simulation.jobs.begin()
        return self._moment

    def last_moment(self) -> Moment:
        """Return the moment of the call, or the last known one if the database cannot be read now."""
        try:
            return self.moment
        except Unavailable:
            return self.simulation.jobs.in_force.latest

    def note_refusal(self, refusal: Refusal) -> None:
        """Note that the call was refused, and why."""
        reasons = [str(refusal)]
        if isinstance(refusal, ParametersRefused):
            reasons += [f"needed: {', '.join(refusal.missing)}"] if refusal.missing else []
            reasons += refusal.invalid
        self.outcome, self.detail = "refused", "; ".join(reasons)
        if isinstance(refusal, NotResolved) and refusal.name:
            self.detail += UNRESOLVED + refusal.name

    def meet_fault(self) -> None:
        """Look for a planned fault that this call triggers; one that comes before the work ends the call here.

        Raises
        ------
        Refusal, EndedByFaultError
            If the fault says so.
        """
        fault = self.simulation.controls.meet(self.operation, self.moment)
        if fault is None:
            return
        self.detail = f"planned: {fault.kind}"
        if fault.kind == "refuse":
            raise Refusal(fault.text)
        if fault.kind in ("reset", "status"):
            self.outcome = "fault"
            raise EndedByFaultError(fault)
        self.fault = fault

    def note(self, status: int, environ: Mapping[str, Any]) -> None:
        """Note the call in the journal, with the HTTP status of its answer."""
        moment = self.last_moment()
        self.simulation.jobs.store.note(
            Entry(
                at=moment.now,
                operation=self.operation,
                user=self.user,
                job_id=self.job_id,
                outcome=self.outcome,
                status=status,
                detail="; ".join(filter(None, (self.detail, *self.hints))) if self.hints else self.detail,
                where=environ.get(WHERE) or "",
            ),
            moment.era,
        )
