"""The client against the contract: its requests, and its handling of every answer that the contract allows."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import requests

from contracts import documents, harness
from contracts.consumer import Answering, Recorder
from mock_server import Simulator
from tests.contract import fuzzing
from tests.contract.clients import CALLS, USER, built, pairs, service
from xrt_client import Service, XRTError, XRTProductRequest

QUICK, QUICK_FOR_LARGE = 6, dict.fromkeys(("LightCurve", "RebinnedLightCurve", "SourceList"), 2)
"""Answers of each kind in every run; of the kinds whose every answer is a long table, fewer."""
NIGHTLY_ANSWERS = 50_000
"""Least number of generated answers in a night."""
LONG, LONG_FOR_LARGE = (
    1500,
    {"SourceList": 250, "RebinnedLightCurve": 250, "LightCurve": 500, "SubmissionAccepted": 700},
)
"""Answers of each kind in a night; the kinds whose every answer is a long table take their share of time with fewer."""
NIGHTLY_BROKEN = 20_000
"""Least number of generated answers with one mutation each in a night."""
PAIRS = pairs()
NAMES = [f"{name}: {variant}" for name, variant in PAIRS]
FAILURES: dict[str, Any] = {
    "404 page": {"body": "<html>UKSSDC | 404 page not found</html>", "status": 404},
    "500 page": {"body": "<html>oops</html>", "status": 500},
    "503 page": {"body": "<html>later</html>", "status": 503},
    "page with HTTP 200": {"body": "<html>maintenance</html>"},
    "nothing with HTTP 200": {"body": b""},
    "broken JSON": {"body": '{"OK":1,"jobs":['},
    "JSON that is no object": {"body": "[1,2,3]"},
    "JSON null": {"body": "null"},
    "an empty object": {"body": "{}"},
    "bytes": {"body": b"\xff\xfe\x00"},
    "no connection": {"body": requests.ConnectionError("refused")},
    "no answer in time": {"body": requests.ReadTimeout("too late")},
}


@pytest.fixture(autouse=True)
def folder_of_its_own(tmp_path, monkeypatch):
    """Clients save files in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def client():
    return fuzzing.own_client()


@pytest.mark.parametrize(("name", "variant"), PAIRS, ids=NAMES)
def test_every_documented_answer_is_read_or_refused_with_a_documented_exception(client, name, variant):
    assert fuzzing.fuzz(client, name, variant, QUICK_FOR_LARGE.get(variant, QUICK)) > 0


@pytest.mark.nightly
def test_fifty_thousand_documented_answers_are_read_or_refused(capsys):
    client = fuzzing.own_client()
    for name, variant in PAIRS:
        fuzzing.fuzz(client, name, variant, LONG_FOR_LARGE.get(variant, LONG), watch=True)
    for name, (failure, answer) in itertools.product(CALLS, FAILURES.items()):
        client.watch(name, failure, **answer)
    with capsys.disabled():
        print(f"\n{client.report()}")
    assert not client.surprises, client.report()
    assert sum(client.fed.values()) >= NIGHTLY_ANSWERS, client.fed


def broken_answers(examples: int, for_large: int) -> fuzzing.Subject:
    """Return the client after answers of each kind with one mutation each."""
    client = fuzzing.own_client()
    for name, variant in PAIRS:
        fuzzing.fuzz_broken(client, name, variant, for_large if variant in LONG_FOR_LARGE else examples)
    return client


def test_an_answer_with_one_mutation_is_read_or_refused_with_a_documented_exception():
    client = broken_answers(8, for_large=3)
    assert not client.surprises, client.report()
    assert sum(client.fed.values()) >= 200, client.fed


@pytest.mark.nightly
def test_twenty_thousand_answers_with_one_mutation_are_read_or_refused(capsys):
    client = broken_answers(600, for_large=250)
    with capsys.disabled():
        print(f"\n{client.report()}")
    assert not client.surprises, client.report()
    assert sum(client.fed.values()) >= NIGHTLY_BROKEN, client.fed


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", CALLS)
def test_every_failure_of_the_network_raises_a_documented_exception(client, name, failure):
    outcome = client.feed(name, **FAILURES[failure])
    assert isinstance(outcome, XRTError) or outcome is not None or name == "getOldProduct"


def test_a_documented_answer_is_read(client):
    found = client.feed("getPSFPos", body=documents.example("getPSFPos.ok.derived.response.json"))
    assert found["GotPos"]
    assert float(found["RA"]) == 335.6985


@pytest.fixture
def watched():
    """A simulator that answers `requests`, and a recorder that checks the traffic."""
    with Simulator() as simulator, simulator.intercept(), Recorder() as recorder:
        yield simulator, recorder
        recorder.raise_findings()


