"""A real browser, and a simulator on a real address; axe and an HTML parser look at every page."""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from mock_server import MockServer
from tests.server.conftest import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from playwright.sync_api import Browser, Page, Request

WITHOUT = "NO BROWSER TESTS, for want of {}: pip install 'xrt-mock[browser]' and apt-get install chromium"
EXPECTED = ("CI", "XRT_MOCK_CHROMIUM")
"""Where one of these is set, a browser has to be there: what is missing is a failure then, not a skip."""
NAMES = ("chromium", "chromium-browser", "google-chrome")
WITHOUT_NETWORK = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def do_without(what: str) -> NoReturn:
    """Skip, or fail where a browser is expected."""
    named = [name for name in EXPECTED if os.environ.get(name)]
    if named:
        raise RuntimeError(f"{' and '.join(named)} is set, so these tests have to run. {WITHOUT.format(what)}")
    pytest.skip(WITHOUT.format(what), allow_module_level=True)


def needed(module: str) -> ModuleType:
    """A module of the extra `browser`."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        do_without(module)


def axe_script() -> Path:
    """The checker of accessibility, as the package ships it."""
    package = find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        do_without("axe-playwright-python")
    return Path(package.origin).with_name("axe.min.js")


def browser_path() -> str:
    """The browser of this machine: its own path in XRT_MOCK_CHROMIUM, or the one that is installed."""
    path = os.environ.get("XRT_MOCK_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    return path or do_without(" or ".join(NAMES))


def browser_options() -> list[str]:
    """How the browser is started: for root only without its sandbox."""
    return [*WITHOUT_NETWORK, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")  # not longer: its event loop would still run in the tests that come after these
def chromium() -> Iterator[Browser]:
    """A browser for all tests of this folder."""
    playwright = needed("playwright.sync_api")
    path = browser_path()
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=browser_options())
        yield browser
        browser.close()


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(clock="virtual", settings=EXACT) as started:
        yield started


@pytest.fixture
def open_page(chromium: Browser, server: MockServer) -> Iterator[Callable[..., Page]]:
    """Open pages of the server; an error in a script, or an address that leads nowhere or elsewhere, fails the test."""
    contexts, wrong = [], list[str]()

    def look(asked: Request) -> None:
        if not asked.url.startswith((server.url, "data:")):
            wrong.append(f"{asked.url} is elsewhere")

    def opened(path: str, **options: Any) -> Page:
        contexts.append(chromium.new_context(base_url=server.url, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(f"a script failed: {error}"))
        page.on("request", look)
        page.on("requestfailed", lambda asked: wrong.append(f"no answer from {asked.url}"))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong
