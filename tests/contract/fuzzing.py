"""Clients under generated answers: whatever the contract allows, as the answer to each call."""

from __future__ import annotations

import copy
import signal
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings

from contracts import generation, mutation
from contracts.consumer import Answering
from tests.contract.clients import CALLS, accept, answering, built, submitted
from xrt_client import XRTError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 20.0
"""Time limit of one call [s]; a client that never returns is stopped then."""


class HangError(BaseException):
    """A call did not return in time. Not an `Exception`, because clients catch those."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise HangError after a time limit."""

    def stop(_signal: int, _frame: Any) -> None:
        raise HangError(f"no end after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Subject:
    """Client that gets generated answers.

    Parameters
    ----------
    request
        A request that believes it was submitted. Every call gets a copy, so that no answer affects a later call.
    meant
        Exceptions that it documents.
    fed
        Number of answers by call.
    surprises
        Number of undocumented exceptions by call, kind of answer and type.
    example_of
        The shortest message and answer for each of them.
    """

    request: Any
    meant: tuple[type[Exception], ...]
    fed: Counter[str] = field(default_factory=Counter)
    surprises: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    example_of: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def feed(self, name: str, **answer: Any) -> Any:
        """Make a call that gets this answer; returns its result, or the documented exception that it raised."""
        shared = getattr(self.request, "service", None)
        request = copy.deepcopy(self.request, {id(shared): shared})
        self.fed[name] += 1
        with warnings.catch_warnings(), answering(name, **answer):
            warnings.simplefilter("ignore")  # a client may warn of what the service announces
            try:
                return CALLS[name][1](request)
            except self.meant as error:
                return error

    def watch(self, name: str, variant: str, **answer: Any) -> None:
        """Make a call that gets this answer, and record undocumented exceptions."""
        try:
            with at_most(PATIENCE_S):
                self.feed(name, **answer)
        except (Exception, HangError) as error:
            key = (name, variant, type(error).__name__)
            self.surprises[key] += 1
            example = f"{error} after {answer!r}"
            if len(example) < len(self.example_of.get(key, example + " ")):
                self.example_of[key] = example

    def report(self) -> str:
        """Return its undocumented exceptions as text."""
        lines = [f"{sum(self.fed.values())} answers fed"]
        for (name, variant, kind), count in sorted(self.surprises.items()):
            lines.append(f"{name}: {variant}: {kind} {count} times: {self.example_of[name, variant, kind][:300]}")
        return "\n".join(lines)


def own_client() -> Subject:
    """Return this project's client. Its tables are loaded now: the time limit is for calls, not for imports."""
    import xrt_client.analysis  # noqa: F401 - loads pandas

    return Subject(submitted(), (XRTError,))


def official_client() -> Subject:
    """Return the official client, which documents RuntimeError."""
    from swifttools.ukssdc.xrt_prods import XRTProductRequest as Official

    request = built(Official, silent=True)
    with Answering(choose=accept):
        assert request.submit(updateProds=False)
    return Subject(request, (RuntimeError,))


def concerning_the_job(name: str, answer: Any) -> Any:
    """Return an answer that names the job that was asked about, which a schema cannot demand."""
    key = {"checkProductStatus": "JobID", "canceljob": "JobID", "getOldProduct": "oldJob"}.get(name)
    return {**answer, key: 803} if key in answer else answer


def fuzz(subject: Subject, name: str, variant: str, examples: int, *, watch: bool = False) -> int:
    """Feed generated answers of one kind to one call; returns their number.

    Parameters
    ----------
    subject
        The client.
    name, variant
        The call, and the kind of answer.
    examples
        Number of answers; fewer where the contract allows fewer.
    watch
        Whether undocumented exceptions are recorded instead of raised.
    """

    def play(body: Any) -> None:
        body = concerning_the_job(name, body)
        if watch:
            subject.watch(name, variant, body=body)
        else:
            subject.feed(name, body=body)

    return _play(subject, name, generation.answers_of([variant]), play, examples)


def fuzz_broken(subject: Subject, name: str, variant: str, examples: int) -> int:
    """Feed answers of one kind that leave the contract by one mutation each; returns their number.

    Undocumented exceptions are recorded, with the kind of mutation.
    """

    def play(mutant: mutation.Mutant) -> None:
        subject.watch(name, f"{variant}, {mutant.kind} at {mutant.place}", body=mutant.body)

    answers = generation.answers_of([variant]).map(lambda body: concerning_the_job(name, body))
    return _play(subject, name, mutation.mutants_of(answers), play, examples)


def _play(subject: Subject, name: str, answers: Any, play: Callable[[Any], None], examples: int) -> int:
    before = subject.fed[name]
    settled = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    settled(given(answers)(play))()
    return subject.fed[name] - before
