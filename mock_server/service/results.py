"""The contents of finished products: who may have them, and when; and light curves binned anew.

The contents themselves are made in :mod:`mock_server.products`, which is loaded when some are first asked for.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..core.durations import rebin_duration
from ..core.errors import Expired, NotReady
from ..core.model import Job, Product, Rebin, StatusCode
from ..core.queue import status_at
from ..submission.read import read_submission
from .jobs import no_such_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..core.model import Build
    from ..products.order import Order
    from .jobs import JobService

_PICTURES = {Product.LIGHT_CURVE: "curve.gif", Product.SPECTRUM: "_plot.gif"}
"""Endings of the files that are shown on the page of a job."""


class Contents:
    """What callers retrieve from jobs that have ended; a refusal never loads what makes the contents.

    Parameters
    ----------
    jobs
        The job service whose products these are.
    """

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._store, self._clock, self._stage = jobs.store, jobs.clock, jobs.stage

    def order(self, user: str, job_id: int, product: Product) -> Order:
        """Return the order of a product whose contents a caller may have now, or refuse."""
        with self._store.reading() as facts:
            now = self._clock.now()
            job = self._jobs.owned(facts, user, job_id)
        build = job.build(product)
        if build is None or status_at(build, now) is not StatusCode.COMPLETE:
            raise NotReady(f"The {product.words} is not complete")
        self._refuse_expired(job, now)
        return self._order(job, build)

    def light_curve(self, user: str, job_id: int, nosys: str, incbad: str) -> Mapping[str, Any]:
        """Return the light curve tables of a job, in the newest form."""
        order = self.order(user, job_id, Product.LIGHT_CURVE)
        return self._stage.builder.light_curve(order, nosys, incbad)

    def spectra(self, user: str, job_id: int) -> Mapping[str, Any]:
        """Return the spectra and fits of a job, in the newest form."""
        order = self.order(user, job_id, Product.SPECTRUM)
        return self._stage.builder.spectra(order)

    def position(self, user: str, job_id: int, product: Product) -> Any:
        """Return a position, or None if the product holds none."""
        order = self.order(user, job_id, product)
        return self._stage.builder.position(order)

    def sources(self, user: str, job_id: int) -> Mapping[str, Any]:
        """Return the source lists of a job by band."""
        order = self.order(user, job_id, Product.SOURCE_DET)
        return self._stage.builder.sources(order)

    def archive(self, job_id: int, stem: str, form: str) -> bytes:
        """Return the archive of one product, or of all, of a job whose address is known.

        A product that ended without contents has an archive that holds its log alone (assumed; that it has one at all
        is documented).

        Raises
        ------
        NotReady
            If there is no such product, or it has not ended.
        Expired
            If the files are gone.
        """
        orders = self._ended_orders(job_id)
        if stem != "all":
            orders = [order for order in orders if order.product.value == stem]
        if not orders:
            raise NotReady(f"there is no {stem} of job {job_id} (yet)")
        return self._stage.builder.archive(orders, form)

    def file(self, job_id: int, path: str) -> bytes:
        """Return one file of a job by its path below the job's address, such as ``lc/curve.qdp``."""
        stem, _, inner = path.partition("/")
        for order in self._ended_orders(job_id):
            if order.product.value == stem:
                contents = self._stage.builder.files(order)
                if inner in contents:
                    return contents[inner]
                break
        return self._rebinned_file(job_id, stem, inner)

    def pictures(self, job_id: int) -> list[tuple[Product, str]]:
        """Return which pictures the page of a job shows: product, and path below the job's address."""
        return [
            (order.product, f"{order.product.value}/{name}")
            for order in self._ended_orders(job_id)
            if order.product in _PICTURES and order.outcome is StatusCode.COMPLETE
            for name in sorted(self._stage.builder.files(order))
            if name.endswith(_PICTURES[order.product])
        ]

    def _rebinned_file(self, job_id: int, stem: str, inner: str) -> bytes:
        found = re.fullmatch(r"rebin_(\d{1,9})/(.+)", inner)
        if stem == "lc" and found:
            rebin, job = self._rebin(int(found[1]))
            if job.job_id == job_id and self._rebin_status(rebin) is StatusCode.COMPLETE:
                contents = self._stage.builder.files(self._rebin_order(rebin, job))
                if found[2] in contents:
                    return contents[found[2]]
        raise NotReady(f"job {job_id} has no file {stem}/{inner}")

    def _ended_orders(self, job_id: int) -> list[Order]:
        with self._store.reading() as facts:
            now = self._clock.now()
            job = facts.job(job_id) or no_such_job(job_id)
        ended = [build for build in job.builds if status_at(build, now).ended]
        self._refuse_expired(job, now)
        return [self._order(job, build) for build in ended]

    def _order(self, job: Job, build: Build) -> Order:
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
            kept_until=self._stage.scenario().expires_at(job.ended_at),
        )

    def rebin(self, job_id: int, changed: Mapping[str, Any]) -> Rebin:
        """Bin the finished light curve of a job anew; anyone who knows the job may (assumed).

        Parameters
        ----------
        job_id
            The job.
        changed
            Light curve parameters by wire name, to be laid over those of the job.
        """
        with self._store.transaction() as facts:
            now = self._clock.now()
            job = facts.job(job_id) or no_such_job(job_id)
            build = job.build(Product.LIGHT_CURVE)
            if build is None or status_at(build, now) is not StatusCode.COMPLETE:
                raise NotReady(f"The light curve of job {job_id} is not complete")
            self._refuse_expired(job, now)
            overlaid = _overlaid(job, changed, self._stage.scenario().at(now).defaults)
            length = rebin_duration(build.observations)
            return facts.add_rebin(Rebin(0, job_id, now, now + 1, now + 1 + length, overlaid))

    def rebin_status(self, rebin_id: int) -> StatusCode:
        """Return the status of a rebinning."""
        return self._rebin_status(self._rebin(rebin_id)[0])

    def cancel_rebin(self, rebin_id: int) -> None:
        """Cancel a rebinning; one that has ended refuses (documented)."""
        with self._store.transaction() as facts:
            now = self._clock.now()
            rebin = facts.rebin(rebin_id) or no_such_job(rebin_id)
            if now >= rebin.left_at:
                raise NotReady(f"Job {rebin_id} could not be cancelled - has it already finished?")
            facts.cancel_rebin(rebin_id, now)

    def rebinned_light_curve(self, rebin_id: int, nosys: str, incbad: str) -> Mapping[str, Any]:
        """Return the tables of a finished rebinning."""
        rebin, job = self._rebin(rebin_id)
        if self._rebin_status(rebin) is not StatusCode.COMPLETE:
            raise NotReady(f"The rebinned light curve {rebin_id} is not complete")
        self._refuse_expired(job, self._clock.now())
        return self._stage.builder.light_curve(self._rebin_order(rebin, job), nosys, incbad)

    def _rebin(self, rebin_id: int) -> tuple[Rebin, Job]:
        with self._store.reading() as facts:
            rebin = facts.rebin(rebin_id) or no_such_job(rebin_id)
            return rebin, facts.job(rebin.job_id) or no_such_job(rebin.job_id)

    def _rebin_status(self, rebin: Rebin) -> StatusCode:
        now = self._clock.now()
        if now >= rebin.left_at:
            return StatusCode.COMPLETE if rebin.cancelled_at is None else StatusCode.CANCELLED
        return StatusCode.QUEUED if now < rebin.started_at else StatusCode.RUNNING

    def _rebin_order(self, rebin: Rebin, job: Job) -> Order:
        build = job.build(Product.LIGHT_CURVE)
        order = self._order(job, build) if build else no_such_job(job.job_id)
        return replace(order, parameters=rebin.parameters, ended_at=rebin.ends_at, rebin_id=rebin.rebin_id)

    def _refuse_expired(self, job: Job, now: float) -> None:
        self._stage.forget_expired(now)
        if now >= self._stage.scenario().expires_at(job.ended_at):
            raise Expired(job.job_id)


def _overlaid(job: Job, changed: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a light curve of the job with others laid over them, checked like a submission."""
    others = {product.flag: 0 for product in Product if product is not Product.LIGHT_CURVE}
    return read_submission({**job.parameters, **others, **changed}, defaults).job_pars({})
