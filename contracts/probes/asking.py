"""An examination: how fixed questions are registered, sent to a server, and their findings collected.

The other modules of this package hold the questions; they register them with :func:`probe`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from .. import checks, documents, harness
from ..bodies import OWNER
from ..checks import Finding
from ..harness import JSON
from ..history import History
from ..protocol import PRODUCTS, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..harness import Backend, Exchange

ROOT = "/user_objects/"
SUBMIT = ROOT + "run_userobject.php"
STRANGER = "stranger@example.org"
MISSING_LABEL = "The following parameters are needed, but were not supplied:"
INVALID_LABEL = "The following parameters have invalid values:"
ALL = ",".join(PRODUCTS)
HOUR = 3600.0


class _FirstFinding(Exception):  # noqa: N818 - it ends an examination early, and is no error
    pass


@dataclass
class Examination:
    """A backend that is asked, and the findings.

    Parameters
    ----------
    backend
        The server.
    history
        Memory of the calls.
    findings
        What is wrong.
    asked
        Number of calls by operation ID.
    left_out
        Names of questions that need the control interface, which the server does not have.
    watch
        Called with every exchange.
    probe
        Name of the present question.
    silent
        Whether a call got no answer at all; that ends the examination.
    stop_early
        Whether to stop at the first finding.
    """

    backend: Backend
    history: History
    findings: list[Finding] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    watch: Callable[[Exchange], object] | None = None
    probe: str = ""
    silent: bool = False
    stop_early: bool = False

    def call(self, path: str, body: Any = None, method: str = "POST", label: str = JSON) -> Exchange:
        """Send a call, and check the exchange with all rules."""
        made = self.backend.call(method, path, body, label=label)
        if not path.startswith("/_mock"):
            self.asked[documents.operation_for(method, path) or "nowhere"] += 1
            if self.watch is not None:
                self.watch(made)
            self._add(*checks.findings(made), *self.history.observe(made))
        return made

    def _add(self, *findings: Finding) -> None:
        self.findings += findings
        if findings and self.stop_early:
            raise _FirstFinding

    def ask(self, name: str, body: Any = None, **more: Any) -> Exchange:
        """Call an operation below user_objects, as the owner unless `body` says otherwise."""
        request = {"UserID": OWNER, **(body or {}), **more}
        return self.call(f"{ROOT}{name}.php", {key: value for key, value in request.items() if value is not ...})

    def get(self, path: str) -> Exchange:
        """Fetch a page or a file."""
        return self.call(path, None, "GET")

    def expect(self, true: object, words: str, exchange: Exchange | None = None) -> None:
        """Add a finding unless `true`."""
        if not true:
            operation = documents.operation_for(exchange.method, exchange.path) if exchange else None
            self._add(Finding(self.probe, operation or "", words, str(exchange or "")))

    def refusal(self, exchange: Exchange, words: str, text: str | None = None) -> None:
        """Expect a refusal, with `text` if it is documented."""
        body = exchange.body if isinstance(exchange.body, dict) else {}
        self.expect(exchange.status == 200 and body.get("OK") == 0, f"{words} was not refused in JSON", exchange)
        if text is not None and body.get("OK") == 0:
            self.expect(body.get("ERROR") == text, f"{words}: ERROR is {body.get('ERROR')!r}, not {text!r}", exchange)

    def submit(self, body: Mapping[str, Any]) -> int:
        """Submit a request that the service has to accept; returns the JobID, or 0 if it did not."""
        made = self.call(SUBMIT, dict(body))
        self.expect(succeeded(made), "a complete request was refused", made)
        number = str(made.body.get("JobID")) if succeeded(made) else "0"
        self.expect(number.isdigit(), f"the JobID {number!r} is not a number", made)
        return int(number) if number.isdigit() else 0

    def statuses(self, job: int, what: str = ALL, **more: Any) -> dict[str, Any]:
        """Return the status codes of a job by product."""
        body = self.ask("checkProductStatus", JobID=job, what=what, **more).body
        entries = body.items() if isinstance(body, dict) else ()
        return {
            name: entry.get("statusCode") for name, entry in entries if isinstance(entry, dict) and name in PRODUCTS
        }

    def advance(self, seconds: float) -> None:
        """Move simulated time."""
        self.backend.call("POST", "/_mock/clock/advance", {"seconds": seconds})
        self.history.time_moved()

    def change(self, **settings: Any) -> None:
        """Change the scenario; two underscores in a name replace its dot."""
        self.backend.call("PATCH", "/_mock/scenario", {key.replace("__", "."): v for key, v in settings.items()})

    @property
    def has_control(self) -> bool:
        """Whether the server has the simulator's control interface."""
        body = self.backend.call("GET", "/_mock/health").body
        return isinstance(body, dict) and body.get("status") == "ok"

    def run(self, name: str, *, control: bool) -> bool:
        """Ask one question; returns whether to go on.

        Parameters
        ----------
        name
            Key of `PROBES`.
        control
            Whether the server has the control interface.
        """
        question, self.probe = PROBES[name], name
        if question.needs_control and not control:
            self.left_out.append(name)
            return True
        try:
            if control:
                self.backend.call("POST", "/_mock/reset")
                self.history = History(complete=True, still=True)
            question.ask(self)
        except _FirstFinding:
            return False
        except OSError as error:
            self.give_up(f"It gives no answer: {error}. The remaining questions were skipped.")
            return False
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            words = f"an answer lacks what the next question needs: {error!r}"
            self.findings.append(Finding(name, "", words))
        return not (self.stop_early and self.findings)

    def give_up(self, words: str) -> None:
        """Record that the server is silent."""
        self.findings.append(Finding(self.probe, "", words))
        self.silent = True


@dataclass(frozen=True, slots=True)
class Probe:
    """One question.

    Parameters
    ----------
    ask
        Sends the calls and adds findings.
    needs_control
        Whether it needs the control interface.
    """

    ask: Callable[[Examination], None]
    needs_control: bool


PROBES: dict[str, Probe] = {}
"""All questions by name."""


def probe(*, control: bool = False) -> Callable[[Any], Any]:
    """Register a question."""

    def register(function: Callable[[Examination], None]) -> Callable[[Examination], None]:
        PROBES[function.__name__] = Probe(function, control)
        return function

    return register


def examine(
    target: Any,
    *,
    probes: Iterable[str] | None = None,
    watch: Callable[[Exchange], object] | None = None,
    stop_early: bool = False,
) -> Examination:
    """Ask the fixed questions.

    Parameters
    ----------
    target
        A backend, a WSGI app, a base URL, or ``module:name``.
    probes
        Names of questions; default: all.
    watch
        Called with every exchange.
    stop_early
        Whether to stop at the first finding.
    """
    backend = target if hasattr(target, "call") else harness.backend(target)
    exam = Examination(backend, History(complete=False, still=True), watch=watch, stop_early=stop_early)
    try:
        control = exam.has_control
    except requests.ReadTimeout as error:  # it listens but does not answer
        exam.give_up(f"It gives no answer: {error}. All questions were skipped.")
        return exam
    for name in PROBES if probes is None else probes:
        if not exam.run(name, control=control):
            break
    return exam
