"""Generator of DIFFERENCES.md from the evidence ledger: differences between service, documentation and simulator.

``python -m contracts.differences`` writes the file; a test asserts that it is up to date.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from . import documents

EVIDENCE = {
    "documented": "published documentation of the service or client",
    "client": "what the official client sends or needs",
    "field": "seen in files and answers of the service, or in programs, that others published",
    "assumed": "not published; the project chose",
}
_TITLES = {
    "field": "Known from published files, answers and programs",
    "choice": "Not published: what the project chose",
    "contradiction": "Where published sources disagree",
    "client": "Where the official client differs from its documentation",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule of the ledger, and how it is known.

    Parameters
    ----------
    id
        Short and stable: U for a choice, C for a contradiction, J for the official client.
    kind
        ``field``, ``choice``, ``contradiction`` or ``client``.
    subject, rule
        What the rule is about, and what contract and simulator do.
    evidence
        A key of :data:`EVIDENCE`.
    source
        What is known, and from where.
    where
        The place in the contract: ``schemas/NAME``, ``operations/ID`` or ``info``.
    """

    id: str
    kind: str
    subject: str
    rule: str
    evidence: str
    source: str
    where: str


def ledger() -> list[Entry]:
    """Return the entries of ``evidence/ledger.toml`` in their order."""
    return [Entry(**entry) for entry in tomllib.loads(documents.source("evidence/ledger.toml"))["entry"]]


def render(entries: list[Entry]) -> str:
    counts = Counter(entry.evidence for entry in entries)
    lines = [
        "# Differences between service, documentation and simulator",
        "",
        "Generated from `contracts/evidence/ledger.toml` by `python -m contracts.differences`; do not edit.",
        "",
        "| evidence | meaning | rules |",
        "|---|---|---|",
        *(f"| {name} | {meaning} | {counts[name]} |" for name, meaning in EVIDENCE.items()),
    ]
    for kind, title in _TITLES.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| no. | subject | the rule here | evidence | what is known | in the contract |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        for entry in entries:
            if entry.kind == kind:
                cells = (entry.id, entry.subject, entry.rule, entry.evidence, entry.source, f"`{entry.where}`")
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write DIFFERENCES.md beside this module."""
    Path(__file__).with_name("DIFFERENCES.md").write_text(render(ledger()), encoding="utf-8")


if __name__ == "__main__":
    main()
