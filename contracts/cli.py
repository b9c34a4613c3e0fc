"""The commands of the kit: ``verify`` a server, and look at the ``contract`` itself.

They are subcommands of ``xrt-mock``; ``python -m contracts`` offers them alone.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
import requests
import yaml

from . import compare, documents, lint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .checks import Finding
    from .harness import Backend

REAL_HOST = "www.swift.ac.uk"
_FILE = click.File("w", encoding="utf-8")  # opened at once: what cannot be written is said before anything is asked
LIVE_PAUSE_S = 12.0
"""Between two calls to the real service: it asks for at most one status query in 10 s (documented)."""


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
@click.option(
    "--examples", default=10, show_default=True, type=click.IntRange(1), help="Generated calls per operation."
)
@click.option("--seed", default=1, show_default=True, help="Key of all chance.")
@click.option("--questions-only", is_flag=True, help="Ask the fixed questions; generate nothing.")
@click.option(
    "--live", is_flag=True, help="The target is the real service: read only, one call in 12 s, after a question."
)
@click.option("--user", help="Your own registered address; needed with --live.")
@_JSON
def verify(
    target: str, examples: int, seed: int, questions_only: bool, live: bool, user: str | None, as_json: bool
) -> None:
    """Check a server that claims to be the service: TARGET is a base URL, or module:app.

    What users of the server would notice comes first, in short; then every finding with its call.
    Exit code: 0 if nothing was found, 1 if something was, 2 if nothing could be asked.

    \b
    Examples:
      xrt-mock verify http://127.0.0.1:8000
      xrt-mock verify mypackage.fake:app --questions-only
    """
    if live or REAL_HOST in target:
        _verify_live(target, live=live, user=user)
        return
    from . import harness, probes, provider  # noqa: PLC0415 - they load schemathesis

    backend = _backend(target)
    with _calling(target, "questions") as count:
        exam, asked = probes.examine(backend, watch=count), provider.Verdict()
    for finding in exam.findings:
        asked.add(finding)
    told: dict[str, Any] = {
        "questions": sum(exam.asked.values()),
        "operations": len(exam.asked),
        "in_short": probes.everyday.in_short(exam.findings),
        "findings": [_plain(finding) for finding in asked.findings.values()],
        "not_asked": exam.left_out,
    }
    if not as_json:
        _tell_in_short(told["in_short"], left_out=len(exam.left_out))
        _tell(f"{told['questions']} questions to {told['operations']} operations", list(asked.findings.values()))
    if exam.left_out and not as_json:
        click.echo(f"not asked, for want of the control interface: {', '.join(exam.left_out)}")
    failed = bool(asked.findings)
    if not questions_only and not exam.silent:
        app = backend.app if isinstance(backend, harness.WsgiBackend) else None
        with _calling(target, "generated") as count:
            verdict = provider.run(app, url=None if app else target, seed=seed, examples=examples, watch=count)
        failed = failed or not verdict.ok
        told["generated"] = {
            "calls": sum(verdict.cases.values()),
            "findings": [_plain(finding) for finding in verdict.findings.values()],
            "warnings": verdict.warnings,
        }
        if not as_json:
            click.secho(str(verdict), fg=None if verdict.ok else "red")
    if as_json:
        click.echo(json.dumps(told, indent=2))
    raise SystemExit(1 if failed else 0)


class _NobodyAnswers(click.ClickException):
    """There is no server to ask."""

    exit_code = 2


def _backend(target: str) -> Backend:
    """Return the server at an address, or in a module that the folder we are in may hold."""
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
def _calling(target: str, label: str) -> Iterator[Callable[[object], None]]:
    """Count calls on a terminal, and nowhere else; say what to do if nobody answers."""
    shown, numbers = sys.stderr.isatty(), itertools.count(1)

    def count(_exchange: object) -> None:
        if shown:
            click.echo(f"\r{label}: {next(numbers)} calls", nl=False, err=True)

    try:
        yield count
    except requests.ConnectionError as error:
        raise _NobodyAnswers(f"nobody answers at {target}; start a server there, such as: xrt-mock serve") from error
    finally:
        if shown:
            click.echo(err=True)


def _plain(finding: Finding) -> dict[str, str]:
    return {"rule": finding.rule, "operation": finding.operation, "words": finding.words}


def _tell_in_short(sentences: list[str], *, left_out: int) -> None:
    """Say what users of the server would notice, and what nobody looked for."""
    if sentences and left_out:
        reason = "the control interface, with which a server's clock is moved, is not there"
        sentences = [*sentences, f"How jobs get on with time was not looked at: {reason}."]
    if sentences:
        click.echo("In short:\n" + "\n".join(f"  * {sentence}" for sentence in sentences) + "\n")


def _tell(head: str, found: list[Finding]) -> None:
    """Print what was found: green if nothing."""
    from . import harness  # noqa: PLC0415 - it loads werkzeug

    click.secho(f"{head}: {len(found)} kinds of findings", fg="red" if found else "green")
    click.echo(harness.first_lines(found, most=60))


def _verify_live(target: str, *, live: bool, user: str | None) -> None:
    """Look at the real service with two read-only calls, after saying so."""
    if not live or not user:
        raise click.UsageError(f"{REAL_HOST} is the real service: give --live and your own --user, and be considerate")
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
    click.echo(harness.first_lines(found) if found else "Both answers are what the contract says.")
    raise SystemExit(1 if found else 0)


def _pacer(pause_s: float, sleep: Callable[[float], Any] = time.sleep) -> Callable[[], None]:
    """Return a function that lets at least `pause_s` pass between two calls of it."""
    lock, called = threading.Lock(), [False]

    def wait() -> None:
        with lock:
            if called[0]:
                sleep(pause_s)
            called[0] = True

    return wait


@main.group()
def contract() -> None:
    """Look at the contract itself.

    \b
    Examples:
      xrt-mock contract lint
      xrt-mock contract diff old.yaml new.yaml
      xrt-mock contract coverage http://127.0.0.1:8000 --html matrix.html
    """


@contract.command("lint")
@_JSON
def lint_command(as_json: bool) -> None:
    """Say what is not in order in the documents and the evidence ledger.

    Exit code: 0 if all is in order, 1 if not.

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
    """Say what changed between two documents, and whom it breaks.

    Exit code: 0 if it breaks nobody, 1 if it does.

    \b
    Example:
      xrt-mock contract diff old.yaml new.yaml
    """
    found = compare.changes(_document(old), _document(new))
    broken = sorted({change.breaks for change in found} - {"nobody"})
    if as_json:
        click.echo(json.dumps({"breaks": broken, "changes": [asdict(change) for change in found]}, indent=2))
    else:
        click.echo(compare.render(found))
    raise SystemExit(1 if broken else 0)


def _document(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
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
    """Ask TARGET the fixed questions and show how much of the contract they touch.

    \b
    Examples:
      xrt-mock contract coverage http://127.0.0.1:8000 --html matrix.html
      xrt-mock contract coverage mypackage.fake:app --json -
    """
    from . import coverage, probes  # noqa: PLC0415 - loaded when needed

    seen, backend = coverage.Coverage(), _backend(target)
    with _calling(target, "questions") as count:
        watch = seen.watcher("provider")
        probes.examine(backend, watch=lambda exchange: (watch(exchange), count(exchange)))
    if data is None or data.name != "<stdout>":
        click.echo(seen.as_text())
        for cell in seen.gaps(["provider"]):
            click.echo(f"not exercised: {cell.group} {cell.name}")
    if page is not None:
        page.write(seen.as_html())
    if data is not None:
        data.write(seen.as_json())
