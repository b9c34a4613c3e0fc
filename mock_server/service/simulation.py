"""The three services of one simulator, handed to the views together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bursts import Bursts
    from .jobs import JobService
    from .operator import Controls
    from .results import Contents


@dataclass(frozen=True)
class Simulation:
    """Everything that a view may ask.

    Attributes
    ----------
    jobs
        Submit, cancel, look at jobs; users.
    contents
        Contents of finished products.
    controls
        Time, settings, faults, journal.
    bursts
        Products of known bursts.
    token
        Bearer token required by the control interface; None: open.
    """

    jobs: JobService
    contents: Contents
    controls: Controls
    bursts: Bursts
    token: str | None = None
