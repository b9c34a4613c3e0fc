"""Where no browser is, these tests say so loudly, and fail where one is expected."""

import pytest

from . import conftest


@pytest.fixture(autouse=True)
def machine_without_a_browser(monkeypatch, tmp_path):
    for name in conftest.EXPECTED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_a_browser_the_tests_are_skipped_with_what_to_install():
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        conftest.browser_path()


def test_in_continuous_integration_an_absent_browser_is_a_failure(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(RuntimeError, match="CI is set"):
        conftest.browser_path()


def test_the_tests_can_be_run_as_on_a_machine_without_a_browser(monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("XRT_MOCK_CHROMIUM", "none")
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        conftest.browser_path()


def test_an_absent_package_counts_like_an_absent_browser():
    with pytest.raises(pytest.skip.Exception, match="no_such_package"):
        conftest.needed("no_such_package")


def test_the_path_of_a_browser_is_taken_as_it_is(monkeypatch):
    monkeypatch.setenv("XRT_MOCK_CHROMIUM", "/opt/chromium")
    assert conftest.browser_path() == "/opt/chromium"
