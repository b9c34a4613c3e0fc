"""Reports of a hunt in words: a world that was judged by real time is marked in each form."""

from dataclasses import replace
from xml.etree import ElementTree

from mock_server.hunt.deviations import Deviation
from mock_server.hunt.hunting import Result
from mock_server.hunt.oracles import Finding
from mock_server.hunt.page import as_html
from mock_server.hunt.search import Tally
from mock_server.hunt.words import as_data, as_junit, as_text, place
from tests.hunt.test_oracles import CALM
from tests.hunt.test_search import LOST

MARK = "judged by real time"


def result(*, excused):
    tally, life = Tally(), replace(CALM, world=(LOST,), met=(True,), code=None, excused=excused)
    tally.note((LOST,), life, [Finding("endless", "never ends", ("p.py:20",))])
    sum_of_two = Tally()
    sum_of_two.add(tally)
    return Result(CALM, (), tuple(sum_of_two.found.values()), sum_of_two, "", 1.0)


def test_a_world_that_was_judged_by_real_time_is_marked():
    given = result(excused=True), "hunt", ("python", "p.py")
    assert as_text(*given).count(MARK) == as_html(*given).count(MARK) == 2  # the finding, and the number of worlds
    data = as_data(*given)
    assert data["worlds_by_real_time"] == 1
    assert [one["by_real_time"] for one in data["found"]] == [True]


def test_the_line_of_the_write_in_which_it_was_killed_is_blamed_too():
    tally, life = Tally(), replace(CALM, world=(LOST,), met=(True,), code=1, killed_at=("p.py:7", "p.py:9"))
    tally.note((LOST,), life, [Finding("exit", "ends with an error", ("p.py:30",))])
    given = Result(CALM, (), tuple(tally.found.values()), tally, "", 1.0), "hunt", ("python", "p.py")
    words = "p.py:30; killed at p.py:7, called from p.py:9"
    assert words in as_text(*given)
    assert words in as_html(*given)
    assert as_data(*given)["found"][0]["where"] == ["p.py:30", "p.py:7", "p.py:9"]
    assert place(["p.py:7", "p.py:9"], ["p.py:7", "p.py:9"]) == "p.py:7, called from p.py:9"


def test_a_world_that_was_proven_is_not_marked():
    given = result(excused=False), "hunt", ("python", "p.py")
    assert MARK not in as_text(*given) + as_html(*given)
    assert as_data(*given)["worlds_by_real_time"] == 0
    assert [one["by_real_time"] for one in as_data(*given)["found"]] == [False]


def test_what_repeats_not_and_why_it_took_longer_is_said():
    given = result(excused=False)
    found = tuple(one._replace(differed="it made 2 calls, then 1") for one in given.found)
    given = replace(given, found=found, fresh="--fresh was given"), "hunt", ("python", "p.py")
    text = as_text(*given)
    assert "each world had a new process, which takes longer: --fresh was given" in text
    assert "     not repeatable: it made 2 calls, then 1\n" in text
    assert as_data(*given)["fresh_processes"] == "--fresh was given"
    assert [(one["repeatable"], one["differed"]) for one in as_data(*given)["found"]] == [
        (False, "it made 2 calls, then 1")
    ]


def test_deviations_that_were_not_met_are_listed_apart():
    tally = Tally()
    tally.note((LOST,), replace(CALM, world=(LOST,), met=(True,)), [])
    missed = [Deviation(kind, at, "", {}) for kind, at in (("outage", ""), ("cut", "run_userobject"), ("cut", "tool"))]
    tally.note(tuple(missed), replace(CALM, world=tuple(missed), met=(False,) * 3), [])
    text = as_text(Result(CALM, (), (), tally, "", 1.0), "hunt", ("python", "p.py"))
    assert text.splitlines()[-2:] == [
        "  run_userobject: lost 1/0",
        "not met: outage, cut at run_userobject, cut at tool (the program was at its end before)",
    ]


def test_a_hunt_that_finds_nothing_is_one_test_that_passes():
    tally = Tally(worlds=12)
    suite = ElementTree.fromstring(as_junit(Result(CALM, (), (), tally, "", 1.0), "hunt", ("python", "p.py")))
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    (case,) = suite
    assert (case.get("name"), list(case)) == ("nothing found in 12 worlds", [])
