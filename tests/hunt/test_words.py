"""Reports of a hunt in words: a world that was judged by real time is marked in each form."""

from dataclasses import replace

from mock_server.hunt.hunting import Result
from mock_server.hunt.oracles import Finding
from mock_server.hunt.page import as_html
from mock_server.hunt.search import Tally
from mock_server.hunt.words import as_data, as_text, place
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
