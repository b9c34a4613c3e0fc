"""Copies of one program have a user each, and do not notice."""

import json

import pytest

from mock_server.run.copies import address_of, inbound, outbound
from mock_server.transport.wsgi_call import Answer, Request

URL = "https://www.swift.ac.uk/user_objects/getNumJobs.php"


def post(body: bytes) -> Request:
    return Request("POST", URL, {}, body)


@pytest.mark.parametrize(("copy", "address"), [(0, "me@x.org"), (1, "me+1@x.org"), (12, "me+12@x.org")])
def test_each_copy_has_an_address(copy, address):
    assert address_of("me@x.org", copy) == address


def test_the_address_is_changed_on_the_way_in_and_back_on_the_way_out():
    request, user = outbound(post(b'{"UserID": "me@x.org", "JobID": 3}'), 2)
    assert json.loads(request.body) == {"UserID": "me+2@x.org", "JobID": 3}
    refusal = b"Job 3 is not owned by user me+2@x.org"
    answer = inbound(Answer(200, "OK", [("Content-Length", str(len(refusal)))], refusal), user or "", 2)
    assert answer.body == b"Job 3 is not owned by user me@x.org"
    assert answer.headers == [("Content-Length", str(len(answer.body)))]


@pytest.mark.parametrize("body", [b"", b"UserID but not JSON", b'["UserID"]', b'{"UserID": 5}', b'{"UserID": "me"}'])
def test_a_body_without_an_address_stays_as_it_is(body):
    assert outbound(post(body), 3) == (post(body), None)


def test_the_first_copy_stays_as_it_is():
    request = post(b'{"UserID": "me@x.org"}')
    assert outbound(request, 0) == (request, None)


def test_an_answer_without_the_address_stays_as_it_is():
    answer = Answer(200, "OK", [("Content-Length", "2")], b"{}")
    assert inbound(answer, "me@x.org", 1) is answer
