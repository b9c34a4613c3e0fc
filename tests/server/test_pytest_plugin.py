"""The pytest plugin, as a user of it sees it."""

import re

import pytest

from mock_server.pytest_plugin import summary

from .conftest import Asker

pytest_plugins = ["pytester"]

PROGRAM = """
import time, pytest, requests

def call(operation="getNumJobs", base="https://www.swift.ac.uk", **body):
    return requests.post(f"{base}/user_objects/{operation}.php", json={"UserID": "me@example.org", **body}).json()
"""


@pytest.fixture
def check(pytester):
    """Run a test file with the plugin and return what came of it."""

    def run(text, *options, ini=""):
        pytester.makepyfile(PROGRAM + text)
        pytester.makeini(f"[pytest]\n{ini}")
        return pytester.runpytest("-p", "no:schemathesis", "-p", "no:cacheprovider", *options)

    return run


def test_the_fixture_answers_in_process(check):
    check("""
def test_count(xrt_mock):
    assert call()["numJobs"] == 0
    assert xrt_mock.journal.count(operation="getNumJobs") == 1
""").assert_outcomes(passed=1)


def test_the_server_fixture_answers_on_a_socket(check):
    check("""
def test_count(xrt_mock_server):
    assert xrt_mock_server.url.startswith("http://127.0.0.1:")
    assert call(base=xrt_mock_server.url)["numJobs"] == 0
""").assert_outcomes(passed=1)


def test_the_test_lives_in_service_time(check):
    check("""
def test_sleep(xrt_mock):
    before = time.time()
    assert before == pytest.approx(xrt_mock.clock.now(), abs=1e-3)
    time.sleep(86400)
    assert time.time() - before >= 86400
    assert time.time() == pytest.approx(xrt_mock.clock.now(), abs=1e-3)
""").assert_outcomes(passed=1)


def test_each_test_has_a_simulator_of_its_own(check):
    check("""
@pytest.mark.parametrize("n", range(3))
def test_count(xrt_mock, n):
    call()
    assert len(xrt_mock.journal) == 1
""").assert_outcomes(passed=3)


def test_the_marker_s_arguments_reach_the_simulator(check):
    check("""
pytestmark = pytest.mark.xrt_mock(scenario="flaky", seed=5)

@pytest.mark.xrt_mock(seed=7, settings={"limits.active_jobs": 2})
def test_marked(xrt_mock):
    assert (xrt_mock.scenario.name, xrt_mock.scenario.seed) == ("flaky", 7)
    assert xrt_mock.controls.scenario()["limits.active_jobs"] == 2
""").assert_outcomes(passed=1)


def test_ini_options_are_the_default_and_the_marker_goes_before(check):
    check(
        """
def test_ini(xrt_mock):
    assert xrt_mock.scenario.name == "flaky"
    assert xrt_mock.clock.factor == 60

@pytest.mark.xrt_mock(scenario="calm", clock="virtual")
def test_marked(xrt_mock):
    assert xrt_mock.scenario.name == "calm"
    assert not hasattr(xrt_mock.clock, "factor")
""",
        ini="xrt_mock_scenario = flaky\nxrt_mock_clock = x60\n",
    ).assert_outcomes(passed=2)


def test_arguments_without_names_are_an_error_that_says_so(check):
    result = check("""
@pytest.mark.xrt_mock("flaky")
def test_marked(xrt_mock):
    pass
""")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*write xrt_mock's arguments by name*"])


def test_an_unknown_argument_of_the_marker_is_named_with_the_nearest_known_one(check):
    result = check("""
@pytest.mark.xrt_mock(scenari="calm")
def test_never_runs(xrt_mock):
    pass

@pytest.mark.xrt_mock(weather="calm")
def test_never_runs_either(xrt_mock):
    pass
""")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*the marker xrt_mock has no argument 'scenari'; did you mean 'scenario'?"])
    result.stdout.fnmatch_lines(["*has no argument 'weather'; known: fail_on, scenario, clock, *"])


def test_a_failing_test_shows_the_last_calls_and_how_to_repeat_it(check):
    result = check("""
def test_fails(xrt_mock):
    call()
    call("listOldJobs")
    assert False
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*xrt-mock: last calls*",
            "* getNumJobs me@example.org -> 200 ok*",
            "* listOldJobs me@example.org -> 200 ok*",
            "*xrt-mock: to repeat*",
            "@pytest.mark.xrt_mock(scenario='calm', seed=*)",
        ]
    )


def test_a_bug_of_the_simulator_is_raised_where_a_test_met_it(check, answers_keep_the_contract):
    result = check("""
def test_meets(xrt_mock, monkeypatch):
    monkeypatch.setattr(xrt_mock.jobs, "count", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call()
""")
    result.assert_outcomes(passed=1)
    answers_keep_the_contract.clear()  # this bug was on purpose


def test_the_summary_names_the_busiest_test_and_the_keenest(make_sim):
    found = []
    for name, jobs, seconds in (("calm", 1, 60), ("busy", 2, 30), ("keen", 1, 2)):
        ask = Asker(make_sim())
        number, *_ = (ask.submit() for _ in range(jobs))
        for _ in range(2):
            ask.codes(number, "image")
            ask.sim.clock.advance(seconds)
        found.append((f"test_{name}", ask.sim.report()))
    _, peak, shortest = summary(found)
    assert re.fullmatch(r"peak active jobs 2( at \S+)?, in test_busy", peak)
    assert re.fullmatch(r"shortest polling 2 s( at \S+)?, in test_keen", shortest)


def test_a_planned_fault_that_never_fired_fails_the_test(check):
    result = check("""
def test_plans(xrt_mock):
    xrt_mock.controls.plan_fault({"kind": "reset", "operation": "canceljob"})

def test_meets(xrt_mock):
    xrt_mock.controls.plan_fault({"kind": "latency", "operation": "getNumJobs", "seconds": 20})
    with pytest.raises(requests.ReadTimeout):
        requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"UserID": "a@b.org"}, timeout=10)
