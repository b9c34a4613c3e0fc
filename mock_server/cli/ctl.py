"""``xrt-mock ctl``: the control interface of a running simulator, from the shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

_TIMEOUT_S = 60.0
_NO_SIMULATOR = "use the address that `xrt-mock serve` printed, without a path"


class Remote:
    """Client of the control interface at an address."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = f"{url.rstrip('/')}/_mock"
        host = urlsplit(url).hostname or ""
        self._near = host in ("localhost", "::1") or host.startswith("127.")  # never through a proxy
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return the decoded answer of one call; an error of the simulator ends the command."""
        return self._answer(method, path, body, **query).json()

    def fetch(self, path: str) -> bytes:
        """Return the bytes of one answer; an error of the simulator ends the command."""
        content: bytes = self._answer("GET", path).content
        return content

    def _answer(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        import requests

        try:
            with requests.Session() as session:
                session.trust_env = not self._near
                answer = session.request(
                    method, f"{self._url}/{path}", json=body, params=query, headers=self._headers, timeout=_TIMEOUT_S
                )
        except requests.RequestException as error:
            raise click.ClickException(
                f"there is no answer from {self._url}; start a simulator with: xrt-mock serve"
            ) from error
        if answer.status_code != requests.codes.ok:
            found = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
            raise click.ClickException(
                found.get("error", f"{self._url}/{path} answered {answer.status_code}: {_NO_SIMULATOR}")
            )
        return answer

    def show(self, method: str, path: str, body: Any = None, **query: Any) -> None:
        """Print the answer of one call."""
        click.echo(json.dumps(self.ask(method, path, body, **query), indent=2))


def complete_setting(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the settings whose names start as typed."""
    from ..scenario.settings import SETTINGS

    return [f"{name}=" for name in SETTINGS if name.startswith(typed)]


