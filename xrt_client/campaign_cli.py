"""The command `xrt-client`: a campaign from a table of sources.

The table is a CSV file with one column for each parameter, or a TOML file with the same in sections::

    [defaults]                 # for all sources
    centroid = false
    LightCurve = { binMeth = "obsid" }

    [[source]]
    name = "GK Per"
    Spectrum = { hasRedshift = false }

In CSV, parameters of products are written ``LightCurve.binMeth``. A position or target IDs that are missing are worked
out by the service.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
import tomllib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files, wire
from .campaign import Campaign
from .errors import RequestInvalid, XRTError
from .parameters import FORMATS, GLOBALS, KINDS, POSITIONS, SHORT
from .request import XRTProductRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .ledger import Event
    from .parameters import Parameter


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 all done, 1 not all done, 2 invalid input, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except RequestInvalid as error:
        print(f"xrt-client: {error}", file=sys.stderr)
        return 2
    except XRTError as error:
        print(f"xrt-client: {error}\nRun the same command again to continue.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; run the same command again to continue.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    """Run the campaign and write its summary; return the exit code.

    Fails before anything is sent if the summary or the plot cannot be written at the end.
    """
    for file in (options.json, options.plot):
        if file and not Path(file).parent.is_dir():
            raise RequestInvalid(f"{file} cannot be written: there is no folder {Path(file).parent}; make it first")
    if options.plot and find_spec("matplotlib") is None:
        raise RequestInvalid("--plot needs matplotlib; install it with: pip install 'xrt-mock[analysis]'")
    requests = [request_of(source, options.user) for source in read_sources(Path(options.sources), options.set)]
    with _Progress(len(requests)) as progress:
        campaign = Campaign(
            options.user,
            requests,
            out=options.out,
            state=options.state,
            max_active=options.max_active,
            form=options.format,
            extract=options.extract,
            retries=options.retries,
            budget_s=None if options.hours is None else options.hours * 3600,
            on_event=progress,
        )
        summary = campaign.run()
    print(summary.as_json() if options.json == "-" else summary)
    if options.json not in (None, "-"):
        with files.local(Path(options.json)):
            Path(options.json).write_text(summary.as_json() + "\n", encoding="utf-8")
    if options.plot:
        with files.local(Path(options.plot)):
            summary.plot(options.plot)
    return 0 if summary.done == summary.sources else 1


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="xrt-client",
        description="Make Swift-XRT products.",
        epilog="example:\n  xrt-client campaign sources.csv --user me@example.org",
        formatter_class=raw,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    campaign = commands.add_parser(
        "campaign",
        help="make products of many sources, a few at a time",
        description="Make products of many sources, a few at a time. Run it again to continue.",
        epilog="examples:\n  xrt-client campaign sources.csv --user me@example.org\n"
        "  xrt-client campaign sources.toml --user me@example.org --json - --hours 8\n\n"
        "exit code: 0 all done, 1 not all done, 2 invalid input, 130 interrupted",
        formatter_class=raw,
    )
    add = campaign.add_argument
    add("sources", metavar="SOURCES", help="CSV or TOML file with sources and products")
    add("--user", required=True, metavar="EMAIL", help="your registered e-mail address")
    add("--out", default="data", metavar="FOLDER", help="folder for the products (default: data)")
    add("--state", metavar="FILE", help="ledger of the campaign (default: campaign.jsonl in FOLDER)")
    add("--max-active", type=int, default=5, metavar="N", help="maximum of jobs queued or running (default: 5)")
    add("--format", choices=FORMATS, default="tar.gz", help="format of the archives (default: tar.gz)")
    add("--extract", action="store_true", help="unpack the archives too")
    add("--retries", type=int, default=1, metavar="N", help="retries of failed products (default: 1)")
    add("--hours", type=float, metavar="H", help="stop after H hours; run again to continue")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="set a parameter of all sources")
    add("--json", metavar="FILE", help="write the summary as JSON; -: print it instead of the text")
    add("--plot", metavar="FILE", help="plot active jobs against time (needs the analysis extra)")
    return parser


# ---- the table -------------------------------------------------------------------------------------------------


def read_sources(file: Path, settings: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return the parameters of each source, by name as in the columns of CSV.

    Parameters
    ----------
    settings
        ``NAME=VALUE`` for all sources that have no other value in the file.
    """
    common: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise RequestInvalid(f"--set {setting}: write NAME=VALUE")
        common[name] = value
    text = _text_of(file)
    if file.suffix == ".toml":
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RequestInvalid(f"{file} is not TOML: {error}") from error
        common |= _flat(table.get("defaults", {}))
        rows = [_flat(row) for row in table.get("source", ())]
    else:
        rows = list(_rows_of(file, text))
    if not rows:
        raise RequestInvalid(f"{file} has no sources: write one line or one [[source]] for each")
    return [{**common, **row} for row in rows]