""")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*planned fault was never triggered: kind='reset', operation='canceljob'*"])


def test_faults_of_the_scenario_need_not_fire(check):
    check("""
@pytest.mark.xrt_mock(scenario="flaky")
def test_nothing(xrt_mock):
    pass
""").assert_outcomes(passed=1)


def test_a_gate_fails_the_test(check):
    text = """
def submit_two():
    for name in ("GRB 060729", "GRB 200416A"):
        assert call("run_userobject", name=name, getCoords=1, getTargs=1, getT0=1, cent=0, image=1)["OK"] == 1

def test_too_many(xrt_mock):
    submit_two()

@pytest.mark.xrt_mock(fail_on="active>2")
def test_allowed(xrt_mock):
    submit_two()
"""
    result = check(text, ini="xrt_mock_fail_on = active>1\n")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*most jobs active at a time: 2, at *fails if active>1*"])


def test_the_summary_says_how_considerate_the_tests_were(check):
    result = check("""
def test_one(xrt_mock):
    call()

def test_two(xrt_mock):
    call()
    time.sleep(3600)
    call()
""")
    assert " xrt-mock " in result.stdout.str()
    assert "2 tests with 3 calls, 0 jobs submitted, 0 refused; simulated time 01:00:00" in result.outlines


def test_there_is_no_summary_where_no_test_uses_it(check):
    result = check("def test_other(): pass")
    assert "- xrt-mock -" not in result.stdout.str()


def test_the_summary_counts_tests_of_all_workers(check):
    result = check(
        """
@pytest.mark.parametrize("n", range(4))
def test_count(xrt_mock, n):
    call()
""",
        "-n1",
    )
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["4 tests with 4 calls, *"])


def test_the_plugin_costs_nothing_until_it_is_used(pytester):
    pytester.makepyfile("""
import sys

def test_modules():
    assert sorted({"flask", "psycopg", "numpy", "requests", "time_machine"} & set(sys.modules)) == []
""")
    others = ("schemathesis", "hypothesispytest", "time_machine", "anyio", "randomly")
    options = [f"-pno:{name}" for name in others]
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)


@pytest.mark.parametrize("fixture", ["xrt_mock", "xrt_mock_server", "xrt_mock_module", "xrt_mock_server_session"])
def test_both_fixtures_offer_the_same(check, fixture):
    check(f"""
def test_same({fixture}):
    mock = {fixture}
    call(base=mock.url)
    assert mock.calls("getNumJobs")[0].json == {{"UserID": "me@example.org"}}
    assert mock.report()["calls"] == {{"getNumJobs": 1}}
    assert mock.journal.count(operation="getNumJobs") == 1
    assert mock.controls.clock()["kind"] == "virtual"
    mock.answer("getNumJobs", {{"OK": 1, "numJobs": 77}}, times=1)
    assert [call(base=mock.url)["numJobs"] for _ in range(2)] == [77, 0]
    before = mock.clock.now()
    time.sleep(60)
    assert mock.clock.now() == before + 60
""").assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_shared_simulator_is_reset_for_each_test(check, scope):
    check(f"""
seen = []

@pytest.mark.parametrize("n", range(3))
def test_shared(xrt_mock_{scope}, n):
    seen.append(id(xrt_mock_{scope}))
    call()
    assert len(xrt_mock_{scope}.journal) == len(xrt_mock_{scope}.calls()) == 1
    assert len(set(seen)) == 1
""").assert_outcomes(passed=3)


def test_the_clock_goes_to_where_something_happens(check):
    check("""
IMAGE = dict(name="GRB 200416A", targ="00966554", RA=335.6985, Dec=-7.5179, image=1, getT0=0, cent=0)

def test_wait(xrt_mock):
    job = int(call("run_userobject", **IMAGE)["JobID"])
    began = xrt_mock.clock.now()
    assert xrt_mock.to_next_change() > began
    xrt_mock.advance_until(job)
    assert call()["numJobs"] == 0
    with pytest.raises(ValueError, match="no status changes"):
        xrt_mock.to_next_change()
""").assert_outcomes(passed=1)


def test_without_pytest_it_is_a_decorator_and_a_context_manager(check):
    check("""
import mock_server, unittest

class Test(unittest.TestCase):
    @mock_server.simulated("calm")
    def test_decorated(self):
        before = time.time()
        time.sleep(3600)
        assert call()["numJobs"] == 0
        assert time.time() - before >= 3600

    def test_managed(self):
        with mock_server.simulated(settings={"limits.active_jobs": 2}) as sim:
            call()
        assert len(sim.calls()) == 1
""").assert_outcomes(passed=2)
