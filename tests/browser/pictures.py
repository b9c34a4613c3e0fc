"""Makes the pictures of pages that the documentation shows: ``python -m tests.browser.pictures``."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from PIL import Image
from playwright.sync_api import sync_playwright

from mock_server import MockServer, Simulator
from mock_server.reports.files import Material, render_report
from mock_server.reports.limits import parse_limits
from tests.browser.conftest import browser_options, browser_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
ME = "me@example.org"
SERVICE = "https://www.swift.ac.uk/user_objects"
LIGHT_CURVE = {"lc": 1, "binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1, "cent": 0}
SOURCE = {"UserID": ME, "name": "GRB 200416A", "targ": "00966554", "RA": 335.6985, "Dec": -7.5179}
JOB = SOURCE | LIGHT_CURVE | {"image": 1, "doxastrom": 1}
FULL = JOB | {"doenh": 1, "spec": 1, "specz": 0}
WIDE, PHONE = 1400, 400
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": WIDE, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": WIDE, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": PHONE, "height": 800}},
    "phone-dark": {"color_scheme": "dark", "viewport": {"width": PHONE, "height": 800}},
}


class Camera:
    """Takes pictures of the pages of a server."""

    def __init__(self, browser: Browser, server: MockServer) -> None:
        self._pages = {look: browser.new_page(base_url=server.url, **options) for look, options in LOOKS.items()}

    def take(
        self, address: str, name: str, *looks: str, before: Callable[[Page], object] | None = None, whole: bool = True
    ) -> None:
        """Take a picture of a page in each look, with a palette, so that the file is small."""
        for look in looks:
            page = self._pages[look]
            page.goto("about:blank")
            page.goto(address, wait_until="load")
            if before is not None:
                before(page)
            picture = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
            small = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            small.save(FOLDER / f"{name}-{look}.png", optimize=True)


def main() -> None:
    """Play a short story and take pictures on the way."""
    with MockServer(clock="virtual") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=browser_options())
        camera = Camera(browser, server)
        advance = server.simulator.controls.advance
        camera.take("/_mock/", "dashboard-empty", "light", "phone", whole=False)
        job = str(ask(server, "run_userobject", FULL)["URL"])
        for seconds, name, looks in ((10, "queued", ["light"]), (140, "running", ["light", "phone"])):
            advance(seconds)
            camera.take(job, f"job-{name}", *looks)
        for source, user in (("GK Per", ME), ("Cyg X-1", ME), ("Mrk 421", "alice@example.org"), ("3C 273", ME)):
            ask(server, "run_userobject", JOB | {"name": source, "UserID": user})
            advance(50)
        server.simulator.controls.plan_fault({"kind": "refuse", "operation": "getNumJobs", "times": 2})
        ask(server, "getNumJobs", {"UserID": ME})
        camera.take("/_mock/", "dashboard", *LOOKS)
        camera.take("/_mock/", "dashboard-settings", "light", before=lambda page: open_drawer(page, "settings"))
        camera.take("/_mock/", "dashboard-faults", "dark", before=lambda page: open_drawer(page, "faults"))
        advance(6 * 3600)
        camera.take(job, "job-complete", *LOOKS)
        camera.take(job, "job-charts", "light", "dark", "phone", before=look_closer)
        fill(server)
        camera.take("/_mock/", "dashboard-5000", "light", "dark", "phone", whole=False)
        report(camera)
        advance(10 * 86400)
        camera.take(job, "job-expired", "light")
        browser.close()


def report(camera: Camera) -> None:
    """Take pictures of the written report of a small campaign with an outage and a broken limit."""
    with Simulator(scenario="maintenance") as sim, sim.intercept():
        begin = sim.clock.now()
        for hour in range(60):
            post(f"{SERVICE}/run_userobject.php", JOB | {"name": f"GRB {hour}"})
            post(f"{SERVICE}/getNumJobs.php", {"UserID": ME})
            sim.clock.advance_to(begin + 3600.0 * (hour + 1))
        found = sim.report()
        gates = [limit.judge(found) for limit in parse_limits("active>5,refused>0")]
        page = render_report("html", Material(found, gates, sim.controls.jobs(), sim.journal))
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
        file.write(page)
        file.flush()
        camera.take(f"file://{file.name}", "report", *LOOKS)


def post(url: str, body: dict[str, object]) -> None:
    """Ask the intercepted service; an outage is an answer, too."""
    requests.post(url, json=body, timeout=60)


def ask(server: MockServer, operation: str, body: dict[str, object]) -> dict[str, object]:
    """Ask the service as a program does."""
    answer = requests.post(f"{server.url}/user_objects/{operation}.php", json=body, timeout=60)
    return dict(answer.json())


def open_drawer(page: Page, name: str) -> None:
    """Open a drawer of the dashboard."""
    page.locator(f"#drawer-{name} > summary").click()


def look_closer(page: Page) -> None:
    """Turn the pictures of a job into charts, and go to a point of the first."""
    for number in range(page.locator("button[data-chart]").count()):
        page.locator("button[data-chart]").first.click()
        page.locator(".chart").nth(number).wait_for()
    page.locator(".chart").first.focus()
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)  # charts are drawn with the next frame


def fill(server: MockServer, most: int = 5_000, users: int = 40) -> None:
    """Store jobs: half of them have ended, some run, the others wait."""
    sim = server.simulator
    now, first = sim.clock.now(), sim.jobs.old_job(ME, 1)
    build = first.builds[0]
    with sim.store.transaction() as facts:
        for number in range(sim.controls.jobs()[-1].job_id + 1, most + 1):
            start = now + 10 * (number - most // 2)
            plan: dict[str, Any] = {
                "requested_at": start - 400,
                "queued_at": start - 395,
                "started_at": start,
                "running_at": start,
            }
            facts.add_job(
                replace(
                    first, job_id=number, name=f"GRB {number}", user=f"u{number % users}@example.org",
                    submitted_at=min(now, start - 400), parameters=dict(first.parameters),
                    builds=(build._replace(**plan, ends_at=start + 150),),
                )
            )  # fmt: skip


if __name__ == "__main__":
    main()
