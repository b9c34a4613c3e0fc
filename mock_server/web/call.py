"""One call: the simulation that answers it, and what the journal notes about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

from ..core.errors import NotResolved, ParametersRefused, Unavailable
from ..service.objects import UNRESOLVED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..core.errors import Refusal
    from ..core.faults import Fault
    from ..scenario.in_force import Moment
    from ..service.simulation import Simulation

KEY = "xrt_mock.call"
"""Name of the :class:`Call` in the WSGI environ."""


RETRY_AFTER_S = "5"
"""Value of ``Retry-After`` for a call that cannot be answered now [s]."""


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


def current_call() -> Call:
    """Return the call that is being answered."""
    call: Call = request.environ[KEY]
    return call
