"""What counts as broken, by hand-made lives."""

import math
from dataclasses import replace
from typing import Any

import pytest

from mock_server.hunt.deviations import Deviation
from mock_server.hunt.life import Call, JobFacts, Life, Saved
from mock_server.hunt.oracles import ORACLES, Rules, judge

SUBMITTED, POLLED, FETCHED = ("p.py:10",), ("p.py:20",), ("p.py:30",)


def submission(number: int, source: str = "GRB 060729", *, life: int = 0, at: float = 0.0) -> Call:
    return Call(at, "run_userobject", number, "ok", 200, SUBMITTED, source, source, True, life)


def job(number: int, source: str = "GRB 060729", *, complete: bool = True) -> JobFacts:
    return JobFacts(number, source, source, 0.0, 300.0 if complete else math.inf, complete)


def download(number: int, *, received: bool = True) -> Call:
    return Call(400.0, "downloadProduct", number, "ok", 200, FETCHED, "", "", received, 0)


CALM = Life(
    world=(),
    code=0,
    error="",
    where=(),
    text="submitted GRB 060729\nsaved 1",
    calls=(submission(1), download(1)),
    jobs=(job(1),),
    files=(Saved("lc.tar.gz", "whole", 1, FETCHED),),
    violations=(),
    peak_active=(1, SUBMITTED),
    simulated_s=400.0,
    met=(),
    writes=1,
)


def words(rules: Rules | None = None, **different: Any) -> list[Any]:
    return [tuple(found) for found in judge(replace(CALM, **different), CALM, rules or Rules())]


def test_the_calm_world_is_whole():
    assert words() == []


def test_a_second_job_for_the_same_source_is_found():
    found = words(calls=(submission(1), submission(2), download(2)), jobs=(job(1), job(2)))
    assert found == [("twice", "submits GRB 060729 twice", SUBMITTED)]


def test_a_second_job_after_a_restart_has_other_words():
    found = words(calls=(submission(1), submission(2, life=1), download(2)), jobs=(job(1), job(2)))
    assert found[0][:2] == ("again", "submits GRB 060729 again after a restart")


def test_a_second_job_for_one_that_failed_is_right():
    calls, files = (submission(1), submission(2), download(2)), (Saved("lc.tar.gz", "whole", 2, FETCHED),)
    assert words(calls=calls, jobs=(job(1, complete=False), job(2)), files=files) == []


def test_a_second_job_for_one_whose_products_have_expired_is_right():
    gone = job(1)._replace(kept_until=1000.0)
    files = (Saved("lc.tar.gz", "whole", 2, FETCHED),)
    calls = (submission(1), submission(2), download(2))
    for at, found in ((999.0, 1), (1000.0, 0)):
        jobs = (gone, job(2)._replace(submitted_at=at))
        assert len(words(calls=calls, jobs=jobs, files=files)) == found


def test_a_job_that_a_ledger_names_with_its_state_below_is_no_loss():
    ledger = '{\n  "GRB 060729": {\n    "job": 1,\n    "state": "failed"\n  },\n  "GRB 070616": {}\n}'
    assert words(calls=(submission(1),), files=(), text=ledger) == []
    calm = replace(CALM, text=ledger.replace("failed", "saved"))
    assert judge(replace(CALM, calls=(submission(1),), files=(), text=ledger), calm, Rules()) == []
    other = ledger.replace("GRB 060729", "GRB 5").replace("GRB 070616", "GRB 060729").replace('"job": 1,', "")
    assert words(calls=(submission(1),), files=(), text=other)[0][0] == "lost"


def test_a_program_that_fails_before_it_submits_anything_is_honest():
    failed: dict[str, Any] = {"code": 1, "error": "RuntimeError: the service gives no answer", "files": (), "jobs": ()}
    assert words(calls=(), text=failed["error"], **failed) == []
    assert words(calls=(submission(1),), text=failed["error"], **failed)[0][0] == "exit"


def test_a_job_whose_products_are_not_saved_is_found_at_its_last_call():
    assert words(calls=(submission(1), download(1, received=False)), files=()) == [
        ("lost", "neither saves nor names the products of GRB 060729", FETCHED)
    ]


def test_a_ledger_that_is_left_half_names_no_job():
    failed: dict[str, Any] = {"code": 1, "error": "JSONDecodeError: no end", "jobs": ()}
    half = '{"GRB 060729": {"job"'
    found = words(text=f"JSONDecodeError: no end\n{half}", in_files=half, **failed)
    assert found == [("exit", "ends with JSONDecodeError: no end and names no job", ())]
    assert words(text=f"JSONDecodeError: no end\n{half}", **failed) == []  # it prints the name
    noted = '{"GRB 060729": "failed"}'
    assert words(text=noted, in_files=noted, **failed) == []


