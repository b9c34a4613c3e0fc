"""What counts as broken: each oracle compares a life with that in the calm world and yields findings. Pure.

A program may fail loudly in bad weather: an exit code and a job that it names are honest. Silence is broken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, NamedTuple

from .life import RETRIEVALS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .life import Call, JobFacts, Life

SUBMIT, POLL = "run_userobject", "checkProductStatus"
_TROUBLE = re.compile(
    r"fail|error|exception|\bnot\b|\bno\b|n't|lost|g[ai]ve[ns]? up|giving up|missing|skip|unfinished|refus|"
    r"expired|time[d -]*out|could|cannot|unable|stuck|left|late\b|without|unknown|problem|broken|incomplete|bad|abort|"
    r"pending|postpone|abandon|cancel|reject|invalid|dropp|unreachable|corrupt|partial|warn|stopp",
    re.IGNORECASE,
)
_NO_JOB = ("line ", "column ", "char ", "attempt ", "errno ", "error ", "code ", "status ", "-")
_NUMBER = re.compile("".join(f"(?<!{before})" for before in _NO_JOB) + r"(?<![\d.])\d+(?!\d|\.\d)", re.IGNORECASE)
"""A number that may be a job's: JobIDs begin with 1, and so do the lines and attempts of messages."""
_FAST_POLLS = 5  # in a row: one quick look after another call is no habit
_PATIENCE_FAILS = {"stuck", "product-failed", "failures", "retention", "unresolved", "refuse"}


class Finding(NamedTuple):
    """One way in which a program broke.

    Parameters
    ----------
    oracle
        Name of the oracle.
    words
        What the program does, such as ``submits GRB 060729 twice``.
    where
        The user's lines to blame, the innermost first; empty if none is known.
    """

    oracle: str
    words: str
    where: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two findings the same: the oracle and the lines."""
        return (self.oracle, *self.where)


@dataclass(frozen=True)
class Rules:
    """Options of the oracles.

    Parameters
    ----------
    at_most
        Most active jobs that are allowed; None: as many as the service takes.
    poll_s
        Shortest interval between two looks at one job [s].
    strict
        Whether a program must succeed wherever patience suffices.
    off
        Names of oracles that are switched off.
    """

    at_most: int | None = None
    poll_s: float = 10.0
    strict: bool = False
    off: frozenset[str] = frozenset()


def judge(life: Life, calm: Life, rules: Rules, known: Collection[tuple[str, ...]] = ()) -> list[Finding]:
    """Return what is broken in a life, the gravest first, without findings whose keys are `known` of the calm world."""
    chosen = [oracle for name, oracle in ORACLES.items() if name not in rules.off]
    found = [finding for oracle in (*chosen, own) for finding in oracle(life, calm, rules)]
    first = {finding.key: finding for finding in reversed(found)}
    return [finding for key, finding in reversed(first.items()) if key not in known]


def own(life: Life, _calm: Life, _rules: Rules) -> Iterator[Finding]:
    """Yield what the user's own oracles have found."""
    for name, words in life.own:
        yield Finding(name, words, ())


def never_ends(life: Life, _calm: Life, _rules: Rules) -> Iterator[Finding]:
    """Yield a finding if the program goes on for ever."""
    if life.code is None:
        yield Finding("endless", "never ends", life.where)


def submitted_twice(life: Life, _calm: Life, _rules: Rules) -> Iterator[Finding]:
    """Yield a finding for each source that was submitted again although its first job was good."""
    first: dict[str, JobFacts] = {}
    for job in life.jobs:
        earlier = first.setdefault(job.key, job)
        if job.submitted_at >= earlier.kept_until:
            first[job.key] = job  # its products were gone
        elif earlier is not job and earlier.complete:
            call = submission_of(job.job_id, life.calls)
            again = call is not None and call.life > 0
            words = f"submits {job.source} again after a restart" if again else f"submits {job.source} twice"
            yield Finding("again" if again else "twice", words, call.where if call else ())


def submission_of(job_id: int, calls: Iterable[Call]) -> Call | None:
    """Return the call that submitted a job."""
    return next((c for c in calls if c.operation == SUBMIT and c.job_id == job_id), None)


def bad_file(life: Life, _calm: Life, _rules: Rules) -> Iterator[Finding]:
    """Yield a finding for each file that is not what the service sent, unless the program failed loudly."""
    if life.code != 0:
        return
    whole = {file.job_id for file in life.files if file.state == "whole"}
    for file in life.files:
        if file.state not in ("part", "spoiled"):
            continue
        temporary = re.search(r"(^|/)(\.|tmp)|\.(part|partial|tmp|temp|new)\b|\.part|[-_](part|tmp|temp)\b", file.name)
        stem = file.name.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]
        named = any(stem in line and _TROUBLE.search(line) for line in life.text.splitlines())
        if not (temporary and file.job_id in whole) and not named:
            what = "half a file" if file.state == "part" else "an answer that is no product"
            yield Finding("file", f"takes {what} for a whole one: {file.name}", file.where)


