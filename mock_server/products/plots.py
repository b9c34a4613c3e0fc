"""Small pictures of products, as the service adds them to its files. Pillow only: quick, and the same everywhere."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .fitting import Groups
    from .instrument import Floats

SIZE = (560, 400)
_BOX = (76, 25, 545, 345)  # left, top, right, bottom of the frame
_WHITE, _BLACK, _BLUE, _RED, _GREEN = range(5)
_PALETTE = (255, 255, 255, 0, 0, 0, 30, 70, 200, 200, 30, 30, 20, 130, 60)
COLOURS = {"WT": _BLUE, "PC": _RED}


@dataclass(frozen=True)
class Points:
    """Points of one mode, arrays of shape (n,); errors down are negative."""

    mode: str
    limits: bool
    x: Floats
    right: Floats
    left: Floats
    y: Floats
    up: Floats
    down: Floats

    def finite(self) -> Points:
        """Return the points of which every number is finite."""
        columns = (self.x, self.right, self.left, self.y, self.up, self.down)
        which = np.logical_and.reduce([np.isfinite(column) for column in columns])
        return Points(self.mode, self.limits, *(column[which] for column in columns))

    def as_dict(self) -> dict[str, Any]:
        """Return the points as JSON-ready data; limits have no errors of the rate."""
        shown = self.finite()
        columns = ("x", "right", "left", "y", "up", "down")
        return {"mode": self.mode, "limits": self.limits} | {name: numbers(getattr(shown, name)) for name in columns}


def numbers(values: Floats) -> list[float]:
    """Return numbers with six digits, as JSON has them."""
    return [float(f"{value:.6g}") for value in values.tolist()]


class Scale:
    """One axis: from values to pixels, and where its ticks are."""

    def __init__(self, low: float, high: float, pixels: tuple[int, int], log: bool) -> None:
        self.log = log
        self._low, self._high = (math.log10(v) if log else v for v in (low, high))
        least = max(1e-12, 1e-9 * max(abs(self._low), abs(self._high)))
        if self._high - self._low < least:
            self._low, self._high = self._low - max(0.5, least), self._high + max(0.5, least)
        margin = 0.04 * (self._high - self._low)
        self._low, self._high = self._low - margin, self._high + margin
        self._pixels = pixels

    def at(self, value: Floats | float) -> Floats:
        """Return pixels of values; values that a logarithm cannot show lie at the edge."""
        value = np.asarray(value, dtype=float)
        if self.log:
            value = np.log10(np.maximum(value, 10.0**self._low))
        share = np.clip((value - self._low) / (self._high - self._low), 0.0, 1.0)
        return self._pixels[0] + share * (self._pixels[1] - self._pixels[0])

    def ticks(self) -> list[tuple[float, str]]:
        """Values and labels of the ticks."""
        if self.log and self._high - self._low >= 1:
            return [(10.0**k, f"10^{k}") for k in range(math.ceil(self._low), math.floor(self._high) + 1)]
        low, high = (10.0**v if self.log else v for v in (self._low, self._high))
        step = 10.0 ** math.floor(math.log10((high - low) / 2))
        step *= next(f for f in (1, 2, 5, 10) if (high - low) / (step * f) <= 6)
        first = math.ceil(low / step)
        return [(k * step, f"{k * step:.6g}") for k in range(first, math.floor(high / step) + 1)]


class Sheet:
    """A frame with axes to draw in."""

    def __init__(self, x: Scale, y: Scale, title: str, labels: tuple[str, str]) -> None:
        self.x, self.y = x, y
        self._image = Image.new("P", SIZE, _WHITE)
        self._image.putpalette(_PALETTE)
        self.draw = ImageDraw.Draw(self._image)
        left, _, right, bottom = _BOX
        self.draw.rectangle(_BOX, outline=_BLACK)
        for value, label in self.x.ticks():
            at = float(self.x.at(value))
            self.draw.line([(at, bottom), (at, bottom - 6)], fill=_BLACK)
            self._label((at - 3 * len(label.replace("^", "")), bottom + 8), label)
        for value, label in self.y.ticks():
            at = float(self.y.at(value))
            self.draw.line([(left, at), (left + 6, at)], fill=_BLACK)
            self._label((left - 8 - 6 * len(label.replace("^", "")), at - 6), label)
        self.draw.text(((left + right) / 2 - 3 * len(labels[0]), bottom + 26), labels[0], fill=_BLACK)
        self.draw.text((4, 6), labels[1], fill=_BLACK)
        self.draw.text(((left + right) / 2 - 3 * len(title), 6), title, fill=_BLACK)

    def _label(self, at: tuple[float, float], label: str) -> None:
        """Write a label; what follows ``^`` is raised, as exponents are."""
        base, _, exponent = label.partition("^")
        self.draw.text(at, base, fill=_BLACK)
        self.draw.text((at[0] + 1 + self.draw.textlength(base), at[1] - 5), exponent, fill=_BLACK)

    @classmethod
    def scales(cls, x: tuple[float, float], y: tuple[float, float], log_x: bool, log_y: bool) -> tuple[Scale, Scale]:
        """Return scales that fill the frame."""
        return Scale(*x, (_BOX[0], _BOX[2]), log_x), Scale(*y, (_BOX[3], _BOX[1]), log_y)

    def crosses(self, points: Points) -> None:
        """Draw points with their errors, limits as arrows that point down."""
        colour = COLOURS.get(points.mode, _BLACK)
        x, left, right = (self.x.at(points.x + shift).tolist() for shift in (0, points.left, points.right))
        y, low, high = (self.y.at(points.y + shift).tolist() for shift in (0, points.down, points.up))
        for k in range(len(x)):
            self.draw.line([(left[k], y[k]), (right[k], y[k])], fill=colour)
            if points.limits:
                tip = y[k] + 14
                self.draw.line([(x[k], y[k]), (x[k], tip)], fill=colour)
                self.draw.line([(x[k] - 3, tip - 4), (x[k], tip), (x[k] + 3, tip - 4)], fill=colour)
            else:
                self.draw.line([(x[k], low[k]), (x[k], high[k])], fill=colour)

    def gif(self) -> bytes:
        """Return the picture."""
        stream = io.BytesIO()
        self._image.save(stream, "GIF")
        return stream.getvalue()


def light_curve(sets: Sequence[Points], mjd: bool, label: str = "Count rate (0.3-10 keV) [count/s]") -> bytes:
    """Draw a light curve: logarithmic where the values span more than a decade. Only finite points are drawn."""
    sets = [points.finite() for points in sets]
    ends = np.concatenate([np.concatenate([p.x + p.left, p.x + p.right]) for p in sets])
    values = np.concatenate([np.concatenate([p.y + p.down, p.y + p.up, p.y]) for p in sets])
    if not len(values):
        ends, values = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    log_x = not mjd and bool(ends.min() > 0 and ends.max() > 10 * ends.min())
    positive = values[values > 0]
    log_y = bool(len(positive) and positive.max() > 10 * positive.min())
    bottom = float(positive.min()) if log_y else float(values.min())
    scales = Sheet.scales((float(ends.min()), float(ends.max())), (bottom, float(values.max())), log_x, log_y)
    words = ("Time [MJD]" if mjd else "Time since T0 [s]", label)
    sheet = Sheet(*scales, "", words)
    for points in sets:
        sheet.crosses(points)
    return sheet.gif()


class Folded(NamedTuple):
    """A spectrum as it is drawn: bounds of the bins, shape (n + 1,) [keV]; rates, shape (n,) [counts/s/keV]."""

    bounds: Floats
    value: Floats
    error: Floats
    model: Floats


def folded(groups: Groups, expected: Floats, seconds: float) -> Folded:
    """Return a spectrum with its folded model, groups joined until each shows some twenty counts.

    Parameters
    ----------
    groups
        Counts that were fitted.
    expected
        Counts of the model in each group.
    seconds
        Good time [s].
    """
    starts = _joined(groups.source, max(20.0, groups.source.sum() / 80))
    bounds = np.append(groups.edges[:-1][starts], groups.edges[-1])
    source, back, model = (np.add.reduceat(values, starts) for values in (groups.source, groups.background, expected))
    scale = seconds * np.diff(bounds)
    error = np.sqrt(source + groups.alpha**2 * back) / scale
    return Folded(bounds, (source - groups.alpha * back) / scale, error, model / scale)


def spectrum(title: str, mode: str, shown: Folded, seconds: float) -> bytes:
    """Draw a spectrum with its folded model; `seconds` of good time say how far down the axis goes."""
    bounds, value, error, model = shown
    middle = np.sqrt(bounds[1:] * bounds[:-1])
    points = Points(mode, False, middle, bounds[1:] - middle, bounds[:-1] - middle, value, error, -error)
    positive = np.concatenate([value[value > 0], model[model > 0], [1e-6 / seconds]])
    span = (max(float(positive.max()) * 1e-4, float(np.sort(positive)[1])), float(positive.max()))
    sheet = Sheet(*Sheet.scales((0.3, 10.0), span, True, True), title, ("Energy [keV]", "counts/s/keV"))
    sheet.crosses(points)
    x, y = sheet.x.at(bounds).tolist(), sheet.y.at(model).tolist()
    for k, level in enumerate(y):
        sheet.draw.line([(x[k], level), (x[k + 1], level)], fill=_GREEN, width=2)
        if k:
            sheet.draw.line([(x[k], y[k - 1]), (x[k], level)], fill=_GREEN, width=2)
    return sheet.gif()


def _joined(counts: Floats, least: float) -> NDArray[np.int64]:
    """First groups of bins that each hold `least` counts; the rest joins the last one."""
    starts = [0]
    held = 0.0
    for k, count in enumerate(counts.tolist()):
        if held >= least:
            starts.append(k)
            held = 0.0
        held += count
    if held < least and len(starts) > 1:
        starts.pop()
    return np.array(starts)