def test_what_the_client_sends_and_gets_is_what_the_contract_says(watched, tmp_path):
    simulator, recorder = watched
    mine = Service(sleep=simulator.clock.sleep, now=simulator.clock.now)
    request = built(service=mine)
    assert request.submit(), request.submitError
    request.checkProductStatus()
    request.countActiveJobs()
    request.listOldJobs()
    request.cancelProducts("Image")
    simulator.clock.advance(86400)
    assert request.complete
    request.retrieveStandardPos()
    request.retrieveEnhancedPos()
    request.retrieveAstromPos()
    request.retrieveSourceList()
    request.retrieveLightCurve(nosys="both", incbad="both")
    request.retrieveSpectralFits()
    request.downloadProducts(str(tmp_path), format="zip")
    XRTProductRequest(USER, service=mine).copyOldJob(request.JobID)
    operations = {exchange.path.rsplit("/", 1)[-1] for exchange in recorder.exchanges}
    assert {"run_userobject.php", "getLCData.php", "getSpecData.php", "lc.zip", "canceljob.php"} <= operations
    assert not recorder.refused


@pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:DEPRECATION WARNING:UserWarning")
def test_the_official_client_keeps_the_contract_too(watched, tmp_path):
    from swifttools.ukssdc.xrt_prods import XRTProductRequest as Official
    from swifttools.ukssdc.xrt_prods import countActiveJobs, listOldJobs

    simulator, recorder = watched
    request = built(Official, silent=True)
    assert request.submit(), request.submitError
    request.checkProductStatus()
    countActiveJobs(USER)
    listOldJobs(USER)
    simulator.clock.advance(86400)
    assert request.complete
    request.retrieveLightCurve(returnData=True)
    request.retrieveEnhancedPos()
    request.retrieveAstromPos()
    request.downloadProducts(str(tmp_path), format="tar.gz")
    other = Official(USER, silent=True)
    other.copyOldJob(request.JobID)
    assert len(recorder.exchanges) > 10


ROOT = "https://www.swift.ac.uk/user_objects/"
GOOD = {
    "run_userobject.php": {"UserID": USER, "name": "GK Per", "lc": 1},
    "checkProductStatus.php": {"UserID": USER, "JobID": 3, "what": "lc"},
    "canceljob.php": {"UserID": USER, "JobID": 3, "what": "lc"},
    "getOldProduct.php": {"UserID": USER, "oldJob": 3},
    "tprods/getLCData.php": {"UserID": USER, "JobID": 3, "nosys": "no"},
}
BROKEN_CLIENTS: dict[str, tuple[str, Any]] = {
    "forgets who asks": ("getOldProduct.php", {"oldJob": 3}),
    "spells UserID in another way": ("checkProductStatus.php", {"userID": USER, "JobID": 3, "what": "lc"}),
    "sends the user as a list": ("canceljob.php", {"UserID": [USER], "JobID": 3, "what": "lc"}),
    "sends an empty user": ("canceljob.php", {"UserID": "", "JobID": 3, "what": "lc"}),
    "forgets the job": ("checkProductStatus.php", {"UserID": USER, "what": "lc"}),
    "sends the job as text that is no number": ("checkProductStatus.php", {"UserID": USER, "JobID": "x", "what": "lc"}),
    "sends the job as a fraction": ("canceljob.php", {"UserID": USER, "JobID": 3.5, "what": "lc"}),
    "asks for an old job under JobID": ("getOldProduct.php", {"UserID": USER, "JobID": 3}),
    "forgets what": ("checkProductStatus.php", {"UserID": USER, "JobID": 3}),
    "sends what as a list": ("canceljob.php", {"UserID": USER, "JobID": 3, "what": ["lc"]}),
    "sends an empty what": ("canceljob.php", {"UserID": USER, "JobID": 3, "what": ""}),
    "sends nosys as a boolean": ("tprods/getLCData.php", {"UserID": USER, "JobID": 3, "nosys": True}),
    "sends incbad as a word of its own": ("tprods/getLCData.php", {"UserID": USER, "JobID": 3, "incbad": "maybe"}),
    "forgets the name": ("run_userobject.php", {"UserID": USER, "lc": 1}),
    "sends a switch as a word": ("run_userobject.php", {"UserID": USER, "name": "GK Per", "lc": "light curve"}),
    "sends a choice that does not exist": ("run_userobject.php", {"UserID": USER, "name": "GK Per", "binMeth": "bins"}),
    "sends a position out of range": ("run_userobject.php", {"UserID": USER, "name": "GK Per", "Dec": 91}),
    "sends an error circle out of range": ("run_userobject.php", {"UserID": USER, "name": "GK Per", "poserr": 0.01}),
    "sends a number as a word": ("run_userobject.php", {"UserID": USER, "name": "GK Per", "minen": "low"}),
    "sends models as text": ("run_userobject.php", {"UserID": USER, "name": "GK Per", "models": "powerlaw"}),
    "sends a list instead of an object": ("run_userobject.php", [USER]),
    "sends a form": ("run_userobject.php", "UserID=me&name=x"),
    "calls an address that does not exist": ("getJobs.php", {"UserID": USER}),
    "rebins without a function": ("../API/main.php", {"JobID": 3}),
    "rebins with another version's form": ("../API/main.php", {"APIFunc": "cancelRebin", "APIVersion": 1, "JobID": 3}),
    "rebins the wrong type of object": (
        "../API/main.php",
        {"APIFunc": "rebinLightCurve", "APIVersion": "1.0.5", "type": "REBIN_LC", "objectID": 3, "binMeth": "obsid"},
    ),
}


