"""The plain form of the document: other tools take it, and it says the same about every body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from click.testing import CliRunner
from openapi_spec_validator import validate

from contracts import documents, export, harness
from contracts.cli import main
from mock_server import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


COUNT = "/user_objects/getNumJobs.php"


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from nodes(child)
    elif isinstance(node, list):
        for item in node:
            yield from nodes(item)


def test_the_plain_document_is_valid_and_has_nothing_that_other_tools_refuse():
    document = export.plain("http://127.0.0.1:8000")
    validate(document)
    assert document["servers"] == [{"url": "http://127.0.0.1:8000"}]
    for node in nodes(document):
        assert not isinstance(node.get("const"), list)
        assert "prefixItems" not in node
        assert "links" not in node
        assert "externalValue" not in node


def test_the_plain_document_allows_every_documented_answer():
    document = export.plain()
    registry = jsonschema_rs.Registry([("urn:plain", document)], draft=jsonschema_rs.Draft202012)
    looked_at = 0
    for operation in documents.operations().values():
        content = document["paths"][operation.path][operation.method.lower()]["responses"]["200"].get("content", {})
        for label in content.values():
            schema = json.loads(json.dumps(label["schema"]).replace('"#/', '"urn:plain#/'))
            check = jsonschema_rs.Draft202012Validator(schema, registry=registry)
            for example in label.get("examples", {}).values():
                assert check.is_valid(example["value"]), operation.id
                looked_at += 1
    assert looked_at > 15


def test_the_command_writes_the_document(tmp_path):
    file = tmp_path / "plain.json"
    done = CliRunner().invoke(main, ["contract", "export", "--plain", str(file)])
    assert done.exit_code == 0, done.output
    assert json.loads(file.read_text(encoding="utf-8")) == export.plain()


def test_json_is_labelled_as_json_only_where_it_is_set():
    labels = []
    for settings in ({}, {"api.json_label": True}):
        with Simulator(settings=settings) as simulator:
            labels.append(harness.backend(simulator.app).call("POST", COUNT, {"UserID": "a@b.org"}).label)
    assert labels == ["text/html", "application/json"]
