"""The log of a product: observations in the archive, and which of them were used."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from ..core import selection
from ..core.model import Product, StatusCode
from ..core.timescales import utc_from_service
from ..sky.origins import origins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.model import Observation
    from ..sky.archive import Sky
    from .order import Order

_ENDED = {StatusCode.COMPLETE: "complete", StatusCode.CANCELLED: "cancelled"}


def text(order: Order, sky: Sky) -> bytes:
    """Return ``<what>.log``: job, state of the archive, what is real or drawn, and how each observation was used."""
    archive = sky.observations(order.targets, order.position, order.built_at, order.t0, order.asked)
    used = _used(order, selection.selected(order.product, order.parameters, archive))
    calibration = max((o.calibration for o in archive), default="none")
    lines = [
        f"# product {order.product.value}  job {order.job_id}  built {_utc(order.ended_at)}",
        f"# archive state {_utc(order.built_at)}  calibration {calibration}",
        f"# ended {_ENDED.get(order.outcome, 'failed')}",
    ]
    found = origins(sky, order.parameters, order.built_at, order.asked)
    remarks = [line for line in found.observation_lines() if ", but" in line]
    lines += [f"# {line}" for line in (*found.lines(), *remarks)]
    lines.append("# obsid        mode snapshots  exposure_s  version  origin  used")
    marks = dict(found.observations)
    for one in archive:
        for mode in ("WT", "PC"):
            count, seconds = sum(s.mode == mode for s in one.snapshots), one.exposure(mode)
            if count:
                use = f"{marks[one.obsid]:6}  {_use(one, mode, seconds, used)}"
                lines.append(f"{one.obsid}    {mode}  {count:10d}  {seconds:10.3f}  {one.version:7d}  {use}")
    return ("\n".join(lines) + "\n").encode()


def _used(order: Order, selected: Sequence[Observation]) -> Mapping[str, Observation]:
    """Return the observations of which a product used something; those of spectra lie in a slice."""
    if order.product is not Product.SPECTRUM:
        return {o.obsid: o for o in selected}
    found: dict[str, Observation] = {}
    for part in selection.slices(order.parameters, selected):
        for one in part.observations:
            already = found[one.obsid].snapshots if one.obsid in found else ()
            found[one.obsid] = replace(one, snapshots=tuple(dict.fromkeys((*already, *one.snapshots))))
    return found


def status(order: Order) -> bytes:
    """Return ``progress.json``: how and when the run ended."""
    ended = {"statusCode": int(order.outcome), "started": _utc(order.built_at), "ended": _utc(order.ended_at)}
    return (json.dumps(ended) + "\n").encode()


def _utc(now: float) -> str:
    return f"{utc_from_service(now):%Y-%m-%dT%H:%M:%SZ}"


def _use(observation: Observation, mode: str, seconds: float, used: Mapping[str, Observation]) -> str:
    """Say whether an observation was used in one mode, and if not, why."""
    chosen = used.get(observation.obsid)
    taken = chosen.exposure(mode) if chosen is not None else 0.0
    if taken >= seconds - 1e-6:
        return "yes"
    if taken > 0:
        return f"yes  {taken:.3f} s of it"
    only_pc = mode == "WT" and chosen is not None
    return "no   one-dimensional data" if only_pc else "no   outside requested range"
