"""Systematic errors of windowed timing: factors by which a rate may be too low or too high, drawn for each bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from . import instrument, photons

if TYPE_CHECKING:
    from .extraction import Scene
    from .instrument import Floats
    from .timeline import Bins, Timeline

_SHARES = instrument.read_only(np.array([0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 1]))
_LOWER = instrument.read_only(
    np.array([-0.011, 1e-5, 2e-4, 7.2e-4, 1.49e-3, 3.4e-3, 0.01, 0.0263, 0.0687, 0.142, 0.441])
)
_HIGHER = instrument.read_only(
    np.array([-0.002, 1e-5, 2e-4, 6.6e-4, 1.3e-3, 2.8e-3, 9.2e-3, 0.027, 0.078, 0.173, 0.995])
)
"""Quantiles of 1 - SYS_NEG and SYS_POS - 1 (field: 1, 50 and 99 % and the ranges of 131,324 rows; between: assumed)."""
_ALIKE = 0.9  # correlation of the two, in standard deviations (assumed)
_CELL_S = 0.5  # bins that begin within the same cell share their factors


def factors(scene: Scene, timeline: Timeline, bins: Bins) -> tuple[Floats, Floats]:
    """Return ``SYS_NEG`` and ``SYS_POS`` of bins, each of shape (n_bins,): keyed by when a bin begins."""
    down, up = np.ones(len(bins.first)), np.ones(len(bins.first))
    of_piece = np.searchsorted(timeline.first, bins.first, side="right") - 1
    for k in np.unique(of_piece).tolist():
        mine, piece = of_piece == k, timeline.pieces[k]
        whole = scene.whole[piece.observation.obsid, piece.snapshot.number, piece.snapshot.mode]
        cells = np.maximum((timeline.opening(bins.first[mine]) - whole.start) / _CELL_S, 0.0).astype(np.int64)
        first, second = (
            photons.uniforms(scene.seed, piece.observation, whole, 2 * int(cells.max()) + 2).reshape(-1, 2).T
        )
        common = ndtri(first[cells])
        other = ndtr(_ALIKE * common + np.sqrt(1 - _ALIKE**2) * ndtri(second[cells]))
        down[mine] = 1.0 - np.interp(first[cells], _SHARES, _LOWER)
        up[mine] = 1.0 + np.interp(other, _SHARES, _HIGHER)
    return down, up
