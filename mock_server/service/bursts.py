"""The burst repository: light curves, spectra and positions of known bursts, made by the code of user objects.

Bursts have no jobs: their products are those of the archive as it is now. A light curve binned anew, or a spectrum of
other times, has a number in the series of the rebinnings; there, minus the target stands for the job.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core import selection
from ..core.durations import rebin_duration
from ..core.errors import NotReady, ParametersRefused
from ..core.model import Product, Rebin, StatusCode
from ..core.random import uniform
from ..sky.coordinates import offset
from ..submission.read import read_submission

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..core.model import Observation
    from ..products.archive import Content
    from ..products.order import Order
    from ..scenario.in_force import Moment
    from ..sky.sources import Source
    from .jobs import JobService

PLACES = {Product.LIGHT_CURVE: "xrt_curves", Product.SPECTRUM: "xrt_spectra"}
"""Folders of the host, by product."""
KINDS_OF_POSITIONS = ("Best", "Enhanced", "Standard", "SPER", "Onboard")
_CURVE = {"binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1}
_LATE_S = 4000.0  # the late-time spectrum begins here [s since T0]
_ONBOARD_ERR90, _SPER_ERR90 = 5.0, 2.8  # arcsec
_ERG_PER_COUNT = 4e-11
"""Flux of one count [erg/cm2], 0.3-10 keV: typical of bursts (assumed)."""


class Slice(NamedTuple):
    """Part of a spectrum: its name, and times or observation IDs as in ``useObs``."""

    name: str
    times: str


class Bursts:
    """The repository of bursts.

    Parameters
    ----------
    jobs
        The job service beside it.
    """

    def __init__(self, jobs: JobService) -> None:
        self._jobs, self._store, self._in_force = jobs, jobs.store, jobs.in_force

    def target(self, name: str, now: float) -> int | None:
        """Return the target of a burst by its name; None if there is no such burst yet."""
        sky = self._in_force.sky
        source = sky.named(name)
        if source is None or not source.is_burst or sky.resolve(name, now) is None:
            return None
        return int(source.targets[0])

    def light_curve(self, target: int, nosys: str, incbad: str, moment: Moment) -> Any:
        """Return the tables of a burst's light curve; None if there are no data."""
        return self._answer(self._order(target, Product.LIGHT_CURVE, moment), nosys, incbad)

    def spectra(self, target: int, moment: Moment) -> Any:
        """Return the spectra of a burst with their fits; None if there are no data."""
        return self._answer(self._order(target, Product.SPECTRUM, moment))

    def positions(self, target: int, wanted: Iterable[str], moment: Moment) -> dict[str, float | None]:
        """Return positions of a burst, flat: RA and Dec [deg, J2000], 90-% radius [arcsec]; None: no such position."""
        burst, seed = self._burst(target, moment), self._in_force.given.seed
        found: dict[str, tuple[float, float, float] | None] = {}
        for kind, product in (("Enhanced", Product.ENHANCED_POS), ("Standard", Product.STANDARD_POS)):
            made = self._answer(self._order(target, product, moment))
            found[kind] = None if made is None else (made.ra, made.dec, made.err90)
        for kind, err90 in (("SPER", _SPER_ERR90), ("Onboard", _ONBOARD_ERR90)):
            distance = err90 / 3600 * uniform(seed, "early position", burst.name, kind) ** 0.5
            angle = uniform(seed, "early position angle", burst.name, kind, high=6.2832)
            found[kind] = (*offset((burst.ra, burst.dec), distance, angle), err90)
        found["Best"] = next(one for name in KINDS_OF_POSITIONS[1:] if (one := found[name]) is not None)
        answer: dict[str, float | None] = {}
        for kind in wanted:
            position = found[kind]
            for part, digits, name in ((0, 5, "RA"), (1, 5, "Decl"), (2, 1, "Err90")):
                answer[f"{kind}_{name}"] = None if position is None else round(position[part], digits)
        return answer

    def file(self, product: Product, target: int, path: str, moment: Moment) -> Content:
        """Return a file of a burst by its path below the burst's folder."""
        order = self._order(target, product, moment)
        number, _, inner = path.partition("/")
        if match := re.fullmatch(r"(?:rebin|slice)_(\d{1,9})", number):
            asked = self._asked(int(match[1]))
            if asked.job_id == -target and self._status(asked, moment.now) is StatusCode.COMPLETE:
                order, path = self._order_asked(asked, moment), inner
        files = self._in_force.builder.files(order) if self._has_data(order) else {}
        if product is Product.LIGHT_CURVE and path == "flux.qdp" and "curve.qdp" in files:
            from ..products.archive import whole  # noqa: PLC0415 - contents are loaded when first asked for

            lines = []  # rates and errors, in columns four to six, become fluxes [erg/cm2/s]
            for line in whole(files["curve.qdp"]).decode().splitlines():
                cells = line.split("\t")
                if len(cells) >= 6 and not line.startswith("!") and cells[0].strip()[:1].isdigit():
                    cells[3:6] = [f"{float(c) * _ERG_PER_COUNT:.6g}" if c.strip() else c for c in cells[3:6]]
                lines.append("\t".join(cells).replace("Rate", "Flux"))
            return ("\n".join(lines) + "\n").encode()
        if path not in files:
            raise NotReady(f"there is no {PLACES[product]}/{target:08d}/{path}")
        return files[path]

    # on request ---------------------------------------------------------------------------------------------

    def rebin(self, target: int, changed: Mapping[str, Any]) -> Rebin:
        """Bin the light curve of a burst again; `changed` has light curve parameters by wire name."""
        return self._request(target, Product.LIGHT_CURVE, changed)

    def slice_spectrum(self, target: int, slices: Iterable[Slice], changed: Mapping[str, Any]) -> Rebin:
        """Make spectra of other times; `changed` has parameters of spectra by wire name."""
        asked: dict[str, Any] = {"timeslice": "user", "specobs": "all", "sinceT0": 1, "rname2": None, "gti2": None}
        for number, one in enumerate(slices, start=1):
            asked |= {f"rname{number}": one.name, f"gti{number}": one.times}
        return self._request(target, Product.SPECTRUM, {**asked, **changed})

    def _request(self, target: int, product: Product, changed: Mapping[str, Any]) -> Rebin:
        with self._store.transaction() as facts:
            moment = self._jobs.begin(facts)
            order = self._order(target, product, moment, changed)
            if not self._has_data(order):
                raise NotReady(f"There are no data of target {target}")
            now, length = moment.now, rebin_duration(len(self._observations(order)))
            return facts.add_rebin(Rebin(0, -target, now, now + 1, now + 1 + length, order.parameters))

    def of_request(self, number: int) -> bool:
        """Return whether a number in the series of the rebinnings is that of a burst."""
        with self._store.reading() as facts:
            found = facts.rebin(number)
        return found is not None and found.job_id < 0

    def requested(self, number: int, product: Product, moment: Moment, *options: str) -> Any:
        """Return the answer of a finished request of a burst: tables of a light curve, or spectra."""
        asked = self._asked(number)
        order = self._order_asked(asked, moment)
        if order.product is not product or self._status(asked, moment.now) is not StatusCode.COMPLETE:
            raise NotReady(f"Request {number} is no {product.words} that is complete")
        return self._answer(order, *options)

    def _asked(self, number: int) -> Rebin:
        with self._store.reading() as facts:
            found = facts.rebin(number)
        if found is None or found.job_id >= 0:
            raise NotReady(f"Request {number} does not exist")
        return found

    def _status(self, asked: Rebin, now: float) -> StatusCode:
        if now < asked.left_at:
            return StatusCode.QUEUED if now < asked.started_at else StatusCode.RUNNING
        return StatusCode.COMPLETE if asked.cancelled_at is None else StatusCode.CANCELLED

    def _order_asked(self, asked: Rebin, moment: Moment) -> Order:
        product = Product.SPECTRUM if selection.flag(asked.parameters, "spec") else Product.LIGHT_CURVE
        order = replace(self._order(-asked.job_id, product, moment), parameters=asked.parameters)
        order = replace(order, built_at=asked.requested_at, ended_at=asked.ends_at)
        if product is Product.SPECTRUM:
            return replace(order, url=f"{order.url}/slice_{asked.rebin_id}")
        return replace(order, rebin_id=asked.rebin_id)

    # orders -------------------------------------------------------------------------------------------------

    def _burst(self, target: int, moment: Moment) -> Source:
        source = self._in_force.sky.source((f"{target:08d}",), None)
        if not source.is_burst or self.target(source.name, moment.now) != target:
            raise NotReady(f"Target {target} is no burst that XRT has observed")
        return source

    def _order(self, target: int, product: Product, moment: Moment, changed: Mapping[str, Any] | None = None) -> Order:
        from ..products.order import Order  # noqa: PLC0415 - contents are loaded when first asked for

        burst = self._burst(target, moment)
        raw: dict[str, Any] = {"UserID": "repository@burst.org", "name": burst.name, "RA": burst.ra, "Dec": burst.dec}
        raw |= {"targ": f"{target:08d}", "Tstart": burst.t0_met, "cent": 1, "poserr": 1, "useSXPS": 0, product.flag: 1}
        if product is Product.LIGHT_CURVE:
            raw |= _CURVE
        elif product is Product.SPECTRUM:  # of all data, and of late ones if there are some (documented)
            raw |= {"specz": 0, "specobs": "all", "timeslice": "single"}
            t0, position = burst.t0_met or 0.0, (burst.ra, burst.dec)
            observed = self._in_force.sky.observations((f"{target:08d}",), position, moment.now, t0)
            end = max((s.stop for o in observed for s in o.snapshots), default=t0) - t0
            if end > _LATE_S:
                raw |= {"timeslice": "user", "sinceT0": 1, "rname1": "interval0", "rname2": "late_time"}
                raw |= {"gti1": f"0-{end + 1:.0f}", "gti2": f"{_LATE_S:.0f}-{end + 1:.0f}"}
        parameters = read_submission({**raw, **(changed or {})}, moment.epoch.defaults).job_pars({})
        place = PLACES.get(product, "xrt_positions")
        url = f"{self._jobs.base_url}/{place}/{target:08d}"
        order = Order(product, parameters, built_at=moment.now, ended_at=moment.now, url=url, job_id=0)
        observed = self._observations(order)
        return replace(order, ended_at=max((o.available_at for o in observed), default=moment.now))

    def _observations(self, order: Order) -> tuple[Observation, ...]:
        archive = self._in_force.sky.observations(order.targets, order.position, order.built_at, order.t0)
        return selection.selected(order.product, order.parameters, archive)

    def _has_data(self, order: Order) -> bool:
        return sum(observation.exposure() for observation in self._observations(order)) > 0

    def _answer(self, order: Order, *options: str) -> Any:
        """Return what the builder answers about an order, with addresses of the repository."""
        if not self._has_data(order):
            return None
        answer = self._in_force.builder.answer(order, *options)
        return _moved(answer, f"{order.url}/{order.product.value}/", f"{order.url}/")


def _moved(value: Any, old: str, new: str) -> Any:
    """Return an answer whose addresses begin with `new` where they began with `old`."""
    match value:
        case str():
            return new + value.removeprefix(old) if value.startswith(old) else value
        case dict():
            return {key: _moved(part, old, new) for key, part in value.items()}
        case list():
            return [_moved(part, old, new) for part in value]
    return value


def read_slices(raw: Mapping[str, Any]) -> list[Slice]:
    """Return the slices that a request names: lists of names and times of equal length, one to four.

    Raises
    ------
    ParametersRefused
        A list is missing, or they do not fit together.
    """
    names, times = raw.get("rnames"), raw.get("times")
    if not isinstance(names, list) or not isinstance(times, list):
        raise ParametersRefused(missing=[key for key in ("rnames", "times") if not isinstance(raw.get(key), list)])
    if len(names) != len(times) or not 1 <= len(names) <= 4:
        raise ParametersRefused(invalid=["rnames and times must be lists of equal length, of one to four slices"])
    return [Slice(str(name), str(time)) for name, time in zip(names, times, strict=True)]
