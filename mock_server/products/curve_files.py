"""Files of a light curve: names, contents and digits as in real ones (field).

Everything is derived from numbers that were drawn before, and every text is made once for all files that hold it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..core import timescales
from . import photons, qdp
from .curves import RATE_COLUMNS, RATIO_COLUMNS, RATIO_LAYOUT, SYSTEMATIC_COLUMNS, Axis, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from .curves import Curve, Ratio
    from .extraction import Piece, Scene

VARIANTS = tuple((nosys, incbad) for nosys in (False, True) for incbad in (False, True))
"""Without systematic errors or with them, without bins that lack a centroid or with them."""
_BAND_NAMES = ("Err (pos)", "Err(neg)", "Rate", "Error")
_LONGER_COLUMNS = (*RATE_COLUMNS[1:6], "BGrate", "BGerr", "FracExp")
_RATE, _LIMIT = ["%.6e"] * 3, ["%.4e"] * 3
_DETAILS = ["%.6f", "%.6e", "%.6e", "%.6f", "%d", "%.6f", "%.6f", "%.6f", "%.6f"]
_DETAILS_OF_LIMIT = ["%.4f", "%.4e", "%.4e", "%.4f", "%d", "%.4f", "%.4f", "%.4f", "%.4f"]


class Title(NamedTuple):
    """Facts that stand above the tables: target, name of the object, T0 [s, MET], energies [keV]."""

    target: str
    name: str
    t0: float
    band: tuple[float, float]

    @property
    def zero(self) -> str:
        """T0 as text, UT with milliseconds."""
        date = timescales.utc_from_met(self.t0)
        return f"{date:%Y %b %d at %H:%M:%S}.{date.microsecond // 1000:03d} UT"

    def lines(self) -> str:
        """Return the lines above a light curve. Readers look for the ones with T0 and ``BINMODE``, or skip twelve."""
        return (
            f" ! Swift/XRT lightcurve of trigger: {self._number}, name: {self.name}\n"
            f" ! T0 for this burst is Swift MET={self.t0:.4f} s, = {self.zero}\n"
            "\n"
            f" ! Energies: {self.band[0]:g}-{self.band[1]:g} keV\n"
            " ! Columns: time, its error (+ve), its error (-ve),\n"
            " ! count-rate, its error (+ve), its error (-ve)\n"
            " ! Method: Evans et al. 2007 (A&A, 469, 379)\n"
            " ! All numbers are SIMULATED by xrt-mock. The layout is that of\n"
            " ! http://www.swift.ac.uk/xrt_curves/docs.php\n"
            f" ! Real observations, if there are any: http://www.swift.ac.uk/xrt_curves/{self.target}\n"
            " ! BINMODE: \n"
            "\n"
        )

    def lines_of_ratios(self) -> str:
        """Return the two lines above hardness ratios."""
        return (
            f" ! Swift/XRT hardness ratio of trigger: {self._number}, name: {self.name}\n"
            " ! Columns are as labelled. All numbers are SIMULATED by xrt-mock.\n"
        )

    @property
    def _number(self) -> str:
        return self.target.lstrip("0") or "0"


class ModeFiles:
    """Files of one mode, and the blocks that it adds to the files of both.

    Parameters
    ----------
    mode
        ``WT`` or ``PC``.
    curve, ratio
        Rates and limits, and hardness ratios.
    by_parts
        Whether bins are observations or snapshots: these have short tables too.
    """

    def __init__(self, mode: str, curve: Curve, ratio: Ratio, by_parts: bool) -> None:
        self.mode, self._by_parts = mode, by_parts
        self._curve, self._ratio = curve, ratio
        self.has_bad = bool(curve.sums.bad.any() or ratio.bad.any())
        self._axis = curve.axis
        self._times = written(curve.axis.layout(), curve.times)
        self._longer = written(["%.6e", "%.6e", "%.6f"], [*curve.background, curve.exposed])
        self._rows: dict[tuple[bool, bool], tuple[list[str], list[str]]] = {}
        self._ratio_times = written(curve.axis.layout(), ratio.times)

    @property
    def time_name(self) -> str:
        """Name of the column of time."""
        return "MJD" if self._axis.mjd else "Time"

    def _values(self, limits: bool, nosys: bool) -> tuple[list[str], list[str]]:
        """Return rates with their errors, and the rest of the detailed tables, for the digits of rates or limits."""
        nosys = nosys and self._curve.factors is not None and not limits
        if (limits, nosys) not in self._rows:
            columns: list[Any] = self._curve.columns(nosys)
            details = _DETAILS_OF_LIMIT if limits else _DETAILS
            if self._curve.factors is not None and not limits and not nosys:
                columns, details = [*columns, *self._curve.factors], [*details, "%.6f", "%.6f"]
            self._rows[limits, nosys] = (
                written(_LIMIT if limits else _RATE, columns[:3]),
                written(details, columns[3:]),
            )
        return self._rows[limits, nosys]

    def block(
        self, limits: bool, nosys: bool, incbad: bool, *, longer: bool = False, marked: bool = False
    ) -> list[str]:
        """Return the rows of rates or limits for files of both modes."""
        parts: list[Sequence[str]] = [self._times, self._values(limits, nosys)[0]]
        if longer:
            parts.append(self._longer)
        if marked and self._curve.obsids is not None:
            parts.append([f"!::ObsID={obsid}" for obsid in self._curve.obsids])
        return _joined(parts, self._curve.chosen(limits, incbad))

    def blocks(self, nosys: bool, incbad: bool, *, longer: bool = False, marked: bool = False) -> Iterator[Any]:
        """Yield rates and limits: the lines above them, and their rows. Limits have no line with names (field)."""
        names = qdp.name_line([self.time_name, *(_LONGER_COLUMNS if longer else RATE_COLUMNS[1:6])])
        for limits, above in ((False, f"! {self.mode} data\n{names}"), (True, f"! {self.mode} upper limits\n")):
            yield above, self.block(limits, nosys, incbad, longer=longer, marked=marked)

    def ratio_blocks(self, incbad: bool) -> Iterator[tuple[str, list[str]]]:
        """Yield hard rates, soft rates and ratios: the lines above them, and their rows."""
        names = qdp.name_line([self.time_name, *_BAND_NAMES])
        which, obsids = self._ratio.chosen(incbad), self._ratio.obsids
        for words, at in (("hard data", 0), ("soft data", 3), ("hardness ratio", 6)):
            parts: list[Sequence[str]] = [
                self._ratio_times,
                written(["%.6f", "%.6f"], self._ratio.columns[at : at + 2]),
            ]
            if obsids is not None:
                parts.append([f"!::ObsID={obsid}" for obsid in obsids])
            yield f"! {self.mode} -- {words}\n{names}", _joined(parts, which)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files that hold this mode alone; some are empty."""
        for incbad in (False, True)[: 1 + self.has_bad]:
            bad = "_incbad" * incbad
            limits, ratios = self.detailed(True, False, incbad), self.detailed_ratio(incbad)
            short = rates = b""
            for nosys in (False, True):
                word = "NOSYS" * nosys
                if not nosys or self._curve.factors is not None:  # else both are the same
                    rates = self.detailed(False, nosys, incbad)
                    if self._by_parts:
                        short = qdp.document(qdp.BOTH_ERRORS, self.blocks(nosys, incbad, marked=True))
                yield f"{self.mode}{word}{bad}.qdp", short
                yield f"{self.mode}CURVE{word}{bad}.qdp", rates
                yield f"{self.mode}UL{word}{bad}.qdp", limits
                yield f"{self.mode}HR{word}{bad}.qdp", ratios
            if self._axis.mjd:  # the same in seconds (assumed: real files of this name were listed, not opened)
                yield f"{self.mode}CURVE_MET{bad}.qdp", self.detailed(False, False, incbad, seconds=True)
                yield f"{self.mode}UL_MET{bad}.qdp", self.detailed(True, False, incbad, seconds=True)
                yield f"{self.mode}HR{bad}_MET.qdp", self.detailed_ratio(incbad, seconds=True)
            for stem, longer in (("PLOT", False), ("PLOT2", True)):
                rows = self.block(True, False, incbad, longer=longer)
                yield f"{stem}{self.mode}UL{bad}.qdp", qdp.document(qdp.BOTH_ERRORS, [("", rows)])
        if self.mode == "WT":
            yield "wt_sys_plot.qdp", self.systematics()

    def detailed(self, limits: bool, nosys: bool, incbad: bool, *, seconds: bool = False) -> bytes:
        """Write all columns of rates or limits. The observation stands behind the names of limits (field)."""
        curve = self._curve
        times, time_name = self._times, self.time_name
        if seconds:
            axis = Axis(self._axis.t0, mjd=False)
            times, time_name = written(axis.layout(), axis.columns(curve.sums.arrival, curve.bins)), "Time"
        names = [time_name, *RATE_COLUMNS[1:]]
        if curve.factors is not None and not nosys and not limits:
            names += SYSTEMATIC_COLUMNS
        parts: list[Sequence[str]] = [times, *self._values(limits, nosys)]
        if curve.obsids is not None:
            parts.append([f"::ObsID={obsid}" for obsid in curve.obsids])
            names += [] if limits else ["ObsID"]
        return qdp.document(qdp.DETAILED, [(qdp.name_line(names), _joined(parts, curve.chosen(limits, incbad)))])

    def detailed_ratio(self, incbad: bool, *, seconds: bool = False) -> bytes:
        """Write all columns of hardness ratios."""
        ratio = self._ratio
        times, time_name = self._ratio_times, self.time_name
        if seconds:
            axis = Axis(self._axis.t0, mjd=False)
            times, time_name = written(axis.layout(), axis.columns(ratio.arrival, ratio.bins)), "Time"
        names = [time_name, *RATIO_COLUMNS[1:]]
        parts: list[Sequence[str]] = [times, written(RATIO_LAYOUT, ratio.columns)]
        if ratio.obsids is not None:
            parts.append([f"::ObsID={obsid}" for obsid in ratio.obsids])
            names.append("Obsid")
        return qdp.document(qdp.DETAILED_RATIO, [(qdp.name_line(names), _joined(parts, ratio.chosen(incbad)))])

    def systematics(self) -> bytes:
        """Write the systematic factors of all rates (assumed: a real file of this name was listed, not opened)."""
        curve = self._curve
        head = qdp.SINGLE_ERROR.splitlines(keepends=True)[0] + qdp.name_line(
            [self.time_name, *RATE_COLUMNS[1:3], *SYSTEMATIC_COLUMNS]
        )
        rows = written(["%.6f", "%.6f"], curve.factors or ())
        body = "".join(f"{row}\n" for row in _joined([self._times, rows], curve.chosen(False, incbad=True)))
        return (head + body).encode("ascii")


