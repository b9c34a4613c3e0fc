"""``xrt-mock ctl``: the control interface of a running simulator, from the shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

_TIMEOUT_S = 60.0
_NO_SIMULATOR = "is this the address that `xrt-mock serve` told, without a path?"


class _Remote:
    """The control interface at an address."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = f"{url.rstrip('/')}/_mock"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return the answer of one call, or end with what the simulator said."""
        import requests  # noqa: PLC0415 - `xrt-mock serve` loads this module, too

        try:
            answer = requests.request(
                method, f"{self._url}/{path}", json=body, params=query, headers=self._headers, timeout=_TIMEOUT_S
            )
        except requests.RequestException as error:
            raise click.ClickException(
                f"nobody answers at {self._url}; start a simulator with: xrt-mock serve"
            ) from error
        found = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
        if answer.status_code != requests.codes.ok:
            raise click.ClickException(
                found.get("error", f"{self._url}/{path} answered {answer.status_code}: {_NO_SIMULATOR}")
            )
        return found

    def show(self, method: str, path: str, body: Any = None, **query: Any) -> None:
        """Print the answer of one call."""
        click.echo(json.dumps(self.ask(method, path, body, **query), indent=2))


def _settings(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the name of a setting."""
    from ..scenario.settings import SETTINGS  # noqa: PLC0415 - see above

    return [f"{name}=" for name in SETTINGS if name.startswith(typed)]


def _rules(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the kind of a fault and its operation."""
    from ..core.faults import KINDS, OPERATIONS  # noqa: PLC0415 - see above

    known = [*(f"kind={kind}" for kind in KINDS), *(f"operation={name}" for name in OPERATIONS)]
    return [words for words in known if words.startswith(typed)]


@click.group()
@click.option("--url", envvar="XRT_MOCK_URL", default="http://127.0.0.1:8000", show_default=True, help="The simulator.")
@click.option("--token", envvar="XRT_MOCK_TOKEN", help="What the simulator's control interface wants to see.")
@click.pass_context
def ctl(context: click.Context, url: str, token: str | None) -> None:
    """Steer a running simulator; every answer is JSON.

    \b
    Examples:
      xrt-mock ctl advance 3600
      xrt-mock ctl set limits.active_jobs=10 queue.slots=2
      xrt-mock ctl fault kind=status operation=getNumJobs status=503 times=2
    """
    context.obj = _Remote(url, token)


@ctl.command()
@click.pass_obj
def clock(remote: _Remote) -> None:
    """Tell service time.

    \b
    Example:
      xrt-mock ctl clock
    """
    remote.show("GET", "clock")


@ctl.command()
@click.argument("seconds", type=float)
@click.pass_obj
def advance(remote: _Remote, seconds: float) -> None:
    """Move service time on by SECONDS.

    \b
    Example:
      xrt-mock ctl advance 3600
    """
    remote.show("POST", "clock/advance", {"seconds": seconds})


@ctl.command()
@click.pass_obj
def scenario(remote: _Remote) -> None:
    """Tell the settings in force.

    \b
    Example:
      xrt-mock ctl scenario
    """
    remote.show("GET", "scenario")


@ctl.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="NAME=VALUE...", shell_complete=_settings)
@click.pass_obj
def change(remote: _Remote, settings: Sequence[str]) -> None:
    """Change settings from now on.

    \b
    Examples:
      xrt-mock ctl set limits.active_jobs=10 queue.slots=2
      xrt-mock ctl set service.available=false
    """
    remote.show("PATCH", "scenario", _pairs(settings))


@ctl.command()
@click.argument("rule", nargs=-1, required=True, metavar="KEY=VALUE...", shell_complete=_rules)
@click.pass_obj
def fault(remote: _Remote, rule: Sequence[str]) -> None:
    """Plan a failure.

    \b
    Example:
      xrt-mock ctl fault kind=status operation=getNumJobs status=503 times=2
    """
    remote.show("POST", "faults", _pairs(rule))


@ctl.command()
@click.option("--clear", is_flag=True, help="Forget them all.")
@click.pass_obj
def faults(remote: _Remote, clear: bool) -> None:
    """Tell the planned failures, and how often each fired.

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
@click.option("--limit", type=int, help="Only the newest so many.")
@click.pass_obj
def journal(remote: _Remote, /, **wanted: Any) -> None:
    """Tell the calls so far.

    \b
    Example:
      xrt-mock ctl journal --operation run_userobject --limit 10
    """
    remote.show("GET", "journal", **{name: value for name, value in wanted.items() if value is not None})


@ctl.command()
@click.pass_obj
def report(remote: _Remote) -> None:
    """Tell how considerate the callers were.

    \b
    Example:
      xrt-mock ctl report
    """
    remote.show("GET", "report")


@ctl.command()
@click.argument("address")
@click.pass_obj
def user(remote: _Remote, address: str) -> None:
    """Register and confirm an e-mail ADDRESS.

    \b
    Example:
      xrt-mock ctl user me@example.org
    """
    remote.show("POST", "users", {"email": address})


@ctl.command()
@click.argument("file", type=click.File("w", encoding="utf-8"))
@click.pass_obj
def save(remote: _Remote, file: TextIO) -> None:
    """Write the whole state to FILE as readable text.

    \b
    Example:
      xrt-mock ctl save monday.json
    """
    json.dump(remote.ask("GET", "state"), file, indent=1)
    file.write("\n")


@ctl.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.pass_obj
def load(remote: _Remote, file: TextIO) -> None:
    """Put back the state saved in FILE; several simulators can branch from one file.

    \b
    Example:
      xrt-mock ctl load monday.json
    """
    try:
        state = json.load(file)
    except ValueError as error:
        raise click.ClickException(f"{file.name} is not a state that was saved: {error}") from error
    remote.show("PUT", "state", state)


@ctl.command()
@click.pass_obj
def reset(remote: _Remote) -> None:
    """Forget all jobs, changes, calls and users.

    \b
    Example:
      xrt-mock ctl reset
    """
    remote.show("POST", "reset")


@ctl.command()
@click.pass_obj
def health(remote: _Remote) -> None:
    """Tell whether the simulator answers.

    \b
    Examples:
      xrt-mock ctl health
      xrt-mock ctl --url http://127.0.0.1:8001 health
    """
    remote.show("GET", "health")


def _pairs(texts: Sequence[str]) -> dict[str, Any]:
    """Read ``name=value``; a value that is JSON is taken as such, anything else is a text, and so are versions."""
    pairs: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{text!r} must read NAME=VALUE, such as limits.active_jobs=10")
        try:
            pairs[name] = value if name.endswith("version") else json.loads(value)  # 1.10 is no number
        except ValueError:
            pairs[name] = value
    return pairs
