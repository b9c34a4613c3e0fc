"""Makes the pictures of pages that the documentation shows: ``python -m tests.browser.pictures``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import requests
from playwright.sync_api import sync_playwright

from mock_server import MockServer
from tests.browser.conftest import browser_options, browser_path

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
ME = "me@example.org"
LIGHT_CURVE = {"lc": 1, "binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1, "cent": 0}
SOURCE = {"UserID": ME, "name": "GRB 200416A", "targ": "00966554", "RA": 335.6985, "Dec": -7.5179}
JOB = SOURCE | LIGHT_CURVE | {"image": 1, "doxastrom": 1}
FULL = JOB | {"doenh": 1, "spec": 1, "specz": 0}


def main() -> None:
    """Play a short story and take pictures on the way."""
    with MockServer(clock="virtual") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=browser_options())
        light, dark = (
            browser.new_page(base_url=server.url, color_scheme=colours, viewport={"width": 1000, "height": 700})
            for colours in ("light", "dark")
        )
        phone = browser.new_page(base_url=server.url, viewport={"width": 360, "height": 740})
        advance = server.simulator.controls.advance
        job = ask(server, "run_userobject", FULL)["URL"]
        for seconds, name in ((10, "queued"), (140, "running")):
            advance(seconds)
            take(light, str(job), f"job-{name}")
        take(phone, str(job), "job-phone")
        for source in ("GK Per", "Cyg X-1", "Mrk 421"):
            ask(server, "run_userobject", JOB | {"name": source})
            advance(70)
        server.simulator.controls.plan_fault({"kind": "refuse", "operation": "getNumJobs", "times": 2})
        ask(server, "getNumJobs", {"UserID": ME})
        take(light, "/_mock/", "dashboard-light")
        take(dark, "/_mock/", "dashboard-dark")
        for seconds, name in ((6 * 3600, "complete"), (10 * 86400, "expired")):
            advance(seconds)
            take(light, str(job), f"job-{name}")
        browser.close()


def ask(server: MockServer, operation: str, body: dict[str, object]) -> dict[str, object]:
    """Ask the service as a program does."""
    answer = requests.post(f"{server.url}/user_objects/{operation}.php", json=body, timeout=60)
    return dict(answer.json())


def take(page: Page, address: str, name: str) -> None:
    """Open a page, wait until its pictures are there, and take one of it."""
    page.goto(address, wait_until="load")
    page.screenshot(path=FOLDER / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main()
