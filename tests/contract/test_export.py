"""The plain form of the document: other tools take it, and it says the same about every body."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from openapi_spec_validator import validate

from contracts import documents, export
from contracts.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE_TOOLS = {
    "redocly": ("@redocly/cli@2", ["redocly", "lint", "FILE"]),
    "spectral": ("@stoplight/spectral-cli@6", ["spectral", "lint", "FILE", "--ruleset", "RULES"]),
    "openapi-typescript": ("openapi-typescript@7", ["openapi-typescript", "FILE", "-o", "types.ts"]),
}
"""Packages of npm, and their commands."""
NODE_NEEDS = {"openapi-typescript": ["-p", "typescript@5"]}
LONG_S = 600


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


@pytest.mark.nightly
@pytest.mark.parametrize("tool", NODE_TOOLS)
def test_tools_of_node_take_the_plain_document(tmp_path, tool):
    if shutil.which("npx") is None:
        pytest.skip("npx is not there: install Node.js 18 or later (nodejs.org)")
    package, command = NODE_TOOLS[tool]
    file, rules = tmp_path / "plain.json", tmp_path / "rules.yaml"
    file.write_text(json.dumps(export.plain("http://127.0.0.1:8000")), encoding="utf-8")
    rules.write_text('extends: ["spectral:oas"]\n', encoding="utf-8")
    words = [{"FILE": str(file), "RULES": str(rules)}.get(word, word) for word in command]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xrt-mock" / "npm"
    done = subprocess.run(
        ["npx", "--yes", "-p", package, *NODE_NEEDS.get(tool, []), *words],
        cwd=tmp_path, capture_output=True, text=True, timeout=LONG_S, check=False,
        env={**os.environ, "npm_config_cache": str(cache)},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
