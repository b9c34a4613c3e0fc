"""Commands of the kit: ``verify`` for servers, ``contract`` for the documents.

They are subcommands of ``xrt-mock``; ``python -m contracts`` has only these.
"""

from __future__ import annotations

import difflib
import fnmatch
import gc
import itertools
import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click
import requests
import yaml

from . import compare, documents, lint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .harness import Backend, Exchange
    from .provider import Verdict
    from .report import Cause

_MOST_CAUSES = 60
"""Causes that are printed; JSON has all."""
REAL_HOST = "www.swift.ac.uk"
_SERVER, _ASKED_FOR, _MOST_UNMET = (
    "server",
    ("operation", "request", "parameter", "answer", "example", "status code"),
    8,
)
"""The side of a check in the matrix of coverage, the groups that a check asks for, and how many of each are printed."""
_FILE = click.File("w", encoding="utf-8")  # opened at once, so that an unwritable file is reported before any call
LIVE_PAUSE_S = 12.0
"""Pause between two calls to the real service [s]: it asks for at most one status query in 10 s (documented)."""


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def main(context: click.Context) -> None:
    """Check servers and clients against the contract of the XRT product generator.

    \b
    Example:
      python -m contracts verify http://127.0.0.1:8000
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


@main.command()
@click.argument("target")
@click.option("--examples", default=5, show_default=True, type=click.IntRange(1), help="Generated calls per operation.")
@click.option(
    "--seed", type=int, help="Seed of the generated calls (1 by default) and of the users' addresses (else random)."
)
@click.option("--questions-only", is_flag=True, help="Send only the fixed questions, no generated calls.")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Ask only these questions, without generated calls; * stands for any text. Can be repeated.",
)
@click.option(
    "--live",
    is_flag=True,
    help="The target is the real service: two read-only calls, 12 s apart, after a confirmation.",
)
@click.option("--user", help="Your own registered address; required with --live.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the questions and findings as JUnit XML.")
@_JSON
def verify(
    target: str,
    examples: int,
    seed: int | None,
    questions_only: bool,
    only: tuple[str, ...],
    live: bool,
    user: str | None,
    junit: TextIO | None,
    as_json: bool,
) -> None:
    """Check a server against the contract. TARGET is a base URL, or module:app.

    The report begins with what users of the server would notice, followed by one line for each cause and by what could
    not be seen. A run uses users of its own where it can, and leaves no unfinished job behind.
    Exit code: 0 without findings, 1 with findings, 2 if the server could not be called.

    \b
    Examples:
      xrt-mock verify http://127.0.0.1:8000
      xrt-mock verify mypackage.fake:app --questions-only
      xrt-mock verify mypackage.fake:app --only "*cancel*"
    """
    if live or REAL_HOST in target:
        _verify_live(target, live=live, user=user)
    _collect_rarely()
    from . import coverage, harness, probes, report  # noqa: PLC0415 - they load werkzeug

    backend, names, seen = _backend(target), _chosen(only), coverage.Coverage()
    generate = not questions_only and not only
    see = seen.watcher(_SERVER)
    with _calling(target, "questions", see) as count:
        if not as_json:
            click.echo(_expected(backend, len(names), examples if generate else 0), err=True)
        mark = "" if seed is None else f"seed{seed}"
        exam = probes.examine(backend, probes=names, watch=count, mark=mark)
    found = list(exam.findings)
    generated: dict[str, Any] = {}
    if generate and not exam.silent:
        app = backend.app if isinstance(backend, harness.WsgiBackend) else None
        verdict = _send_generated(backend, app, target, 1 if seed is None else seed, examples, see)
        found += verdict.findings.values()
        generated = {"calls": sum(verdict.cases.values()), "warnings": verdict.warnings}
    causes = report.causes(found, exam.absent)
    result = {
        "questions": sum(exam.asked.values()),
        "operations": len(exam.asked),
        "in_short": probes.everyday.in_short(exam.findings),
        "findings": [asdict(cause) for cause in causes],
        "not_seen": exam.not_seen,
        "not_met": [f"{cell.group} {cell.name}" for cell in seen.gaps([_SERVER]) if cell.group in _ASKED_FOR],
        "generated": generated,
    }
    if junit is not None:
        junit.write(report.junit(names, found, exam.not_seen))
    click.echo(json.dumps(result, indent=2)) if as_json else _print_result(result, causes)
    raise SystemExit(1 if causes or generated.get("warnings") else 0)


def _collect_rarely() -> None:
    """Look for garbage every 200,000 objects until the command ends; docs/tricks.md says what this saves."""
    click.get_current_context().call_on_close(partial(gc.set_threshold, *gc.get_threshold()))
    gc.set_threshold(200_000)


def _chosen(only: tuple[str, ...]) -> list[str]:
    """Return the questions with these names or patterns; all if there are none."""
    from . import probes  # noqa: PLC0415 - it loads werkzeug

    chosen = [name for name in probes.PROBES if not only or any(fnmatch.fnmatchcase(name, each) for each in only)]
    for pattern in only:
        if not fnmatch.filter(probes.PROBES, pattern):
            close = difflib.get_close_matches(pattern, probes.PROBES, 3, 0.3)
            raise click.UsageError(f"no question is called {pattern!r}; similar names: {', '.join(close) or 'none'}")
    return chosen


_CALLS_OF_A_QUESTION, _COVERAGE_CALLS, _CALLS_OF_AN_EXAMPLE, _OWN_WORK_S = 14, 950, 27, 0.01
"""Calls of a question on average, generated calls whatever the examples, more for each, and our work for a call."""


def _expected(backend: Backend, questions: int, examples: int) -> str:
    """Return how many calls will be made, and about how long they take, by the time of a few."""
    calls = questions * _CALLS_OF_A_QUESTION + (_COVERAGE_CALLS + _CALLS_OF_AN_EXAMPLE * examples if examples else 0)
    took_s = []
    for _ in range(4):
        began = time.perf_counter()
        backend.call("POST", documents.operation("getNumJobs").path, {"UserID": "user@example.org"})
        took_s.append(time.perf_counter() - began)
    each_s = sum(took_s[1:]) / 3 + _OWN_WORK_S  # a server may load much before its first answer
    return f"about {calls} calls, about {max(1, round(calls * each_s))} s"


class _NoAnswer(click.ClickException):
    """There is no server to call."""

    exit_code = 2


def _backend(target: str) -> Backend:
    """Return the server at a URL, or in a module that may be in the current folder."""
    from . import harness  # noqa: PLC0415 - it loads werkzeug

    sys.path.insert(0, os.getcwd())
    try:
        return harness.backend(target)
    except (ModuleNotFoundError, AttributeError) as error:
        raise click.UsageError(
            f"{target} cannot be loaded: {error}; write the base URL of a server, or module:app"
        ) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def _calling(target: str, label: str, see: Callable[[Exchange], None]) -> Iterator[Callable[[Exchange], None]]:
    """Pass exchanges on, and count them on a terminal alone; say what to do without a server."""
    shown, numbers = sys.stderr.isatty(), itertools.count(1)

    def count(exchange: Exchange) -> None:
        see(exchange)
        if shown:
            click.echo(f"\r{label}: {next(numbers)} calls", nl=False, err=True)

    try:
        yield count
    except requests.ConnectionError as error:
        raise _NoAnswer(f"no server answers at {target}; start a server there, such as: xrt-mock serve") from error
    finally:
        if shown:
            click.echo(err=True)


def _print_result(result: dict[str, Any], causes: list[Cause]) -> None:
    """Print what users would notice, the causes (green if there are none), and what was not seen."""
    if result["in_short"]:
        click.echo("In short:\n" + "\n".join(f"  * {sentence}" for sentence in result["in_short"]) + "\n")
    head = f"{result['questions']} questions to {result['operations']} operations"
    if result["generated"]:
        head += f" and {result['generated']['calls']} generated calls"
    click.secho(f"{head}: {len(causes)} kinds of findings", fg="red" if causes else "green")
    for cause in causes[:_MOST_CAUSES]:
        click.echo(f"- {cause}")
    if len(causes) > _MOST_CAUSES:
        click.echo(f"- and {len(causes) - _MOST_CAUSES} more; --json has all")
    for warning in result["generated"].get("warnings", ()):
        click.secho(f"could not be checked: {warning}", fg="red")
    reasons: dict[str, list[str]] = {}
    for name, reason in result["not_seen"].items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        click.echo(f"not seen, because {reason}: {', '.join(names)}")
    for group in _ASKED_FOR:
        unmet = [name.removeprefix(f"{group} ") for name in result["not_met"] if name.startswith(f"{group} ")]
        if unmet:
            shown = ", ".join(unmet[:_MOST_UNMET]) + (
                f" and {len(unmet) - _MOST_UNMET} more; --json has all" * (len(unmet) > _MOST_UNMET)
            )
            click.echo(f"not met, because no call led to it ({group}): {shown}")


def _send_generated(
    backend: Backend, app: Any, target: str, seed: int, examples: int, see: Callable[[Exchange], None]
) -> Verdict:
    """Send generated calls, and cancel the jobs that they made."""
    from . import provider  # noqa: PLC0415 - it loads schemathesis
    from .history import History  # noqa: PLC0415 - loaded when needed
    from .protocol import PRODUCTS  # noqa: PLC0415 - loaded when needed

    history, seen = History(), 0

    def cancel(newest: int) -> None:
        """Cancel the jobs that have not ended, but for the newest ones: a short queue answers faster."""
        nonlocal seen
        numbers = list(history.jobs)[seen:]
        for number in numbers[: max(0, len(numbers) - newest)]:
            seen += 1
            if not history.jobs[number].finished:
                body = {"UserID": history.jobs[number].owner, "JobID": number, "what": ",".join(PRODUCTS)}
                history.observe(backend.call("POST", documents.operation("canceljob").path, body))

    with _calling(target, "generated", see) as count:
        verdict = provider.run(
            app,
            url=None if app else target,
            seed=seed,
            examples=examples,
            phases=("coverage", "fuzzing", "stateful"),  # the coverage has the documented examples, too
            watch=count,
            history=history,
            tick=lambda: cancel(_NEWEST_JOBS),
        )
        cancel(0)
    return verdict


_NEWEST_JOBS = 20
"""Jobs that generated calls leave running, so that they find each other's."""


