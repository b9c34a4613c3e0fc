"""The commands of the kit: ``verify`` a server, and look at the ``contract`` itself.

They are subcommands of ``xrt-mock``; ``python -m contracts`` offers them alone.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from . import compare, documents, lint

if TYPE_CHECKING:
    from collections.abc import Callable

REAL_HOST = "www.swift.ac.uk"
LIVE_PAUSE_S = 12.0
"""Between two calls to the real service: it asks for at most one status query in 10 s (documented)."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Check servers and clients against the contract of the XRT product generator."""


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
def verify(target: str, examples: int, seed: int, questions_only: bool, live: bool, user: str | None) -> None:
    """Check a server that claims to be the service: TARGET is a base URL, or module:app.

    \b
    Examples:
      xrt-mock verify http://127.0.0.1:8000
      xrt-mock verify mypackage.fake:app --questions-only
    """
    if live or REAL_HOST in target:
        _verify_live(target, live=live, user=user)
        return
    from . import harness, probes, provider  # noqa: PLC0415 - they load schemathesis

    exam, asked = probes.examine(target), provider.Verdict()
    for finding in exam.findings:
        asked.add(finding)
    found = asked.findings.values()
    click.echo(f"{sum(exam.asked.values())} questions to {len(exam.asked)} operations: {len(found)} kinds of findings")
    click.echo(harness.first_lines(found, most=60))
    if exam.left_out:
        click.echo(f"not asked, for want of the control interface: {', '.join(exam.left_out)}")
    failed = bool(found)
    if not questions_only:
        backend = harness.backend(target)
        app = backend.app if isinstance(backend, harness.WsgiBackend) else None
        verdict = provider.run(app, url=None if app else target, seed=seed, examples=examples)
        click.echo(str(verdict))
        failed = failed or not verdict.ok
    raise SystemExit(1 if failed else 0)


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
    """Look at the contract itself."""


@contract.command("lint")
def lint_command() -> None:
    """Say what is not in order in the documents and the evidence ledger."""
    found = lint.problems()
    click.echo("\n".join(found) if found else "The documents are in order.")
    raise SystemExit(1 if found else 0)


@contract.command("diff")
@click.argument("old", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def diff_command(old: Path, new: Path) -> None:
    """Say what changed between two documents, and whom it breaks. Exit code 1 if it breaks anybody."""
    found = compare.changes(*(yaml.safe_load(path.read_text(encoding="utf-8")) for path in (old, new)))
    click.echo(compare.render(found))
    raise SystemExit(1 if any(change.breaks != "nobody" for change in found) else 0)


@contract.command("coverage")
@click.argument("target")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write the matrix as a page.")
@click.option("--json", "data", type=click.Path(dir_okay=False, path_type=Path), help="Write the matrix as JSON.")
def coverage_command(target: str, page: Path | None, data: Path | None) -> None:
    """Ask TARGET the fixed questions and show how much of the contract they touch."""
    from . import coverage, probes  # noqa: PLC0415 - loaded when needed

    seen = coverage.Coverage()
    probes.examine(target, watch=seen.watcher("provider"))
    click.echo(seen.as_text())
    for cell in seen.gaps(["provider"]):
        click.echo(f"not exercised: {cell.group} {cell.name}")
    if page is not None:
        page.write_text(seen.as_html(), encoding="utf-8")
    if data is not None:
        data.write_text(seen.as_json(), encoding="utf-8")
