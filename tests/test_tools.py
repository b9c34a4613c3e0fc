"""The checks that are kept on every test: assertions, descriptors, and which tests are run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.tools.asserting import SILENT
from tests.tools.descriptors import Canaries, identity
from tests.tools.selecting import LIMITS_S, listed, measured

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(pytester):
    """Run a file of tests under a plugin of the folder `tools`."""

    def passed(plugin: str, source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(source)
        pytester.makeini(
            "[pytest]\nenable_assertion_pass_hook = true\nmarkers = nightly: n\n  official: o\n  slow: s\n  long: l"
        )
        result: pytest.RunResult = pytester.runpytest_inprocess("-q", "-p", f"tests.tools.{plugin}", *options)
        return result

    return passed


def test_a_test_that_asserts_nothing_fails_and_every_kind_of_assertion_counts(run):
    found = run(
        "asserting",
        """
        import warnings
        import pytest
        from tests.tools.asserting import no_exception

        def helper(x):
            assert x

        def test_assert(): assert 1
        def test_in_a_helper(): helper(1)
        def test_in_a_loop():
            for x in (1, 2): assert x
        def test_raises():
            with pytest.raises(ZeroDivisionError): 1 / 0
        def test_raises_called(): pytest.raises(ZeroDivisionError, lambda: 1 / 0)
        def test_group():
            with pytest.RaisesGroup(ValueError): raise ExceptionGroup("", [ValueError()])
        def test_warns():
            with pytest.warns(UserWarning): warnings.warn("x", UserWarning)
        def test_no_exception():
            with no_exception(): helper(2)
        def test_skipped(): pytest.skip("no")
        def test_exception():
            with no_exception(): 1 / 0
        def test_false(): assert 0
        def test_raises_not():
            with pytest.raises(ZeroDivisionError): pass
        def test_empty(): helper
        @pytest.mark.parametrize("x", [1, 0])
        def test_sometimes(x):
            if x: assert x
        """,
    )
    failed = set(re.findall(r"^FAILED \S+::(\S+)", found.stdout.str(), re.MULTILINE))
    assert failed == {"test_false", "test_raises_not", "test_exception", "test_empty", "test_sometimes[0]"}
    assert found.outlines.count(SILENT) == 2
    found.assert_outcomes(passed=9, skipped=1, failed=5)


def test_a_descriptor_closed_twice_fails_the_test_that_does_it(run):
    found = run(
        "descriptors",
        """
        import contextlib, os

        def test_good():
            one, two = os.pipe()
            os.close(one); os.close(two)
        def test_closes_at_once():
            one, two = os.pipe()
            for number in (one, two, two):
                with contextlib.suppress(OSError): os.close(number)
        """,
    )
    failed = set(re.findall(r"^ERROR \S+::(\S+)", found.stdout.str(), re.MULTILINE))
    assert failed == {"test_closes_at_once"}
    found.assert_outcomes(passed=2, errors=1)


def test_a_canary_that_is_closed_or_replaced_is_missed_once():
    canaries = Canaries(pipes=2)
    first, second, *_ = canaries._known
    os.close(first)
    os.dup2(1, second)
    said = canaries.missing()
    assert [words.partition(" was")[0] for words in said] == [f"descriptor {first}", f"descriptor {second}"]
    assert said[1].endswith("used anew")
    assert not canaries.missing()
    canaries.close()
    os.close(second)
    assert identity(first) is None


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), {"test_plain"}),
        (("-m", "not slow"), {"test_plain"}),
        (("-m", "not long"), {"test_plain"}),
        (("-m", ""), {"test_plain"}),
        (("-m", "nightly"), {"test_night"}),
        (("-m", "official or nightly"), {"test_night", "test_release"}),
        (("-m", "nightly or not nightly"), {"test_plain", "test_night"}),
    ],
)
def test_what_is_run_on_demand_is_run_only_if_it_is_named(run, options, names):
    source = """
        import pytest
        def test_plain(): pass
        @pytest.mark.nightly
        def test_night(): pass
        @pytest.mark.official
        def test_release(): pass
        """
    found = run("selecting", source, "--collect-only", *options)
    assert set(re.findall(r"::(\w+)", found.stdout.str())) == names


def test_the_list_of_slow_tests_is_made_from_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    for name in ("test_a", "test_b"):
        (tmp_path / "tests" / f"{name}.py").touch()
    cases = [
        ("tests.test_a", "test_one[x]", 9), ("tests.test_a", "test_one[y]", 0), ("tests.test_a", "test_two", 0),
        ("tests.test_a.TestClass", "test_three", 1), ("tests.test_b", "test_one", 1), ("tests.test_b", "test_two", 1),
    ]  # fmt: skip
    lines = [f'<testcase classname="{c}" name="{n}" time="{s}"/>' for c, n, s in cases]
    (tmp_path / "report.xml").write_text(f"<testsuites>{''.join(lines)}</testsuites>")
    slow = ["tests/test_a.py::TestClass::test_three", "tests/test_a.py::test_one", "tests/test_b.py"]
    assert measured([Path("report.xml")], 0.5) == slow
    assert measured([Path("report.xml")], 5) == ["tests/test_a.py::test_one"]
    Path("another.xml").write_text(
        '<testsuites><testcase classname="tests.test_a" name="test_two" time="7"/></testsuites>'
    )
    both = measured([Path("report.xml"), Path("another.xml")], 5)
    assert both == ["tests/test_a.py::test_one", "tests/test_a.py::test_two"]


@pytest.mark.parametrize("marker", [*LIMITS_S, "kept"])
def test_every_slow_test_is_there(marker):
    for line in listed(marker).read_text(encoding="utf-8").split():
        file, *names = line.split("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        missing = [name for name in names if not re.search(rf"(def|class) {name}\b", text)]
        assert not missing, (
            f"tests/{marker}.txt lists {line}, which is not there: measure anew, see tests/tools/selecting.py"
        )
