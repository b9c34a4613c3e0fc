"""Answers generated from the contract, to feed to a client."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import schemathesis
from schemathesis import GenerationMode

from . import documents, harness

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def answers_of(variants: list[str]) -> SearchStrategy[Any]:
    """Return a strategy for answers: half of them as the schemas have them, half with lists that :func:`agree`.

    Parameters
    ----------
    variants
        Names of schemas, such as ``LightCurve``.
    """
    return st.one_of([made for name in variants for made in (_strategy(name), _strategy(name).map(agree))])


def agree(answer: Any) -> Any:
    """Return an answer whose lists name the tables beside them, which a schema cannot demand.

    Without this, a client would hardly ever get a table that is both named and present.
    """
    if not isinstance(answer, dict):
        return answer
    agreed = {key: agree(value) for key, value in answer.items()}
    tables = [key.removesuffix("Data") for key in agreed if key.endswith("Data")]
    parts = [key for key, value in agreed.items() if key and isinstance(value, dict) and key != "deprecationWarning"]
    for key, names in {
        "Datasets": tables,
        "datasets": tables,
        "rnames": parts,
        "Modes": parts,
        "Models": parts,
    }.items():
        if names and key in agreed:
            agreed[key] = names
    return agreed


@cache
def _strategy(component: str) -> SearchStrategy[Any]:
    """Return a strategy for a schema; schemathesis generates it as the body of a request."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Answers", "version": "1"},
        "paths": {
            "/": {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {harness.JSON: {"schema": {"$ref": f"#/components/schemas/{component}"}}},
                    },
                    "responses": {"200": {"description": "Not used."}},
                }
            }
        },
        "components": json.loads(json.dumps(documents.load()["components"])),
    }
    operation = schemathesis.openapi.from_dict(document)["/"]["POST"]
    strategy: SearchStrategy[Any] = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return strategy.map(lambda case: case.body)
