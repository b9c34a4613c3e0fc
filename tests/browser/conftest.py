"""A real browser, and a simulator on a real address; axe and an HTML parser look at every page."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urljoin

import pytest

from mock_server import MockServer
from tests.server.conftest import EXACT
from tests.tools.asserting import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from playwright.sync_api import Browser, Page, Request, ViewportSize

WITHOUT = "NO BROWSER TESTS, because {} is missing: pip install --group browser and apt-get install chromium"
EXPECTED = ("CI", "XRT_MOCK_CHROMIUM")
"""Where one of these is set, a browser has to be there: what is missing is a failure then, not a skip."""
NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE: ViewportSize = {"width": 1280, "height": 720}
PHONE: ViewportSize = {"width": 360, "height": 740}
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
    named = [name for name in EXPECTED if os.environ.get(name) and os.environ.get("XRT_MOCK_CHROMIUM") != "none"]
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
    if path is None or path == "none":  # as on a machine without one
        do_without(" or ".join(NAMES))
    return path


def expect(thing: Any, *message: str) -> Any:
    """Return Playwright's assertions about a page or a part of it; they count as assertions of the test."""
    count()
    return needed("playwright.sync_api").expect(thing, *message)


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


@pytest.fixture(scope="package")
def shared_page(chromium: Browser) -> Iterator[Page]:
    """A page for all tests that need no options: making one takes longer than most of them."""
    with chromium.new_context() as context:
        yield context.new_page()


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(clock="virtual", settings=EXACT) as started:
        yield started


@pytest.fixture
def open_page(request: pytest.FixtureRequest, chromium: Browser, server: MockServer) -> Iterator[Callable[..., Page]]:
    """Open pages of the server; an error in a script, or an address that leads nowhere or elsewhere, fails the test.

    A page with a clock or options of its own has its own context; the others are one page, as new.
    """
    wrong = list[str]()
    with ExitStack() as stack:

        def watch(event: Any, look: Callable[[Any], object], page: Any) -> None:
            page.on(event, look)
            stack.callback(page.remove_listener, event, look)

        def look(asked: Request) -> None:
            if not asked.url.startswith((server.url, "data:")):
                wrong.append(f"{asked.url} is elsewhere")

        def lost(asked: Request) -> None:
            if asked.failure != "net::ERR_ABORTED":  # the page itself gives a request up when it is loaded anew
                wrong.append(f"no answer from {asked.url}: {asked.failure}")

        def opened(path: str, *, own: bool = False, **options: Any) -> Page:
            if own or options:
                page = stack.enter_context(chromium.new_context(**options)).new_page()
            else:
                page = request.getfixturevalue("shared_page")
                page.context.clear_cookies()
                page.emulate_media(color_scheme="light")
                page.set_viewport_size(WIDE)
                stack.callback(page.goto, "about:blank")
            watch("pageerror", lambda error: wrong.append(f"a script failed: {error}"), page)
            watch("request", look, page)
            watch("requestfailed", lost, page)
            page.goto(urljoin(server.url, path))
            return page

        yield opened
    assert not wrong