def all_files(modes: Mapping[str, ModeFiles], title: Title) -> dict[str, bytes]:
    """Return all text files by name; those without a row are left out."""
    found: dict[str, bytes] = {}
    if not modes:
        return found
    has_bad = any(mode.has_bad for mode in modes.values())
    for nosys, incbad in VARIANTS:
        if incbad and not has_bad:
            continue
        word, bad = "_nosys" * nosys, "_incbad" * incbad
        for stem, longer in (("curve", False), ("curve2", True)):
            blocks = [
                block for mode in modes.values() for block in mode.blocks(nosys, incbad, longer=longer, marked=nosys)
            ]
            text = qdp.document(title.lines() + qdp.BOTH_ERRORS, blocks)
            found |= {f"{stem}{word}{bad}.qdp": text, f"{stem}_plot{word}{bad}.qdp": text}
    for incbad in (False, True)[: 1 + has_bad]:
        ratios = [block for mode in modes.values() for block in mode.ratio_blocks(incbad)]
        text = qdp.document(title.lines_of_ratios() + qdp.SINGLE_ERROR, ratios)
        found |= {f"hardrat{kind}{'_incbad' * incbad}.qdp": text for kind in ("", "_nosys", "_plot", "_nosys_plot")}
    for mode in modes.values():
        found |= dict(mode.files())
    return {name: text for name, text in found.items() if text}


