"""Servers that are wrong in one generated way are noticed, except where no check could."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import pytest

from contracts import harness, probes
from contracts.history import History
from mock_server import Simulator
from tests.contract import mutants
from tests.contract.broken import Broken

if TYPE_CHECKING:
    from contracts.harness import Exchange
    from tests.contract.mutants import Mutant

ONE_IN = 40
"""Of the mutants, one in so many in every run."""
CANNOT_BE_SEEN = {
    r".*: APIVersion is a number": "documented answers have a number",
    r"(?!getLCData|getSpecData|run_userobject).*: api_version is ignored": "there is one form of the answer",
    r"(?!run_userobject).*: api_name is ignored": "it changes nothing here",
    r"main: APIVersion is .*": "its form is free, and it changes nothing",
    r"checkProductStatus: \*/progress/.*": "words and steps of progress are free",
    r"download\w+: labelled application/octet-stream": "documented for files",
    r".*(Datasets|datasets|rnames|Modes|listErr|list) is reversed": "the order of names is free",
    r"getLCData: \*/data/\*/\* is text": "old answers have numbers, and text is taken for them",
    r"\w+: \*/URL is left out": "documented answers do without",
    r".*jobPars/outdir is left out": "an assumed key",
    r".*jobPars has a further key": "jobPars may have further keys",
    r"run_userobject: jobPars/(UserID|api_name|api_version|whatSXPS|do3col|enh|pcmaxbin|wtmaxbin|notify) .*":
        "the service works them out",
    r"run_userobject: jobPars/\w+ is (text|a number)": "numbers may be text",
    r"getSourceDetResults: Total.*": "what the sky holds is known to the server alone",
    r"main: (\*|Best_|Enhanced_|Onboard_|T0|DeltaFitStat|GalNH)\S* is (one more|negative|left out|null|reversed)":
        "the contents of bursts are known to the server alone",
    r"main: \*/data/?\S* .*": "the contents of bursts are known to the server alone",
    r"main: (ERROR|ERRORTEXT|text)\b.*": "the words are free",
    r"main: (JobID|targetID|status) is (text|one more|negative)": "numbers may be text and begin anywhere",
    r"main: (?!binMeth|timeFormat|objectID|APIFunc|type|targetID|name|posToGet|JobID|nosys|incbad)\w+ is ignored":
        "how a curve is binned inside does not show",
    r"run_userobject: (enh|outdir|pcmaxbin|wtmaxbin|whatSXPS|do3col|notify|api_version) is ignored":
        "they are the service's own",
}  # fmt: skip
"""Mutants that a check cannot notice, as patterns, with the reason."""


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="mock_server")  # some mutants make the server fail


@pytest.fixture(scope="module")
def made() -> list[tuple[str, Exchange]]:
    """Return every exchange of the questions to a right server, with the name of the question."""
    found: list[tuple[str, Exchange]] = []
    with Simulator() as simulator:
        exam = probes.Examination(harness.backend(simulator.app), History())
        exam.watch = lambda exchange: found.append((exam.probe, exchange))
        control = exam.begin()
        for name in probes.PROBES:
            exam.run(name, control=control)
    assert not exam.findings
    return found


def every_mutant(made: list[tuple[str, Exchange]]) -> list[Mutant]:
    answers = mutants.of_answers(exchange for _question, exchange in made)
    return [*answers, *mutants.of_transport(), *mutants.of_requests()]


def noticed(mutant: Mutant, made: list[tuple[str, Exchange]]) -> bool:
    """Whether rules or questions notice a mutant."""
    about = [(question, exchange) for question, exchange in made if mutants.is_about(mutant, exchange)]
    if mutant.request is None and mutants.noticed_by_rules(mutant, [exchange for _question, exchange in about]):
        return True
    questions = list(dict.fromkeys(question for question, _exchange in about))
    with Simulator() as simulator:
        exam = probes.examine(Broken(simulator.app, mutant.breakage()), probes=questions, stop_early=True)
    return bool(exam.findings)


def can_be_seen(mutant: Mutant) -> bool:
    return not any(re.fullmatch(pattern, mutant.words) for pattern in CANNOT_BE_SEEN)


def test_some_mutants_are_noticed(made):
    chosen = every_mutant(made)[::ONE_IN]
    assert [mutant.words for mutant in chosen if can_be_seen(mutant) and not noticed(mutant, made)] == []


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_every_mutant_is_noticed(made, capsys):
    every = every_mutant(made)
    hidden = [mutant for mutant in every if not noticed(mutant, made)]
    missed = [mutant.words for mutant in hidden if can_be_seen(mutant)]
    with capsys.disabled():
        print(f"\n{len(every) - len(hidden)} of {len(every)} mutants noticed, {len(missed)} missed without a reason")
    assert len(every) >= 3000
    assert missed == []


def test_every_pattern_is_about_some_mutant(made):
    words = [mutant.words for mutant in every_mutant(made)]
    assert [p for p in CANNOT_BE_SEEN if not any(re.fullmatch(p, each) for each in words)] == []
