"""Asks a server fixed questions: what an examination is, and how it goes.

The questions themselves stand in the other modules of this package, which register them with :func:`probe`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from .. import checks, documents, harness
from ..bodies import OWNER
from ..checks import PRODUCTS, Finding, succeeded
from ..harness import JSON
from ..history import History

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


@dataclass
class Examination:
    """A backend being asked, and what was noticed.

    Parameters
    ----------
    backend
        Who answers.
    history
        Memory of the calls.
    """

    backend: Backend
    history: History
    findings: list[Finding] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    watch: Callable[[Exchange], object] | None = None
    probe: str = ""
    silent: bool = False
    """Whether a call got no answer at all; that ends the examination."""
    stop_early: bool = False

    def call(self, path: str, body: Any = None, method: str = "POST", label: str = JSON) -> Exchange:
        """Ask, and let the rules look."""
        made = self.backend.call(method, path, body, label=label)
        if not path.startswith("/_mock"):
            self.asked[documents.operation_for(method, path) or "nowhere"] += 1
            self.findings += [*checks.findings(made), *self.history.observe(made)]
            if self.watch is not None:
                self.watch(made)
        return made

    def ask(self, name: str, body: Any = None, **more: Any) -> Exchange:
        """Ask an operation below user_objects, as the owner unless `body` says otherwise."""
        request = {"UserID": OWNER, **(body or {}), **more}
        return self.call(f"{ROOT}{name}.php", {key: value for key, value in request.items() if value is not ...})

    def get(self, path: str) -> Exchange:
        """Fetch a page or a file."""
        return self.call(path, None, "GET")

    def expect(self, true: object, words: str, exchange: Exchange | None = None) -> None:
        """Note what is wrong unless `true`."""
        if not true:
            operation = documents.operation_for(exchange.method, exchange.path) if exchange else None
            self.findings.append(Finding(self.probe, operation or "", words, str(exchange or "")))

    def refusal(self, exchange: Exchange, words: str, text: str | None = None) -> None:
        """Expect a refusal, with `text` if it is documented."""
        body = exchange.body if isinstance(exchange.body, dict) else {}
        self.expect(exchange.status == 200 and body.get("OK") == 0, f"{words} was not refused in JSON", exchange)
        if text is not None and body.get("OK") == 0:
            self.expect(body.get("ERROR") == text, f"{words}: ERROR is {body.get('ERROR')!r}, not {text!r}", exchange)

    def submit(self, body: Mapping[str, Any]) -> int:
        """Submit a request that the service must take; returns the JobID, or 0 if it did not."""
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
        """Move service time."""
        self.backend.call("POST", "/_mock/clock/advance", {"seconds": seconds})
        self.history.time_moved()

    def change(self, **settings: Any) -> None:
        """Change the scenario; two underscores stand for the dot."""
        self.backend.call("PATCH", "/_mock/scenario", {key.replace("__", "."): v for key, v in settings.items()})

    @property
    def has_control(self) -> bool:
        """Whether the server has the simulator's control interface."""
        body = self.backend.call("GET", "/_mock/health").body
        return isinstance(body, dict) and body.get("status") == "ok"


PROBES: dict[str, tuple[Callable[[Examination], None], bool, bool]] = {}
"""By name: the function, whether it needs the control interface, whether it needs contents of products."""


def probe(*, control: bool = False, contents: bool = False) -> Callable[[Any], Any]:
    """Register a question."""

    def register(function: Callable[[Examination], None]) -> Callable[[Examination], None]:
        PROBES[function.__name__] = (function, control, contents)
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
        Shown every exchange.
    stop_early
        Whether to stop at the first finding.
    """
    backend = target if hasattr(target, "call") else harness.backend(target)
    exam = Examination(backend, History(complete=False, still=True), watch=watch, stop_early=stop_early)
    try:
        control = exam.has_control
    except requests.ReadTimeout as error:  # it listens, and says nothing; whom nobody can reach is the caller's mistake
        exam.expect(False, f"It gives no answer: {error}. Nothing was asked.")
        exam.silent = True
        return exam
    for name in PROBES if probes is None else probes:
        function, needs_control, _contents = PROBES[name]
        exam.probe = name
        if needs_control and not control:
            exam.left_out.append(name)
            continue
        if control:
            backend.call("POST", "/_mock/reset")
            exam.history = History(complete=True, still=True)
        try:
            function(exam)
        except OSError as error:
            exam.expect(False, f"It gives no answer: {error}. Nothing more was asked.")
            exam.silent = True
            break
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            exam.expect(False, f"an answer lacks what the next question needs: {error!r}")
        if stop_early and exam.findings:
            break
    return exam