@pytest.mark.parametrize("text", ["GRB 060729 failed", "job 1 could not be saved", "no: GRB_060729", "failed: [1]"])
def test_a_job_that_is_named_is_no_loss(text):
    assert words(calls=(submission(1),), files=(), text=text) == []


@pytest.mark.parametrize(
    "text", ["attempt 1 failed", "no value: line 1 column 1", "[Errno 1] failed", "error -1", "not 0.1"]
)
def test_a_number_of_a_line_or_an_attempt_is_no_jobs(text):
    assert words(calls=(submission(1),), files=(), text=text)[0][0] == "lost"
    assert words(code=1, error="ValueError: no value", text=text)[0][0] == "exit"


def test_a_line_that_the_calm_world_has_too_names_nothing():
    assert words(calls=(submission(1),), files=(), text=CALM.text)[0][0] == "lost"


def test_a_job_without_products_that_is_not_named_is_found():
    found = words(calls=(submission(1), download(1, received=False)), jobs=(job(1, complete=False),), files=())
    assert found == [("lost", "does not say that GRB 060729 has no products", FETCHED)]


def test_a_source_that_is_never_accepted_is_left_out():
    refused = submission(1)._replace(job_id=None, outcome="refused")
    assert words(calls=(refused,), jobs=(), files=()) == [("lost", "leaves out GRB 060729 without a word", SUBMITTED)]


@pytest.mark.parametrize(("state", "said"), [("part", "half a file"), ("spoiled", "an answer that is no product")])
def test_a_file_that_is_not_what_was_sent_is_found_where_it_was_written(state, said):
    found = words(files=(Saved("lc.tar.gz", state, 1, FETCHED),))
    assert found == [("file", f"takes {said} for a whole one: lc.tar.gz", FETCHED)]


@pytest.mark.parametrize("name", ["lc.tar.gz.part", ".lc.tar.gz", "data/tmpk2j_1.tar.gz", "lc_tmp.tar.gz"])
def test_half_a_temporary_file_beside_the_whole_one_is_right(name):
    assert words(files=(*CALM.files, Saved(name, "part", 1, FETCHED))) == []


def test_a_program_without_an_end_is_found():
    assert words(code=None, where=POLLED) == [("endless", "never ends", POLLED)]


def test_an_exit_that_names_no_job_is_found():
    found = words(code=1, error="KeyError: 'JobID'", where=SUBMITTED, text="KeyError: 'JobID'", files=())
    assert found == [("exit", "ends with KeyError: 'JobID' and names no job", SUBMITTED)]


def test_what_an_own_oracle_says_is_a_finding_unless_it_says_so_in_the_calm_world():
    said = (("mine:no_lock", "leaves a lock"),)
    assert words(own=said) == [("mine:no_lock", "leaves a lock", ())]
    calm = replace(CALM, own=said)
    known = {found.key for found in judge(calm, calm, Rules())}
    assert judge(calm, calm, Rules(), known) == []


def test_an_exit_that_names_a_source_is_honest_but_not_if_strict():
    failed: dict[str, Any] = {"code": 1, "where": SUBMITTED, "text": "GRB 060729 failed", "files": ()}
    assert words(**failed) == []
    assert words(Rules(strict=True), **failed)[0][0] == "exit"
    hopeless = (Deviation("stuck", "run_userobject", "", {}),)
    assert words(Rules(strict=True), world=hopeless, **failed) == []


def test_more_active_jobs_than_allowed_are_found():
    assert words(Rules(at_most=4), peak_active=(5, SUBMITTED)) == [
        ("active", "has 5 active jobs, more than 4", SUBMITTED)
    ]
    assert words(Rules(at_most=5), peak_active=(5, SUBMITTED)) == []


@pytest.mark.parametrize(("interval", "found"), [(9.9, 1), (10.0, 0)])
def test_looks_at_one_job_in_less_than_the_courtesy_are_found(interval, found):
    looks = [Call(n * interval, "checkProductStatus", 1, "ok", 200, POLLED, "", "", True, 0) for n in range(10)]
    assert len(words(calls=(*CALM.calls, *looks))) == found


def test_a_request_outside_the_contract_is_found():
    assert words(violations=(("what is missing", "p.py:20"),))[0][2] == POLLED


@pytest.mark.parametrize("name", ORACLES)
def test_each_oracle_can_be_switched_off(name):
    broken: dict[str, Any] = {
        "code": None if name == "endless" else 1 if name == "exit" else 0,
        "calls": (submission(1), submission(2)),
        "jobs": (job(1), job(2)),
        "files": (Saved("lc.tar.gz", "part", None, FETCHED),),
    }
    assert name not in {found[0] for found in words(Rules(at_most=0, off=frozenset({name})), **broken)}
