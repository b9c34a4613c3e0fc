"""The 101 documented parameters of a submission against the contract's request and its echo, entry by entry."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from contracts import documents

CATALOGUE = documents.parameter_catalogue()
SCHEMAS = documents.load()["components"]["schemas"]
REQUEST = SCHEMAS["Submission"]["properties"]
ECHO = SCHEMAS["JobParameters"]["properties"]
PRODUCTS = {"server-only": "server", "positions (shared)": "positions"}
# Echoes in the documented examples that contradict the contract; test_examples.py says why.
CODES = {("centMeth", "3"), ("timeslice", 1), ("specobs", 1), ("lcobs", 0), ("useSXPS", "2SXPS")}
CUT_SHORT = {("targ", "{00010873,00010907,...}")}


def validator(properties: Any) -> Any:
    """Return a validator of objects with some of these properties; it takes long to make, so there is one for all."""
    return jsonschema_rs.Draft202012Validator({"components": {"schemas": SCHEMAS}, "properties": properties})


REQUESTS, ECHOES = validator(REQUEST), validator(ECHO)


def accepted(entry: Any, value: Any) -> bool:
    """Whether the contract accepts a value in a request."""
    return bool(REQUESTS.is_valid({entry["wire_name"]: value}))


def echoed(name: str, value: Any) -> bool:
    """Whether `jobPars` may hold a value."""
    return bool(ECHOES.is_valid({name: value}))


def examples(entry: Any) -> list[Any]:
    """Documented echoes that the contract can hold."""
    name = entry["wire_name"]
    return [v for v in entry["echo"]["documented_examples"] if (name, v) not in CODES | CUT_SHORT]


def default(entry: Any) -> Any:
    """Documented default; the directory of a job is not one."""
    return None if entry["wire_name"] == "outdir" else entry["default"]["echoed_value"]


def entries(condition: Any) -> pytest.MarkDecorator:
    """Run a test for each entry of the catalogue that has a property, so that no case is empty."""
    found = [
        pytest.param(entry, id=f"{entry['product']}:{entry['wire_name']}") for entry in CATALOGUE if condition(entry)
    ]
    return pytest.mark.parametrize("entry", found)


def sample(wire_type: str) -> list[Any]:
    """Values that a parameter of this documented type accepts."""
    if wire_type.startswith("integer 0 or 1"):
        return [0, 1, True, False, "0", "1"]
    if wire_type.startswith("integer"):
        return [3, "3"]
    if wire_type.startswith("number"):
        return [3, "3", 2.5, "2.5"]
    return ["powerlaw"] if wire_type == "array of strings" else ["text"]


def test_there_are_101_parameters_and_no_others():
    assert len(CATALOGUE) == 101
    listed = {entry["wire_name"] for entry in CATALOGUE}
    assert set(ECHO) == listed
    assert {name for name, schema in REQUEST.items() if "x-spelling-of" not in schema} == listed


@entries(lambda entry: entry["wire_names_to_accept"] != [entry["wire_name"]])
def test_every_other_documented_spelling_is_accepted(entry):
    assert entry["wire_name"] in entry["wire_names_to_accept"]
    for spelling in entry["wire_names_to_accept"]:
        assert spelling in REQUEST, f"add {spelling} to Submission, with x-spelling-of {entry['wire_name']}"
        assert REQUEST[spelling].get("x-spelling-of", entry["wire_name"]) == entry["wire_name"]


@entries(lambda entry: not entry["allowed"])
def test_every_documented_type_is_accepted(entry):
    for value in sample(entry["wire_type"]):
        assert accepted(entry, value), f"{value!r} is refused"


@entries(lambda entry: entry["wire_type"].startswith(("number", "integer")))
def test_a_number_is_not_a_word(entry):
    # a time may be given as a date; a switch is echoed as a name
    wrong: Any = ["3"] if entry["wire_name"] in {"Tstart", "useSXPS"} else "three"
    assert not accepted(entry, wrong)


@entries(lambda entry: entry["allowed"])
def test_the_allowed_values_and_their_codes_are_accepted_and_nothing_else(entry):
    as_list = entry["wire_type"] == "array of strings"
    for value in entry["allowed"]:
        assert accepted(entry, [value] if as_list else value)
        assert echoed(entry["wire_name"], [value] if as_list else value)
    for code in entry["internal_codes"] or {}:
        if code.isdigit():
            assert accepted(entry, int(code))
            assert not echoed(entry["wire_name"], int(code)), "no client can read a code"
    assert not accepted(entry, ["something else"] if as_list else "something else")


def test_defaults_are_those_of_the_catalogue():
    documented = {entry["wire_name"]: default(entry) for entry in CATALOGUE if default(entry) is not None}
    assert {name: schema["x-default"] for name, schema in REQUEST.items() if "x-default" in schema} == documented


@entries(lambda entry: default(entry) is not None or examples(entry))
def test_documented_defaults_and_echoes_are_of_the_contracts_type(entry):
    for value in [*examples(entry), *([] if default(entry) is None else [default(entry)])]:
        assert echoed(entry["wire_name"], value), f"jobPars cannot hold the documented {value!r}"


@pytest.mark.parametrize(("name", "value"), sorted(CODES, key=str))
def test_documented_echoes_that_break_every_client_are_refused(name, value):
    assert not echoed(name, value)


@entries(lambda _entry: True)
def test_product_name_and_duty_are_those_of_the_catalogue(entry):
    schema = REQUEST[entry["wire_name"]]
    assert PRODUCTS.get(entry["product"], entry["product"]) in schema["x-product"]
    duty = entry["mandatory"]
    expected = duty["condition"] or ("always" if duty["level"] == "always" else None)
    assert schema.get("x-mandatory") == expected
    if entry["python_name"]:
        assert schema["x-python"] == entry["python_name"]


@entries(lambda entry: entry["range"] and "min" in entry["range"])
def test_ranges_are_those_of_the_catalogue_ends_included(entry):
    low, high = entry["range"]["min"], entry["range"]["max"]
    assert accepted(entry, low)
    assert accepted(entry, high)
    assert not accepted(entry, low - 0.01)
    assert not accepted(entry, high + 0.01)