def lost(life: Life, calm: Life, _rules: Rules) -> Iterator[Finding]:
    """Yield a finding for each source of the calm world that is neither saved nor named."""
    if life.code != 0:
        return
    for job in calm.jobs:
        mine = [other for other in life.jobs if other.key == job.key]
        ids = {other.job_id for other in mine}
        if any(f.state == "whole" and f.job_id == job.job_id for f in calm.files):
            saved = any(f.job_id in ids for f in life.files)  # a bad file is another oracle's
        else:
            saved = bool(ids) and (not _retrieved(calm, job.key) or bool(_retrieved(life, job.key)))
        if saved or _named(life, calm, job.source, ids):
            continue
        if not mine:
            attempts = [c for c in life.calls if c.operation == SUBMIT]
            last = ([c for c in attempts if c.key == job.key] or attempts or list(life.calls))[-1:]
            where = last[0].where if last else life.where
            yield Finding("lost", f"leaves out {job.source} without a word", where)
        elif any(other.complete for other in mine):
            words = f"neither saves nor names the products of {job.source}"
            yield Finding("lost", words, _last_about(life, ids))
        else:
            words = f"does not say that {job.source} has no products"
            yield Finding("lost", words, _last_about(life, ids))


def _retrieved(life: Life, key: str) -> set[str]:
    """Return the operations that brought what the jobs for `key` made."""
    ids = {job.job_id for job in life.jobs if job.key == key}
    return {c.operation for c in life.calls if c.job_id in ids and c.operation in RETRIEVALS and c.received}


def _named(life: Life, calm: Life, source: str, job_ids: set[int]) -> bool:
    """Whether the program says something of a source or its jobs that it does not say in the calm world."""
    numbers = set(map(str, job_ids))
    lines, new = life.text.splitlines(), set(_new_lines(life, calm))
    depths = [len(line) - len(line.lstrip()) for line in lines]
    for number, line in enumerate(lines):
        if plain_name(source) in plain_name(line) or not numbers.isdisjoint(_NUMBER.findall(line)):
            # with the lines below it that are indented deeper: those of a JSON file, for example
            deeper = takewhile(lambda below: depths[below] > depths[number], range(number + 1, len(lines)))  # noqa: B023
            if any(lines[one] in new and _TROUBLE.search(lines[one]) for one in (number, *deeper)):
                return True
    return False


def _new_lines(life: Life, calm: Life) -> list[str]:
    """Return what the program says that it does not say in the calm world."""
    calm_lines = set(calm.lines())
    return [line for line, plain in zip(life.text.splitlines(), life.lines(), strict=True) if plain not in calm_lines]


def plain_name(text: str) -> str:
    """Return letters and digits alone: programs write ``GRB_060729`` for ``GRB 060729``."""
    return re.sub(r"[\W_]+", "", text).casefold()


def _last_about(life: Life, job_ids: set[int]) -> tuple[str, ...]:
    """Return the lines of the last call that names one of the jobs."""
    named = [c for c in life.calls if c.job_id in job_ids]
    return named[-1].where if named else life.where


def fails(life: Life, calm: Life, rules: Rules) -> Iterator[Finding]:
    """Yield a finding if the program fails without naming a job, or at all if patience would have sufficed."""
    if life.code is None or life.code == calm.code:
        return
    how = f"ends with {life.error}" if life.error else f"ends with exit code {life.code}"
    patience = not any(deviation.kind in _PATIENCE_FAILS for deviation in life.world)
    if rules.strict and patience:
        yield Finding("exit", f"{how}, though patience would have sufficed", life.where)
        return
    sources = {plain_name(job.source) for job in calm.jobs}
    said, numbers = _new_lines(life, calm), {str(job.job_id) for job in life.jobs}
    trouble = [line for line in said if _TROUBLE.search(line)]
    kept = set(life.in_files.splitlines()) - set(trouble)  # a ledger has all names, whatever happens
    named = any(source in plain_name(line) for line in said if line not in kept for source in sources) or any(
        number in numbers for line in trouble for number in _NUMBER.findall(line)
    )
    # else it may say why it failed before it had a job
    nothing_at_stake = not any(call.operation == SUBMIT for call in life.calls)
    explained = bool(trouble) and (nothing_at_stake or (not life.error and not life.jobs))
    if life.code < 0 or not (named or explained):
        yield Finding("exit", f"{how} and names no job", life.where)


def too_many_active(life: Life, _calm: Life, rules: Rules) -> Iterator[Finding]:
    """Yield a finding if more jobs were active than allowed."""
    number, where = life.peak_active
    if rules.at_most is not None and number > rules.at_most:
        yield Finding("active", f"has {number} active jobs, more than {rules.at_most}", where)


def polls_too_fast(life: Life, _calm: Life, rules: Rules) -> Iterator[Finding]:
    """Yield a finding for each line that looks at one job again and again in less than the courtesy."""
    by_job: dict[tuple[int | None, int], list[Call]] = {}
    for call in life.calls:
        if call.operation == POLL and call.received:
            by_job.setdefault((call.job_id, call.life), []).append(call)
    blamed = set()
    for calls in by_job.values():
        in_a_row = 0
        for earlier, later in pairwise(calls):
            in_a_row = in_a_row + 1 if later.at - earlier.at < rules.poll_s else 0
            if in_a_row == _FAST_POLLS and later.where[:1] not in blamed:
                blamed.add(later.where[:1])
                yield Finding("polls", f"looks at a job every {later.at - earlier.at:g} s", later.where)


def leaves_the_contract(life: Life, _calm: Life, _rules: Rules) -> Iterator[Finding]:
    """Yield a finding for each request that breaks the contract."""
    for words, where in life.violations:
        yield Finding("contract", f"sends what the contract does not allow: {words}", tuple(where.split(" < ")))


ORACLES = {
    "endless": never_ends,
    "twice": submitted_twice,
    "file": bad_file,
    "lost": lost,
    "exit": fails,
    "active": too_many_active,
    "polls": polls_too_fast,
    "contract": leaves_the_contract,
}
"""All oracles by name; ``twice`` also finds what is submitted again after a restart (``again``)."""
