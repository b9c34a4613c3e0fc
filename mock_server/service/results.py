"""The contents of finished products: who may have them, and when; and light curves with other bins.

:mod:`mock_server.products` makes the contents; it is loaded when some are first asked for.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.durations import rebin_duration
from ..core.errors import Expired, NotReady
from ..core.model import Job, Product, Rebin, StatusCode
from ..core.queue import status_at
from ..submission.read import read_submission
from .jobs import believed, no_such_job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.model import Build
    from ..products.archive import Content
    from ..products.order import Order
    from ..scenario.in_force import Moment
    from .jobs import JobService

POSITIONS = (Product.STANDARD_POS, Product.ENHANCED_POS, Product.ASTROM_POS)
_PICTURES = {Product.LIGHT_CURVE: "curve.gif", Product.SPECTRUM: "_plot.gif"}
"""Endings of the files that the page of a job shows."""


class Sights(NamedTuple):
    """What the page of a job shows of its complete products.

    Parameters
    ----------
    pictures
        Paths below the job's address, by product.
    positions
        Position by product; None if it was not found.
    marks
        Where these lie on the image; see :meth:`mock_server.products.images.Images.chart`.
    """

    pictures: Mapping[Product, Sequence[str]]
    positions: Mapping[Product, Any]
    marks: Sequence[Mapping[str, Any]]


class Contents:
    """What callers retrieve from jobs that have ended; a refusal never loads the code that makes contents.

    Parameters
    ----------
    jobs
        The job service whose products these are.
    """

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._store, self._in_force = jobs.store, jobs.in_force

    def order(self, user: str, job_id: int, product: Product, moment: Moment | None = None) -> Order:
        """Return the order of a product whose contents a caller may have now, or refuse."""
        with self._store.reading() as facts:
            moment = moment or self._jobs.begin(facts)
            job = self._jobs.owned(facts, user, job_id)
        build = job.build(product)
        if build is None or status_at(build, moment.now) is not StatusCode.COMPLETE:
            raise NotReady(f"The {product.words} is not complete")
        self._refuse_expired(job, moment)
        return self._order(job, build, moment)

    def answer(self, user: str, job_id: int, product: Product, *options: str, moment: Moment | None = None) -> Any:
        """Return what the service answers about a product of a job; see :meth:`ProductBuilder.answer`."""
        order = self.order(user, job_id, product, moment)  # first: a refusal must not load the builder
        return self._in_force.builder.answer(order, *options)

    def archive(self, job_id: int, stem: str, form: str, moment: Moment | None = None) -> tuple[bytes, ...]:
        """Return the archive of one product, or of all, of a job whose address is known, in chunks.

        The archive of a product that ended without contents holds its log alone (assumed; that there is an archive at
        all is documented).

        Raises
        ------
        NotReady
            If there is no such product, or it has not ended.
        Expired
            If the files are gone.
        """
        orders = self._ended_orders(job_id, moment)
        if stem != "all":
            orders = [order for order in orders if order.product.value == stem]
        if not orders:
            raise NotReady(f"there is no {stem} of job {job_id} (yet)")
        return self._in_force.builder.archive(orders, form)

    def file(self, job_id: int, path: str, moment: Moment | None = None) -> Content:
        """Return one file of a job by its path below the job's address, such as ``lc/curve.qdp``."""
        moment = moment or self._jobs.begin()
        stem, _, inner = path.partition("/")
        for order in self._ended_orders(job_id, moment):
            if order.product.value == stem:
                contents = self._in_force.builder.files(order)
                if inner in contents:
                    return contents[inner]
                break
        rebinned = re.fullmatch(r"rebin_(\d{1,9})/(.+)", inner)
        if stem == "lc" and rebinned:
            rebin, job = self._rebin(int(rebinned[1]))
            if job.job_id == job_id and _rebin_status(rebin, moment.now) is StatusCode.COMPLETE:
                contents = self._in_force.builder.files(self._rebin_order(rebin, job, moment))
                if rebinned[2] in contents:
                    return contents[rebinned[2]]
        raise NotReady(f"job {job_id} has no file {stem}/{inner}")

    def sights(self, job_id: int, moment: Moment | None = None) -> Sights:
        """Return what the page of a job shows of its complete products."""
        complete = [order for order in self._ended_orders(job_id, moment) if order.outcome is StatusCode.COMPLETE]
        builder = self._in_force.builder
        pictures: dict[Product, list[str]] = {}
        for order in complete:
            if order.product in _PICTURES:
                names = [name for name in sorted(builder.files(order)) if name.endswith(_PICTURES[order.product])]
                pictures[order.product] = [f"{order.product.value}/{name}" for name in names]
            elif order.product is Product.IMAGE:  # its name is known without making all files
                pictures[order.product] = ["image/image1.gif"]
        positions = {order.product: builder.answer(order) for order in complete if order.product in POSITIONS}
        marked = [(p.value, one.ra, one.dec, one.err90) for p, one in positions.items() if one is not None]
        image = next((order for order in complete if order.product is Product.IMAGE), None)
        marks = builder.chart(image, *marked) if image is not None and marked else []
        return Sights(pictures, positions, marks)

    def charts(self, job_id: int, moment: Moment | None = None) -> dict[str, Any]:
        """Return the complete light curve and spectra of a job as JSON-ready data; None and empty without them."""
        charts = {
            order.product: self._in_force.builder.chart(order)
            for order in self._ended_orders(job_id, moment)
            if order.product in (Product.LIGHT_CURVE, Product.SPECTRUM) and order.outcome is StatusCode.COMPLETE
        }
        return {"light_curve": charts.get(Product.LIGHT_CURVE), "spectra": charts.get(Product.SPECTRUM, [])}

    def _ended_orders(self, job_id: int, moment: Moment | None) -> list[Order]:
        with self._store.reading() as facts:
            moment = moment or self._jobs.begin(facts)
            job = facts.job(job_id) or no_such_job(job_id)
        ended = [build for build in job.builds if status_at(build, moment.now).ended]
        self._refuse_expired(job, moment)
        return [self._order(job, build, moment) for build in ended]

    def _order(self, job: Job, build: Build, moment: Moment) -> Order:
        from ..products.order import Order  # noqa: PLC0415 - contents are loaded when first asked for

        outcome = StatusCode.CANCELLED if build.cancelled_at is not None else build.outcome
        return Order(
            product=build.product,
            parameters=job.parameters,
            outcome=outcome,
            built_at=min(build.running_at, build.left_at),
            ended_at=build.left_at,
            url=self._jobs.job_url(job.job_id),
            job_id=job.job_id,
            asked=believed(job.parameters, moment.scenario.at(job.submitted_at)),
            kept_until=moment.scenario.expires_at(job.ended_at),
        )

    def rebin(self, job_id: int, changed: Mapping[str, Any]) -> Rebin:
        """Bin the finished light curve of a job again; anyone who knows the job may do so (assumed).

        Parameters
        ----------
        job_id
            The job.
        changed
            Light curve parameters by wire name, which replace those of the job.
        """
        with self._store.transaction() as facts:
            moment = self._jobs.begin(facts)
            now = moment.now
            job = facts.job(job_id) or no_such_job(job_id)
            build = job.build(Product.LIGHT_CURVE)
            if build is None or status_at(build, now) is not StatusCode.COMPLETE:
                raise NotReady(f"The light curve of job {job_id} is not complete")
            self._refuse_expired(job, moment)
            # checked like a submission of the light curve alone
            others = {product.flag: 0 for product in Product if product is not Product.LIGHT_CURVE}
            parameters = read_submission({**job.parameters, **others, **changed}, moment.epoch.defaults).job_pars({})
            archive = self._jobs.archive_for(parameters, min(build.running_at, now), moment.epoch)
            self._jobs.refuse_oversized([Product.LIGHT_CURVE], parameters, archive)
            length = rebin_duration(build.observations)
            return facts.add_rebin(Rebin(0, job_id, now, now + 1, now + 1 + length, parameters))

    def rebin_status(self, rebin_id: int, moment: Moment | None = None) -> StatusCode:
        """Return the status of a rebinning."""
        now = (moment or self._jobs.begin()).now
        with self._store.reading() as facts:
            return _rebin_status(facts.rebin(rebin_id) or no_such_job(rebin_id), now)

    def cancel_rebin(self, rebin_id: int) -> None:
        """Cancel a rebinning; a rebinning that has ended is refused (documented)."""
        with self._store.transaction() as facts:
            now = self._jobs.begin(facts).now
            rebin = facts.rebin(rebin_id) or no_such_job(rebin_id)
            if now >= rebin.left_at:
                raise NotReady(f"Job {rebin_id} could not be cancelled - has it already finished?")
            facts.cancel_rebin(rebin_id, now)

    def rebinned_light_curve(
        self, rebin_id: int, nosys: str, incbad: str, moment: Moment | None = None
    ) -> Mapping[str, Any]:
        """Return the tables of a finished rebinning."""
        moment = moment or self._jobs.begin()
        rebin, job = self._rebin(rebin_id)
        if _rebin_status(rebin, moment.now) is not StatusCode.COMPLETE:
            raise NotReady(f"The rebinned light curve {rebin_id} is not complete")
        self._refuse_expired(job, moment)
        tables: Mapping[str, Any] = self._in_force.builder.answer(self._rebin_order(rebin, job, moment), nosys, incbad)
        return tables

    def _rebin(self, rebin_id: int) -> tuple[Rebin, Job]:
        with self._store.reading() as facts:
            rebin = facts.rebin(rebin_id) or no_such_job(rebin_id)
            return rebin, facts.job(rebin.job_id) or no_such_job(rebin.job_id)

    def _rebin_order(self, rebin: Rebin, job: Job, moment: Moment) -> Order:
        build = job.build(Product.LIGHT_CURVE)
        order = self._order(job, build, moment) if build else no_such_job(job.job_id)
        asked = believed(rebin.parameters, moment.scenario.at(rebin.requested_at))
        return replace(order, parameters=rebin.parameters, asked=asked, ended_at=rebin.ends_at, rebin_id=rebin.rebin_id)

    def _refuse_expired(self, job: Job, moment: Moment) -> None:
        self._in_force.forget_expired(moment.now)
        if moment.now >= moment.scenario.expires_at(job.ended_at):
            raise Expired(job.job_id)


def _rebin_status(rebin: Rebin, now: float) -> StatusCode:
    if now >= rebin.left_at:
        return StatusCode.COMPLETE if rebin.cancelled_at is None else StatusCode.CANCELLED
    return StatusCode.QUEUED if now < rebin.started_at else StatusCode.RUNNING