def _text_of(file: Path) -> str:
    """Return the text of a file in UTF-8 or UTF-16, without a byte order mark."""
    try:
        content = file.read_bytes()
        text = content.decode("utf-16" if content[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig")
        if "\0" not in text:
            return text
        place = text.index("\0")
    except UnicodeDecodeError as error:
        place = error.start
    except OSError as error:
        raise RequestInvalid(f"{file}: {error.strerror}; see xrt-client campaign --help") from error
    advice = "save it as UTF-8, in Excel as `CSV UTF-8`"
    raise RequestInvalid(f"{file} is neither UTF-8 nor UTF-16 (byte {place}); {advice}")


def _rows_of(file: Path, text: str) -> Iterator[dict[str, Any]]:
    """Yield the cells of each line of CSV that are not empty, by column.

    Columns may be separated by commas, semicolons or tabs; a first line such as ``sep=;`` (Excel) says by which.
    Where they are not separated by commas, numbers may have a decimal comma.
    """
    first, _, rest = text.partition("\n")
    if said := re.fullmatch(r"sep=(.)\r?", first):
        separator, text, line = said[1], rest, 2
    else:
        separator, line = max(",;\t", key=first.count), 1
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        columns = [name.strip() for name in next(lines, [])]
        if twice := [name for name in columns if name and columns.count(name) > 1]:
            raise RequestInvalid(f"{file} has two columns {twice[0]}: remove one")
        numeric = {name for name in columns if (parameter := _parameter_of(name)) and float in parameter.types}
        decimal = numeric if separator != "," else ()
        for cells in lines:
            if any(cell.strip() for cell in cells[len(columns) :]):
                where = f"{file}, line {lines.line_num + line - 1}"
                raise RequestInvalid(f"{where} has {len(cells)} cells, but there are {len(columns)} columns")
            row = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()}
            if row:
                yield {
                    name: cell.replace(",", ".")
                    if name in decimal and cell.count(",") == 1 and "." not in cell
                    else cell
                    for name, cell in row.items()
                }
    except csv.Error as error:
        raise RequestInvalid(f"{file}, line {lines.line_num + line - 1} is not CSV: {error}") from error


def _parameter_of(name: str) -> Parameter | None:
    """Return the parameter of a column, such as ``RA`` or ``LightCurve.binMeth``; None if there is no such one."""
    product, dot, inner = name.rpartition(".")
    if not dot:
        return GLOBALS.find(name) or POSITIONS.on_wire(name)
    if product not in SHORT:
        return None
    kind = KINDS[SHORT[product]]
    return kind.table.find(inner) or (POSITIONS.find(inner) if kind.positional else None)


def _flat(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section of TOML with the parameters of products as ``Product.name``."""
    flat: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, dict):
            flat[f"{name}."] = ""  # requests the product even if it has no parameters
            flat |= {f"{name}.{inner}": v for inner, v in value.items()}
        else:
            flat[name] = value
    return flat


def request_of(source: Mapping[str, Any], user: str) -> XRTProductRequest:
    """Return the request for one source; RequestInvalid if a parameter is not valid."""
    request = XRTProductRequest(user)
    products: dict[str, dict[str, Any]] = {}
    for name, value in source.items():
        product, dot, inner = name.partition(".")
        if dot:
            products.setdefault(product, {}).update({inner: value} if inner else {})
        else:
            request.setGlobalPars(**_typed_keyword(name, value))
    for product, pars in products.items():
        if product not in SHORT:
            known = ", ".join(kind.long for kind in KINDS.values())
            raise RequestInvalid(f"{source.get('name')}: there is no product {product}; there are {known}")
        request.addProduct(product)
        for name, value in pars.items():
            request.setProductPars(product, **_typed_keyword(f"{product}.{name}", value))
    held = request.globalPars
    if "RA" not in held or "Dec" not in held:
        request.setGlobalPars(getCoords=True)
    if "targ" not in held:
        request.setGlobalPars(getTargs=True)
    request.setGlobalPars(centroid=held.get("centroid", False), useSXPS=held.get("useSXPS", False))
    return request


def _typed_keyword(name: str, value: Any) -> dict[str, Any]:
    """Return a keyword argument, with the value converted to the type of the parameter if it is text."""
    if (parameter := _parameter_of(name)) is None:
        raise RequestInvalid(f"there is no parameter {name}")
    keyword = name.rpartition(".")[2]
    if not isinstance(value, str):
        return {keyword: value}
    try:
        return {keyword: wire.read_value(parameter, value.strip())}
    except ValueError as error:
        expected = f"one of {', '.join(parameter.allowed)}" if parameter.allowed else parameter.types[0].__name__
        if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", value.strip()):
            expected += " with a decimal point, or a table whose columns are separated by semicolons"
        raise RequestInvalid(f"{name} is {value!r}, but must be {expected} ({parameter.about})") from error


class _Progress:
    """Line of progress on a terminal."""

    def __init__(self, sources: int) -> None:
        self._counts = {"sources": sources, "done": 0, "accepted": 0, "saved": 0, "given up": 0}
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print(file=sys.stderr)

    def __call__(self, event: Event) -> None:
        kind = "given up" if event.kind == "refused" else event.kind
        if kind in self._counts:
            self._counts[kind] += 1
        if self._shown:
            c = self._counts
            text = (
                f"{c['done']}/{c['sources']} done, {c['accepted']} jobs, {c['saved']} saved, {c['given up']} given up"
            )
            print(f"\r{text}", end="", file=sys.stderr, flush=True)