def _verify_live(target: str, *, live: bool, user: str | None) -> NoReturn:
    """Check the real service with two read-only calls, after a confirmation, and end the command."""
    if not live or not user:
        raise click.UsageError(f"{REAL_HOST} is the real service: add --live and --user with your own address")
    from . import checks, harness  # noqa: PLC0415 - loaded when needed

    calls = ("getNumJobs", "listOldJobs")
    click.echo(
        f"This will send {len(calls)} requests to {target} as {user}, {LIVE_PAUSE_S:.0f} s apart, and change nothing:"
    )
    for name in calls:
        click.echo(f'  POST {documents.operation(name).path} {{"UserID": "{user}"}}')
    click.confirm("Send them?", abort=True)
    service = harness.HttpBackend(target, before=_pacer(LIVE_PAUSE_S))
    made = [service.call("POST", documents.operation(name).path, {"UserID": user}) for name in calls]
    found = [finding for exchange in made for finding in checks.findings(exchange)]
    click.echo(harness.first_lines(found) if found else "Both answers keep the contract.")
    raise SystemExit(1 if found else 0)


def _pacer(pause_s: float, sleep: Callable[[float], Any] = time.sleep) -> Callable[[], None]:
    """Return a function that waits until `pause_s` after its last call."""
    lock, called = threading.Lock(), [False]

    def wait() -> None:
        with lock:
            if called[0]:
                sleep(pause_s)
            called[0] = True

    return wait


