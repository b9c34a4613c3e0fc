"""What a rule and a finding are, and which rules there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import documents
from ..protocol import succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..harness import Exchange

    Check = Callable[[str, Exchange], Iterator[str]]
    """From operation ID and exchange to sentences about what is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Parameters
    ----------
    rule
        Name of the rule that was broken.
    operation
        Operation ID; empty if the call belongs to none.
    words
        What is wrong.
    exchange
        The call, as text.
    """

    rule: str
    operation: str
    words: str
    exchange: str = ""

    def __str__(self) -> str:
        where = f"{self.operation}: " if self.operation else ""
        return f"{where}{self.words} [{self.rule}]" + (f"\n    {self.exchange}" if self.exchange else "")


@dataclass(frozen=True, slots=True)
class Rule:
    """A check of one exchange.

    Parameters
    ----------
    check
        The check.
    operations
        Operation IDs that it is about; empty for all.
    successes_only
        Whether it is about successful answers to a JSON object only.
    """

    check: Check
    operations: tuple[str, ...]
    successes_only: bool

    def applies(self, operation: str, *, success: bool) -> bool:
        """Whether the rule is about such an exchange."""
        return (success or not self.successes_only) and (not self.operations or operation in self.operations)


RULES: list[Rule] = []


def rule(*operations: str, successes_only: bool = False) -> Callable[[Check], Check]:
    """Register a check; the parameters are those of :class:`Rule`."""

    def register(check: Check) -> Check:
        RULES.append(Rule(check, operations, successes_only))
        return check

    return register


def findings(exchange: Exchange) -> list[Finding]:
    """Return what is wrong with one call and its answer."""
    operation = documents.operation_for(exchange.method, exchange.path)
    if operation is None:
        return []
    success = succeeded(exchange) and isinstance(exchange.request, dict)
    found, unread = [], []
    for each in RULES:
        if each.applies(operation, success=success):
            name = each.check.__name__
            try:
                found += [Finding(name, operation, words, str(exchange)) for words in each.check(operation, exchange)]
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                words = "the answer has another form than documented, so the rule could not be checked"
                unread.append(Finding(name, operation, words, str(exchange)))
    return found or unread


def distinct(found: Iterable[Finding]) -> list[Finding]:
    """Return the first finding of each kind: of the same rule and operation, and with the same words but for digits."""
    first: dict[tuple[str, str, str], Finding] = {}
    for finding in found:
        first.setdefault(kind_of(finding), finding)
    return list(first.values())


def kind_of(finding: Finding) -> tuple[str, str, str]:
    """Return rule, operation, and the first line of the words without digits."""
    line = finding.words.split("\n", maxsplit=1)[0]
    return finding.rule, finding.operation, "".join(c for c in line if not c.isdigit())[:120]
