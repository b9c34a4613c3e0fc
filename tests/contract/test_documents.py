"""The documents themselves: valid OpenAPI, every rule with its evidence, every link usable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import validate

from contracts import documents
from contracts.differences import EVIDENCE
from contracts.documents import ContractViolation
from tests.tools.asserting import no_exception

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("jobs", "control")
APPLICATION = [op for op in documents.operations().values() if op.path.endswith(".php") and op.id != "register"]
JSON_POSTS = [op for op in APPLICATION if op.method == "POST"]


def nodes(tree: Any) -> Iterator[Any]:
    yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(child)


@pytest.mark.parametrize("name", NAMES)
def test_the_document_is_valid_openapi(name):
    with no_exception():
        validate(documents.load(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_named_schema_is_a_valid_schema_on_its_own(name):
    for component in documents.load(name)["components"]["schemas"]:
        assert documents.validator(f"/components/schemas/{component}", name)


@pytest.mark.parametrize("name", NAMES)
def test_every_named_schema_is_used(name):
    text = documents.source(f"openapi/{name}.yaml")
    schemas = documents.load(name)["components"]["schemas"]
    assert not [component for component in schemas if f"schemas/{component}'" not in text.replace("/properties", "'")]


def test_evidence_is_one_of_the_four_kinds():
    found = {node["x-evidence"] for node in nodes(documents.load()) if isinstance(node, dict) and "x-evidence" in node}
    assert found <= EVIDENCE.keys()


def test_every_operation_says_how_it_is_known():
    assert not [op.id for op in documents.operations().values() if "x-evidence" not in op.definition]


def test_every_address_of_the_service_has_an_operation():
    endpoints = {
        "run_userobject.php", "canceljob.php", "checkProductStatus.php", "getNumJobs.php", "listOldJobs.php",
        "getOldProduct.php", "tprods/getPSFPos.php", "tprods/getEnhPos.php", "tprods/getXastromPos.php",
        "tprods/getAstromPos.php", "tprods/getSourceDetResults.php", "tprods/getLCData.php", "tprods/getSpecData.php",
    }  # fmt: skip
    paths = {op.path for op in JSON_POSTS}
    assert paths == {f"/user_objects/{endpoint}" for endpoint in endpoints} | {"/API/main.php"}


@pytest.mark.parametrize("op", JSON_POSTS, ids=lambda op: op.id)
def test_a_json_body_may_carry_either_label(op):
    content = op.request_content()
    assert set(content) == {"application/json", "application/x-www-form-urlencoded"}
    assert content["application/json"] == content["application/x-www-form-urlencoded"]


@pytest.mark.parametrize("op", JSON_POSTS, ids=lambda op: op.id)
def test_application_answers_are_http_200_labelled_html(op):
    assert set(op.definition["responses"]) == {"200", "5XX"}
    assert list(op.response_for(200)["content"]) == ["text/html"]


@pytest.mark.parametrize("op", JSON_POSTS, ids=lambda op: op.id)
def test_every_operation_can_be_refused(op):
    refusal = {"ERROR": 1} if op.id == "main" else {"OK": 0, "ERROR": "no", "APIVersion": "1.12"}
    assert documents.check_response(op.id, 200, refusal) in {
        "Refusal", "BareRefusal", "SharedFailure"
    }  # fmt: skip


def test_every_link_leads_to_an_operation_and_takes_its_values_from_documented_keys():
    for op in documents.operations().values():
        for response in op.definition["responses"].values():
            for link in response.get("links", {}).values():
                assert link["operationId"] in documents.operations()
                keys = re.findall(r"\$request\.body#/(\w+)", str(link))
                request = next(iter(op.request_content().values()))["schema"]["$ref"].rsplit("/", 1)[-1]
                known = documents.load()["components"]["schemas"][request].get("properties", {})
                assert set(keys) <= set(known), f"{op.id} links from a key its request does not have"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/user_objects/run_userobject.php", "run_userobject"),
        ("POST", "/API/main.php", "main"),
        ("GET", "/user_objects/tprods/USERPROD_14/lc.tar.gz", "downloadProduct"),
        ("GET", "/user_objects/tprods/USERPROD_14", "jobPage"),
        ("GET", "/user_objects/tprods/USERPROD_14/index.php", "jobPageIndex"),
        ("GET", "/user_objects/tprods/USERPROD_14/spec/interval0.tar.gz", "downloadFile"),
        ("GET", "/user_objects/tprods/USERPROD_14/lc/rebin_3/PCCURVE.qdp", "downloadRebinnedFile"),
        ("GET", "/user_objects/register.php", "registerPage"),
        ("POST", "/_mock/clock/advance", "advanceClock"),
        ("GET", "/user_objects/run_userobject.php", None),
        ("POST", "/user_objects/nowhere.php", None),
    ],
)
def test_an_operation_is_found_by_method_and_path(method, path, expected):
    assert documents.operation_for(method, path) == expected


def test_a_violation_says_where_why_and_what_to_do():
    body = {"OK": 1, "JobID": 3, "APIVersion": "1.12", "lc": {"statusCode": 3, "statusText": "Running", "progress": {}}}
    with pytest.raises(ContractViolation, match="to do: fix the server") as caught:
        documents.check_response("checkProductStatus", 200, body)
    assert caught.value.where == "lc/progress"
    assert "GotProgress" in caught.value.reason
    assert caught.value.evidence == "documented"


def test_an_undocumented_status_code_is_a_violation():
    with pytest.raises(ContractViolation, match="HTTP status 400"):
        documents.check_response("getNumJobs", 400, {})


def test_a_wrong_label_is_a_violation():
    with pytest.raises(ContractViolation, match="application/json"):
        documents.check_response("getNumJobs", 200, {"OK": 1, "numJobs": 0, "APIVersion": "1.12"}, "application/json")


def test_an_unknown_operation_is_named_with_the_known_ones():
    with pytest.raises(KeyError, match="getNumJobs"):
        documents.operation("countJobs")