@main.group()
def contract() -> None:
    """Check, compare and measure the contract itself.

    \b
    Examples:
      xrt-mock contract lint
      xrt-mock contract diff old.yaml new.yaml
      xrt-mock contract coverage http://127.0.0.1:8000 --html matrix.html
    """


@contract.command("lint")
@_JSON
def lint_command(as_json: bool) -> None:
    """Check the documents and the evidence ledger.

    Exit code: 0 if they are in order, 1 if not.

    \b
    Example:
      xrt-mock contract lint
    """
    found = lint.problems()
    if as_json:
        click.echo(json.dumps({"problems": found}, indent=2))
    else:
        click.secho("\n".join(found) if found else "The documents are in order.", fg="red" if found else "green")
    raise SystemExit(1 if found else 0)


@contract.command("diff")
@click.argument("old", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_JSON
def diff_command(old: Path, new: Path, as_json: bool) -> None:
    """List the changes between two documents, and the side that each breaks.

    A body shows each change. What is not understood is listed, effect unknown.
    Exit code: 0 if no change breaks clients or servers, 1 otherwise.

    \b
    Example:
      xrt-mock contract diff old.yaml new.yaml
    """
    found = compare.changes(_read_document(old), _read_document(new))
    broken = sorted({change.breaks for change in found} - {compare.NOTHING})
    if as_json:
        click.echo(json.dumps({"breaks": broken, "changes": [asdict(change) for change in found]}, indent=2))
    else:
        click.echo(compare.render(found))
    raise SystemExit(1 if broken else 0)


def _read_document(file: Path) -> dict[str, Any]:
    try:
        found = documents.parse_yaml(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} is neither YAML nor JSON: {error}") from error
    if not isinstance(found, dict) or "paths" not in found:
        raise click.UsageError(f"{file} is no OpenAPI document: it has no `paths`")
    return found


@contract.command("coverage")
@click.argument("target")
@click.option("--html", "page", type=_FILE, metavar="FILE", help="Write the matrix as a page.")
@click.option("--json", "data", type=_FILE, metavar="FILE", help="Write the matrix as JSON; - prints only that.")
def coverage_command(target: str, page: TextIO | None, data: TextIO | None) -> None:
    """Send the fixed questions to TARGET and print how much of the contract they exercise.

    \b
    Examples:
      xrt-mock contract coverage http://127.0.0.1:8000 --html matrix.html
      xrt-mock contract coverage mypackage.fake:app --json -
    """
    from . import coverage, probes  # noqa: PLC0415 - loaded when needed

    seen, backend = coverage.Coverage(), _backend(target)
    with _calling(target, "questions", seen.watcher("provider")) as count:
        probes.examine(backend, watch=count)
    if data is None or data.name != "<stdout>":
        click.echo(seen.as_text())
        for cell in seen.gaps(["provider"]):
            click.echo(f"not exercised: {cell.group} {cell.name}")
    if page is not None:
        page.write(seen.as_html())
    if data is not None:
        data.write(seen.as_json())


@contract.command("check")
@click.argument("recording", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to-ledger", is_flag=True, help="Print the entries of the ledger that the recording supports.")
@_JSON
def check_command(recording: Path, to_ledger: bool, as_json: bool) -> None:
    """Check a RECORDING against the contract, and every rule of the ledger against it.

    Each rule was seen, contradicted, not met, or is not visible in exchanges, with the reason.

    Exit code: 0 if nothing contradicts, 1 otherwise.

    \b
    Example:
      xrt-mock contract check session.jsonl
    """
    from . import observed, report  # noqa: PLC0415 - loaded when needed
    from . import recording as recordings  # noqa: PLC0415 - loaded when needed

    try:
        findings, verdicts = observed.check(recordings.read(recording))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    causes = report.causes(findings)
    if as_json:
        found = {"findings": [asdict(c) for c in causes], "rules": [asdict(v) for v in verdicts]}
        click.echo(json.dumps(found, indent=2))
    elif to_ledger:
        click.echo("\n".join(v.proposal() for v in verdicts if v.state == observed.SEEN))
    else:
        for verdict in verdicts:
            wrong = verdict.state == observed.CONTRADICTED
            shown = verdict.exchange if wrong else f"because {verdict.reason}" if verdict.reason else ""
            words = f"{verdict.state:13} {verdict.id:4} {verdict.rule}" + (f"\n    {shown}" if shown else "")
            click.secho(words, fg="red" if wrong else None)
        for cause in causes:
            click.secho(f"- {cause}", fg="red")
        count = {state: sum(1 for v in verdicts if v.state == state) for state in observed.STATES}
        click.echo(", ".join(f"{number} {state}" for state, number in count.items()) + f", {len(causes)} findings")
    raise SystemExit(1 if causes or any(v.state == observed.CONTRADICTED for v in verdicts) else 0)


@contract.command("export")
@click.argument("file", type=_FILE)
@click.option("--plain", is_flag=True, help="JSON labels, one label for each body, no links: for other tools.")
@click.option("--server", metavar="URL", help="Base URL of the server, instead of the service's.")
def export_command(file: TextIO, plain: bool, server: str | None) -> None:
    """Write the service's document, its examples inline, as JSON into FILE; - prints it.

    \b
    Examples:
      xrt-mock contract export --plain plain.json
      xrt-mock contract export --plain --server http://127.0.0.1:8000 plain.json
    """
    from . import export  # noqa: PLC0415 - loaded when needed

    document = export.plain(server) if plain else dict(documents.load())
    if server is not None and not plain:
        document["servers"] = [{"url": server}]
    json.dump(document, file, indent=1)
    file.write("\n")
