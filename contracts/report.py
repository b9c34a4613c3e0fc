"""Report of a check of a server: findings by cause, what to do about each, and what was not seen. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .checks import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .checks import Finding

_TO_DO = {
    "answer_is_documented": "change the answer at this place",
    "label_is_documented": "send the answer with that Content-Type: clients read JSON under the label of a page",
    "server_does_not_fail": "look into the server's log for this call",
    "wrong_requests_are_refused": "refuse such a request: HTTP status 200, OK 0 and the reason in ERROR",
    "history": "compare what the server keeps of a job with what it answers about it",
    "absent": "add the operation; the questions about it can be answered only then",
}
"""What the one who runs the server can do about findings of a rule."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Findings of one cause.

    Parameters
    ----------
    words
        What is wrong.
    rule
        Name of the rule that was broken.
    operations
        Operation IDs; empty if the findings belong to none.
    times
        Number of findings.
    example
        One call and its answer.
    to_do
        What to change in the server.
    """

    words: str
    rule: str
    operations: tuple[str, ...]
    times: int
    example: str
    to_do: str

    def __str__(self) -> str:
        shown = ", ".join(self.operations[:3]) + (f" and {len(self.operations) - 3} more" * (len(self.operations) > 3))
        where = f"{shown}: " if shown else ""
        often = f" ({self.times} times)" if self.times > 1 else ""
        example = f"\n    for example: {self.example}" if self.example else ""
        return f"{where}{self.words}{often} [{self.rule}]\n    to do: {self.to_do}{example}"


def causes(findings: Iterable[Finding], absent: Mapping[str, int] | None = None) -> list[Cause]:
    """Return findings by cause: absent operations first, then the most frequent.

    Parameters
    ----------
    findings
        All findings, in the order of the calls.
    absent
        HTTP status of each operation that the server does not have; findings about these are left out.
    """
    absent = absent or {}
    grouped: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.operation not in absent:
            rule, _operation, words = kind_of(finding)
            grouped[rule, words].append(finding)
    found = [
        Cause(f"the server does not have it: every call was answered with HTTP {status}", "absent", (name,), 1, "",
              _TO_DO["absent"])
        for name, status in absent.items()
    ]  # fmt: skip
    for (rule, _words), alike in grouped.items():
        operations = tuple(dict.fromkeys(finding.operation for finding in alike if finding.operation))
        to_do = _TO_DO.get(rule, "answer such a call as the sentence says")
        found.append(Cause(alike[0].words, rule, operations, len(alike), alike[0].exchange, to_do))
    return sorted(found, key=lambda cause: (cause.rule != "absent", -cause.times))


def junit(asked: Iterable[str], findings: Iterable[Finding], not_seen: Mapping[str, str]) -> str:
    """Return an examination as JUnit XML: a test case for each question, and one for each rule with findings.

    Parameters
    ----------
    asked
        Names of the questions.
    findings
        Findings; each belongs to the question or the rule that it names.
    not_seen
        Questions without an answer, with the reason.
    """
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[finding.rule].append(finding)
    names = list(dict.fromkeys([*asked, *found]))
    suite = ET.Element("testsuite", name="xrt-mock verify", tests=str(len(names)), failures=str(len(found)))
    suite.set("skipped", str(len(not_seen)))
    for name in names:
        case = ET.SubElement(suite, "testcase", classname="contract", name=name)
        if name in found:
            failure = ET.SubElement(case, "failure", message=_printable(found[name][0].words))
            failure.text = _printable("\n".join(str(cause) for cause in causes(found[name])))
        elif name in not_seen:
            ET.SubElement(case, "skipped", message=not_seen[name])
    return ET.tostring(suite, encoding="unicode") + "\n"


def _printable(text: str) -> str:
    """Return text without the control characters that XML forbids."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