def complete_fault(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the kinds and operations of faults that start as typed."""
    from ..core.faults import KINDS, OPERATIONS

    known = [*(f"kind={kind}" for kind in KINDS), *(f"operation={name}" for name in OPERATIONS)]
    return [words for words in known if words.startswith(typed)]


@click.group()
@click.option(
    "--url", envvar="XRT_MOCK_URL", default="http://127.0.0.1:8000", show_default=True, help="Address of the simulator."
)
@click.option("--token", envvar="XRT_MOCK_TOKEN", help="Bearer token required by the control interface.")
@click.pass_context
def ctl(context: click.Context, url: str, token: str | None) -> None:
    """Control a running simulator; every answer is JSON.

    \b
    Examples:
      xrt-mock ctl advance 3600
      xrt-mock ctl set limits.active_jobs=10 queue.slots=2
      xrt-mock ctl fault kind=status operation=getNumJobs status=503 times=2
    """
    context.obj = Remote(url, token)


@ctl.command()
@click.pass_obj
def clock(remote: Remote) -> None:
    """Print simulated time.

    \b
    Example:
      xrt-mock ctl clock
    """
    remote.show("GET", "clock")


@ctl.command()
@click.argument("seconds", type=float)
@click.pass_obj
def advance(remote: Remote, seconds: float) -> None:
    """Advance simulated time by SECONDS.

    \b
    Example:
      xrt-mock ctl advance 3600
    """
    remote.show("POST", "clock/advance", {"seconds": seconds})


@ctl.command()
@click.pass_obj
def scenario(remote: Remote) -> None:
    """Print the settings in force.

    \b
    Example:
      xrt-mock ctl scenario
    """
    remote.show("GET", "scenario")


@ctl.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="NAME=VALUE...", shell_complete=complete_setting)
@click.pass_obj
def change(remote: Remote, settings: Sequence[str]) -> None:
    """Change settings from now on.

    \b
    Examples:
      xrt-mock ctl set limits.active_jobs=10 queue.slots=2
      xrt-mock ctl set service.available=false
    """
    remote.show("PATCH", "scenario", read_pairs(settings))


@ctl.command()
@click.argument("rule", nargs=-1, required=True, metavar="KEY=VALUE...", shell_complete=complete_fault)
@click.pass_obj
def fault(remote: Remote, rule: Sequence[str]) -> None:
    """Plan a fault.

    \b
    Example:
      xrt-mock ctl fault kind=status operation=getNumJobs status=503 times=2
    """
    remote.show("POST", "faults", read_pairs(rule))


@ctl.command()
@click.option("--clear", is_flag=True, help="Delete all planned faults.")
@click.pass_obj
def faults(remote: Remote, clear: bool) -> None:
    """List the planned faults, with how often each was triggered.

    \b
    Examples:
      xrt-mock ctl faults
      xrt-mock ctl faults --clear
    """
    remote.show("DELETE" if clear else "GET", "faults")


@ctl.command()
@click.option("--operation", help="Only calls of this operation.")
@click.option("--user", help="Only calls of this user.")
@click.option("--job", type=int, help="Only calls about this job.")
@click.option("--limit", type=int, help="Maximum number of calls; the newest are printed.")
@click.pass_obj
def journal(remote: Remote, /, **wanted: Any) -> None:
    """Print the calls so far.

    \b
    Example:
      xrt-mock ctl journal --operation run_userobject --limit 10
    """
    remote.show("GET", "journal", **{name: value for name, value in wanted.items() if value is not None})


@ctl.command()
@click.pass_obj
def report(remote: Remote) -> None:
    """Print the courtesy report.

    \b
    Example:
      xrt-mock ctl report
    """
    remote.show("GET", "report")


@ctl.command()
@click.argument("address")
@click.pass_obj
def user(remote: Remote, address: str) -> None:
    """Register and confirm an e-mail ADDRESS.

    \b
    Example:
      xrt-mock ctl user me@example.org
    """
    remote.show("POST", "users", {"email": address})


@ctl.command()
@click.argument("file", type=click.File("w", encoding="utf-8"))
@click.pass_obj
def save(remote: Remote, file: TextIO) -> None:
    """Save the whole state in FILE, as JSON.

    \b
    Example:
      xrt-mock ctl save monday.json
    """
    json.dump(remote.ask("GET", "state"), file, indent=1)
    file.write("\n")


@ctl.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(remote: Remote, file: Path) -> None:
    """Write a copy of the running simulator's database to FILE.

    \b
    A server can start from it: xrt-mock serve --db sqlite:///FILE.
    PostgreSQL is backed up by its own program, pg_dump.

    \b
    Example:
      xrt-mock ctl backup monday.sqlite
    """
    copy, part = remote.fetch("backup"), file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(copy)
        part.replace(file)  # an earlier copy stays until this one is whole
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}; choose another FILE") from error


@ctl.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.pass_obj
def load(remote: Remote, file: TextIO) -> None:
    """Restore the state saved in FILE.

    Several simulators can continue from one file.

    \b
    Example:
      xrt-mock ctl load monday.json
    """
    try:
        state = json.load(file)
    except ValueError as error:
        raise click.ClickException(
            f"{file.name} is not JSON ({error}); use a file that `xrt-mock ctl save` wrote"
        ) from error
    remote.show("PUT", "state", state)


@ctl.command()
@click.pass_obj
def reset(remote: Remote) -> None:
    """Delete all jobs, changes, calls and users.

    \b
    Example:
      xrt-mock ctl reset
    """
    remote.show("POST", "reset")


@ctl.command()
@click.pass_obj
def health(remote: Remote) -> None:
    """Check that the simulator answers.

    \b
    Examples:
      xrt-mock ctl health
      xrt-mock ctl --url http://127.0.0.1:8001 health
    """
    remote.show("GET", "health")


def read_pairs(texts: Sequence[str]) -> dict[str, Any]:
    """Read ``name=value``: values are JSON if they can be, else texts; versions are always texts."""
    pairs: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{text!r} has no `=`: write NAME=VALUE, such as limits.active_jobs=10")
        try:
            pairs[name] = value if name.endswith("version") else json.loads(value)  # 1.10 is not a number
        except ValueError:
            pairs[name] = value
    return pairs