def centroids(scene: Scene, extracted: Mapping[str, Sequence[Piece]]) -> bytes:
    """Return ``lcgen.log``: the centroid of each observation, where one was wanted, and the file it is of.

    Readers take the second line after ``Centroid output``, and the fifth after the name of a tool (field).
    """
    lines = ["This log is simulated: no tool was run."]
    for mode, pieces in extracted.items():
        first = {piece.observation.obsid: piece for piece in reversed(pieces)}
        for obsid, piece in sorted(first.items()):
            if scene.centroid_within is not None:
                lines += ["", f"Centroid output of {mode} data:", "", "No source centroid found"]
                if not piece.bad:
                    whole = scene.whole[obsid, piece.snapshot.number, mode]
                    offset = photons.tracker_offset(scene.seed, piece.observation, whole)
                    found = photons.unprojected((scene.source.ra, scene.source.dec), *offset)
                    lines[-1] = f"{found[0]:.5f} {found[1]:.5f}"
            file = f"sw{obsid}x{mode.lower()}w{3 if mode == 'PC' else 2}po_cl.evt"
            lines += ["Running 'xrtinstrmap_0.3.5'", "", "", "", "", f"Event file: {file}"]
    return ("\n".join(lines) + "\n").encode("ascii")


def _joined(parts: Sequence[Sequence[str]], which: NDArray[Any]) -> list[str]:
    """Join the columns of the chosen rows by tabs."""
    return ["\t".join(cells) for cells, taken in zip(zip(*parts, strict=True), which.tolist(), strict=True) if taken]
