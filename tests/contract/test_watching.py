"""Requests outside the contract are noted while they pass, with the line that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client

from contracts.watching import RequestWatcher

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE = "test.line"
COUNT = "/user_objects/getNumJobs.php"


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with the body of the request."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


@pytest.fixture
def watcher() -> RequestWatcher:
    return RequestWatcher(echo, where=LINE, beside="/_mock")


def test_the_request_reaches_the_server_whole(watcher: RequestWatcher) -> None:
    assert Client(watcher).post(COUNT, data='{"user": "me"}').text == '{"user": "me"}'
    assert Client(watcher).post("/_mock/reset", data="anything").text == "anything"


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("POST", COUNT, '{"UserID": "me@example.org"}'),
        ("GET", "/user_objects/tprods/USERPROD_1/lc.zip", ""),
        ("POST", "/_mock/reset", "no JSON"),
        ("GET", "/_mock/nothing", ""),
    ],
)
def test_requests_of_the_contract_and_those_beside_it_are_not_noted(
    watcher: RequestWatcher, method: str, path: str, data: str
) -> None:
    Client(watcher).open(path, method=method, data=data)
    assert watcher.report() == []


def test_requests_outside_the_contract_are_counted_by_the_line_that_made_them(watcher: RequestWatcher) -> None:
    client = Client(watcher)
    for line in ("b.py:2", "a.py:1", "b.py:2"):
        client.post(COUNT, json={"user": "me"}, environ_overrides={LINE: line})
    client.post(COUNT, data="user=me")
    client.get("/user_objects/getJobs.php")
    report = watcher.report()
    assert {(each["operation"], each["where"], each["times"]) for each in report} == {
        ("getNumJobs", None, 1),
        ("getNumJobs", "a.py:1", 1),
        ("getNumJobs", "b.py:2", 2),
        ("unknown", None, 1),
    }
    words = {each["where"] or each["operation"]: each["words"] for each in report}
    assert words["unknown"] == "GET /user_objects/getJobs.php is not in the contract"
    assert '"UserID" is a required property' in words["a.py:1"]


def test_a_violation_is_named_in_one_short_line(watcher: RequestWatcher) -> None:
    Client(watcher).post(COUNT, json={"UserID": ["x"]})
    Client(watcher).get("/" + 300 * "x")
    short, long = (each["words"] for each in watcher.report())
    assert short == 'request to getNumJobs breaks the contract at UserID: ["x"] is not of type "string"'
    assert long == "GET /" + 195 * "x"
