"""Order of one product of one job: its parameters, and when it was built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core import selection
from ..core.model import StatusCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..core.model import Product


@dataclass(frozen=True)
class Order:
    """One product to be built.

    Parameters
    ----------
    product
        Product to build.
    parameters
        `jobPars` as stored, wire names; numbers may be numeric strings.
    built_at
        Simulated time at which the run began [s]: the archive is seen as it was then.
    ended_at
        Simulated time at which the run ended [s]: the date of the files.
    url
        The job's directory; stands inside JSON answers and nowhere else.
    job_id
        The job's number.
    outcome
        Status at the end; a product that is not complete has a log only.
    rebin_id
        The number of the rebinning, if this is a light curve of a finished job binned anew.
    asked
        IDs of observations that the job names and that are believed to exist.
    kept_until
        Simulated time at which the job's products expire [s].
    """

    product: Product
    parameters: Mapping[str, Any]
    built_at: float
    ended_at: float
    url: str
    job_id: int
    outcome: StatusCode = StatusCode.COMPLETE
    rebin_id: int | None = None
    asked: tuple[str, ...] = ()
    kept_until: float = math.inf

    @property
    def name(self) -> str:
        """The object's name, as given."""
        return str(self.parameters.get("name", ""))

    @property
    def position(self) -> tuple[float, float] | None:
        """Position asked for [deg, J2000]."""
        return selection.position(self.parameters)

    @property
    def targets(self) -> tuple[str, ...]:
        """Target IDs, eight digits each."""
        return selection.targets(self.parameters)

    @property
    def t0(self) -> float | None:
        """Zero of time [s, MET], if the job has one."""
        return selection.t0(self.parameters)

    def number(self, key: str, default: float = 0.0) -> float:
        """Return a parameter as a number, `default` if it is missing or empty."""
        return selection.number(self.parameters, key, default)

    def text(self, key: str, default: str = "") -> str:
        """Return a parameter as lower-case text, `default` if it is missing or empty."""
        return selection.text(self.parameters, key, default)

    def flag(self, key: str) -> bool:
        """Whether a parameter is switched on."""
        return selection.flag(self.parameters, key)
