"""Facts that the simulator stores, frozen. No clock, file, SQL or HTTP here.

All instants are simulated time [s since 1970-01-01 UTC] and end in ``_at``; durations end in ``_s``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Product(Enum):
    """The seven products; the value is the short name used on the wire (documented, but for ``sourceDet``)."""

    LIGHT_CURVE = "lc"
    SPECTRUM = "spec"
    STANDARD_POS = "psf"
    ENHANCED_POS = "enh"
    ASTROM_POS = "xastrom"
    IMAGE = "image"
    SOURCE_DET = "sourceDet"

    __hash__ = object.__hash__  # each is one object; the hash of Enum is a slow Python function, and it is called often

    @property
    def long_name(self) -> str:
        """Name in the official client and in the list of old jobs."""
        return _LONG_NAMES[self]

    @property
    def flag(self) -> str:
        """Key of this product in a submission."""
        return _FLAGS[self]

    @property
    def words(self) -> str:
        """Name in sentences."""
        return _WORDS[self]


_LONG_NAMES = {
    Product.LIGHT_CURVE: "LightCurve",
    Product.SPECTRUM: "Spectrum",
    Product.STANDARD_POS: "StandardPos",
    Product.ENHANCED_POS: "EnhancedPos",
    Product.ASTROM_POS: "AstromPos",
    Product.IMAGE: "Image",
    Product.SOURCE_DET: "SourceDet",
}
_FLAGS = {
    Product.LIGHT_CURVE: "lc",
    Product.SPECTRUM: "spec",
    Product.STANDARD_POS: "dopsf",
    Product.ENHANCED_POS: "doenh",
    Product.ASTROM_POS: "doxastrom",
    Product.IMAGE: "image",
    Product.SOURCE_DET: "sourceDet",
}
_WORDS = {
    Product.LIGHT_CURVE: "light curve",
    Product.SPECTRUM: "spectrum",
    Product.STANDARD_POS: "standard position",
    Product.ENHANCED_POS: "enhanced position",
    Product.ASTROM_POS: "astrometric position",
    Product.IMAGE: "image",
    Product.SOURCE_DET: "source detection",
}


class StatusCode(IntEnum):
    """Status of one product (documented: job status page)."""

    CANCELLED = -4
    FAILED = -3
    NOT_QUEUED = -2
    NOT_REQUESTED = -1
    REQUESTED = 1
    QUEUED = 2
    RUNNING = 3
    COMPLETE = 4
    WAITING = 5

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self < 0 or self is StatusCode.COMPLETE


class CancelCode(IntEnum):
    """Result of cancelling one product (documented)."""

    CANCELLED = 0
    NOT_CANCELLED = 1
    NO_SUCH_PRODUCT = 2
    UNKNOWN_REASON = 3
    OUTCOME_UNKNOWN = 4


class Build(NamedTuple):
    """The plan of one product: when it is queued, starts and ends, and how.

    Parameters
    ----------
    product
        Product that is built.
    requested_at, queued_at
        When it was requested and when it enters the queue [s].
    started_at
        When it leaves the queue for a slot [s]; from then on it may still wait for the standard position.
    running_at
        When its run begins [s]: `started_at`, or the end of the standard position it waits for.
    ends_at
        Planned end of its run [s].
    duration_s
        Length of its run [s], chosen at submission.
    outcome
        How it ends: complete, failed, or one of the two internal errors.
    cancelled_at
        When its owner cancelled it [s]; None if it was not cancelled.
    observations
        Number of observations it uses.
    items
        Names of the spectra it makes; empty for other products.
    """

    product: Product
    requested_at: float
    queued_at: float
    started_at: float
    running_at: float
    ends_at: float
    duration_s: float
    outcome: StatusCode = StatusCode.COMPLETE
    cancelled_at: float | None = None
    observations: int = 1
    items: tuple[str, ...] = ()

    @property
    def left_at(self) -> float:
        """When it stops being active: planned end, or cancellation [s]."""
        return self.ends_at if self.cancelled_at is None else self.cancelled_at


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted submission.

    Parameters
    ----------
    job_id
        Its number: unique, increasing.
    user
        Owner's e-mail address, as sent.
    name
        The object's name.
    submitted_at
        When it was accepted [s].
    parameters
        `jobPars` as stored: given values, defaults, determined values, in the order they are echoed.
    builds
        One for each product, in the order of :class:`Product`.
    """

    job_id: int
    user: str
    name: str
    submitted_at: float
    parameters: Mapping[str, Any]
    builds: tuple[Build, ...] = field(default=())

    @property
    def ended_at(self) -> float:
        """When its last product ends [s]."""
        return max(build.left_at for build in self.builds)

    def build(self, product: Product) -> Build | None:
        """Return the plan of one product, or None if it is not part of the job."""
        return next((build for build in self.builds if build.product is product), None)


@dataclass(frozen=True, slots=True)
class Rebin:
    """A new binning of the light curve of a finished job; it does not queue (assumed).

    Parameters
    ----------
    rebin_id
        Its number, in a series of its own (documented).
    job_id
        The job whose light curve is binned.
    requested_at, started_at, ends_at
        Its plan [s].
    parameters
        `jobPars` of the light curve: those of the job with the new values.
    cancelled_at
        When it was cancelled [s]; None if it was not cancelled.
    """

    rebin_id: int
    job_id: int
    requested_at: float
    started_at: float
    ends_at: float
    parameters: Mapping[str, Any]
    cancelled_at: float | None = None

    @property
    def left_at(self) -> float:
        """When it stops being active [s]."""
        return self.ends_at if self.cancelled_at is None else self.cancelled_at


@dataclass(frozen=True, slots=True)
class User:
    """Registered user.

    Parameters
    ----------
    address
        E-mail address as given; compared without case (assumed).
    token
        Token in the confirmation link.
    confirmed_at
        When the link was opened [s]; None: not yet.
    """

    address: str
    token: str
    confirmed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Sender of a request, as far as the request says.

    Parameters
    ----------
    api_name
        ``xrt_prods`` for the official client; None for callers of the raw HTTP interface.
    api_version
        Version of the caller's protocol as numbers, ``(1, 12)``; None if it sent none that can be read.
    """

    api_name: str | None = None
    api_version: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One uninterrupted exposure of a target in one mode.

    Parameters
    ----------
    number
        Counts from 1 within the observation.
    mode
        ``PC`` or ``WT``.
    start, stop
        Good time [s, Swift MET].
    """

    number: int
    mode: str
    start: float
    stop: float

    @property
    def exposure(self) -> float:
        """Good time [s]."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation of the archive.

    Parameters
    ----------
    obsid
        Eleven digits: target ID and segment.
    ra, dec
        Pointing of the telescope [deg, J2000].
    available_at
        When the archive receives it [simulated time, s].
    version
        Processing that the archive holds at the requested time; 1 is the first.
    calibration
        Name of the calibration of that processing, ``YYYYMMDD``.
    snapshots
        In order of time.
    """

    obsid: str
    ra: float
    dec: float
    available_at: float
    version: int
    calibration: str
    snapshots: tuple[Snapshot, ...]

    @property
    def target(self) -> str:
        """Target ID, eight digits."""
        return self.obsid[:8]

    def exposure(self, mode: str | None = None) -> float:
        """Good time in one mode, or in both [s]."""
        return sum(s.exposure for s in self.snapshots if mode in (None, s.mode))