@pytest.mark.parametrize("words", BROKEN_CLIENTS)
def test_a_broken_client_is_caught(words):
    path, body = BROKEN_CLIENTS[words]
    data = body if isinstance(body, str) else json.dumps(body)
    with Answering(body={"OK": 1, "APIVersion": "1.12"}), Recorder() as recorder:
        requests.post(ROOT + path, data=data, timeout=1)
    caught = {finding.rule for finding in recorder.findings}
    assert caught & {"requests_are_documented", "addresses_are_documented"}, f"no finding, although a client {words}"


@pytest.mark.parametrize("path", GOOD)
def test_a_good_client_is_not_blamed(path):
    with Answering(body={"OK": 0, "ERROR": "no", "APIVersion": "1.12"}), Recorder() as recorder:
        requests.post(ROOT + path, json=GOOD[path], timeout=1)
    assert not [
        finding for finding in recorder.findings + recorder.refused if finding.rule == "requests_are_documented"
    ]


def test_a_request_outside_the_contract_is_reported_with_its_place():
    with Answering(body={"OK": 1, "APIVersion": "1.12", "numJobs": 0}), Recorder() as recorder:
        requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"user": "me"}, timeout=1)
    assert any("UserID" in finding.words for finding in recorder.findings)
    with pytest.raises(AssertionError, match="getNumJobs"):
        recorder.raise_findings()


def test_a_request_outside_the_contract_is_the_clients_business_if_it_was_refused():
    with Answering(body={"OK": 0, "APIVersion": "1.12", "ERROR": "no"}), Recorder() as recorder:
        requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"user": "me"}, timeout=1)
    assert not recorder.findings
    assert len(recorder.refused) == 1


def test_an_answer_outside_the_contract_is_reported():
    with Answering(body={"OK": 1, "APIVersion": "1.12", "numJobs": "3"}), Recorder() as recorder:
        requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"UserID": USER}, timeout=1)
    assert any(finding.rule == "answer_is_documented" for finding in recorder.findings)


def test_an_address_outside_the_contract_is_reported():
    with Answering(body="{}"), Recorder() as recorder:
        requests.post("https://www.swift.ac.uk/user_objects/getJobs.php", json={}, timeout=1)
    assert [finding.rule for finding in recorder.findings] == ["addresses_are_documented"]


def test_a_call_without_an_answer_is_remembered():
    silence = Answering(body=requests.ConnectionError("no"))
    with silence, Recorder() as recorder, pytest.raises(requests.ConnectionError):
        requests.get("https://www.swift.ac.uk/user_objects/register.php", timeout=1)
    assert recorder.failures == ["GET https://www.swift.ac.uk/user_objects/register.php: ConnectionError"]


def test_a_service_of_the_tests_does_not_retry():
    assert service().policy.attempts == 1


def test_every_exchange_is_passed_on_and_of_one_without_a_body_the_request_alone_is_checked() -> None:
    seen: list[harness.Exchange] = []
    recorder = Recorder(watch=seen.append)
    answer = harness.exchange("POST", "/user_objects/getNumJobs.php", b'{"user": "me"}', 200, {}, b"")
    page = harness.exchange("GET", "/user_objects/register.php", b"", 200, {}, b"")
    recorder.take(answer, complete=False)
    recorder.take(page, complete=False)
    assert seen == recorder.exchanges == [answer, page]
    assert recorder.findings == []
    assert [(each.rule, each.operation) for each in recorder.refused] == [("requests_are_documented", "getNumJobs")]
    recorder.raise_findings()
    recorder.take(page)
    with pytest.raises(AssertionError, match="1 findings"):
        recorder.raise_findings()
