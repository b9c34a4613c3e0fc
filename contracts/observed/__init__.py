"""What a recording says about the rules of the ledger: seen, contradicted, not met, or beyond what exchanges can show.

`registry` has the memory and the registration, `wire` what holds for all answers, `submissions` what holds for
parameters, `lives` for statuses and archives, `results` for contents, and `unseen` the rules that no exchange can show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .. import checks, documents
from ..checks import Finding, echoes
from ..differences import ledger
from ..history import History
from ..protocol import succeeded
from . import lives, results, submissions, unseen, wire
from .registry import TESTS, UNSEEN, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..recording import Recorded

__all__ = ["CONTRADICTED", "NOT_MET", "NOT_VISIBLE", "SEEN", "STATES", "TESTS", "UNSEEN", "Verdict", "check"]
__all__ += ["lives", "results", "submissions", "unseen", "wire"]

SEEN, CONTRADICTED, NOT_MET, NOT_VISIBLE = "seen", "contradicted", "not met", "not visible"
STATES = (SEEN, CONTRADICTED, NOT_MET, NOT_VISIBLE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a recording says about one rule.

    Parameters
    ----------
    id
        Of the rule in the ledger.
    rule
        The rule, in words.
    state
        ``seen``, ``contradicted``, ``not met``, or ``not visible`` if no exchange can show it.
    exchange
        The call that shows it, as text.
    at
        When [s since 1970-01-01 UTC]; 0 if it was not met.
    reason
        Why no exchange can show it.
    """

    id: str
    rule: str
    state: str
    exchange: str = ""
    at: float = 0.0
    reason: str = ""

    def proposal(self) -> str:
        """Return the lines to write into the ledger for a rule that was seen."""
        day = datetime.fromtimestamp(self.at, UTC).date().isoformat()
        return f'# {self.id}: {self.rule}\nevidence = "observed"\nsource = "a recorded session of {day}"\n'


def check(recorded: Sequence[Recorded]) -> tuple[list[Finding], list[Verdict]]:
    """Return what breaks the contract in a recording, and for each rule of the ledger what it says about it.

    Parameters
    ----------
    recorded
        The exchanges, in the order of the wire.
    """
    history, session, findings = History(), Session(recorded), []
    states: dict[str, tuple[str, Recorded]] = {}
    for made in recorded:
        exchange = made.exchange
        operation = documents.operation_for(exchange.method, exchange.path) or "nowhere"
        has_content = not (isinstance(exchange.body, bytes) and not exchange.body)
        findings += [f for f in checks.findings(exchange) if has_content or f.rule != "archives_unpack"]
        findings += history.observe(exchange) if has_content else []
        if operation == "run_userobject" and succeeded(exchange):
            findings += [
                Finding("defaults", operation, words, str(exchange)) for words in echoes.other_defaults(exchange)
            ]
        session.begin(made)
        for rule, state in _judged(operation, made, session):
            if states.get(rule, (SEEN,))[0] != CONTRADICTED:
                states[rule] = (state, made)
        session.end(operation)
    verdicts = []
    for entry in ledger():
        if entry.id in states:
            state, made = states[entry.id]
            verdicts.append(Verdict(entry.id, entry.rule, state, str(made.exchange), made.at))
        elif entry.id in UNSEEN:
            verdicts.append(Verdict(entry.id, entry.rule, NOT_VISIBLE, reason=UNSEEN[entry.id]))
        else:
            verdicts.append(Verdict(entry.id, entry.rule, NOT_MET))
    return findings, verdicts


def _judged(operation: str, made: Recorded, session: Session) -> list[tuple[str, str]]:
    """Return the rules that one exchange shows or contradicts."""
    found = []
    for rule, tests in TESTS.items():
        for test in tests:
            try:
                holds = test(operation, made.exchange, session)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                holds = None  # another form than documented, which is a finding of its own
            if holds is not None:
                found.append((rule, SEEN if holds else CONTRADICTED))
    return found
