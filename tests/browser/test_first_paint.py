"""How soon the dashboard is seen, with few jobs and with many: ratios of the least of several loads."""

import pytest
import requests

from mock_server import MockServer
from tests.server.conftest import ME

from .pictures import JOB, fill

LOADS = 12
FIRST = "performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)"


def first_paint(page, url: str) -> float:
    """Return the real time until something is seen [ms]."""
    page.goto("about:blank")
    page.goto(url, wait_until="load")
    page.wait_for_function(f"({FIRST}).length > 0")
    return float(page.evaluate(FIRST)[0])


@pytest.mark.nightly
def test_the_dashboard_is_seen_as_soon_with_5000_jobs_as_with_5(chromium):
    page = chromium.new_page()
    with MockServer(clock="virtual") as few, MockServer(clock="virtual") as many:
        for server in (few, many):
            for name in ("GK Per", "Cyg X-1", "Mrk 421", "3C 273", "GRB 060729"):
                body = JOB | {"name": name, "UserID": ME}
                requests.post(f"{server.url}/user_objects/run_userobject.php", json=body, timeout=60)
        fill(many)
        seen = {server: min(first_paint(page, f"{server.url}/_mock/") for _ in range(LOADS)) for server in (few, many)}
    page.close()
    print(f"first paint: {seen[few]:.0f} ms with 5 jobs, {seen[many]:.0f} ms with 5,000: {seen[many] / seen[few]:.2f}")
    assert seen[many] <= 1.5 * seen[few]
