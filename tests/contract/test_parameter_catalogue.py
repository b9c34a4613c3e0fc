"""The 101 documented parameters of a submission against the contract's request and its echo, entry by entry."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import documents

CATALOGUE = documents.parameter_catalogue()
REQUEST = documents.submission_parameters()
ECHO = documents.load()["components"]["schemas"]["JobParameters"]["properties"]
PRODUCTS = {"server-only": "server", "positions (shared)": "positions"}
# Echoes in the documented examples that contradict the contract; test_examples.py says why.
CODES = {("centMeth", "3"), ("timeslice", 1), ("specobs", 1), ("lcobs", 0), ("useSXPS", "2SXPS")}
CUT_SHORT = {("targ", "{00010873,00010907,...}")}


def names(entry: Any) -> str:
    return f"{entry['product']}:{entry['wire_name']}"


def requested(name: str, value: Any) -> bool:
    """Whether a submission may have a parameter with this value."""
    return documents.validator(f"/components/schemas/Submission/properties/{name}").is_valid(value)


def echoed(name: str, value: Any) -> bool:
    """Whether jobPars may have a parameter with this value."""
    return documents.validator(f"/components/schemas/JobParameters/properties/{name}").is_valid(value)


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


@pytest.mark.parametrize("entry", CATALOGUE, ids=names)
def test_every_documented_spelling_is_accepted(entry):
    for spelling in entry["wire_names_to_accept"]:
        assert spelling in REQUEST, f"add {spelling} to Submission, with x-spelling-of {entry['wire_name']}"
        assert REQUEST[spelling].get("x-spelling-of", entry["wire_name"]) == entry["wire_name"]


@pytest.mark.parametrize("entry", [e for e in CATALOGUE if not e["allowed"]], ids=names)
def test_every_documented_type_is_accepted(entry):
    for value in sample(entry["wire_type"]):
        assert requested(entry["wire_name"], value), f"{value!r} is refused"


@pytest.mark.parametrize("entry", [e for e in CATALOGUE if e["wire_type"].startswith(("number", "integer"))], ids=names)
def test_a_number_is_not_a_word(entry):
    if entry["wire_name"] in {"Tstart", "useSXPS"}:  # a time may be given as a date; a switch is echoed as a name
        assert not requested(entry["wire_name"], ["3"])
    else:
        assert not requested(entry["wire_name"], "three")


@pytest.mark.parametrize("entry", [e for e in CATALOGUE if e["allowed"]], ids=names)
def test_the_allowed_values_and_their_codes_are_accepted_and_nothing_else(entry):
    name = entry["wire_name"]
    as_list = entry["wire_type"] == "array of strings"
    for value in entry["allowed"]:
        assert requested(name, [value] if as_list else value)
        assert echoed(entry["wire_name"], [value] if as_list else value)
    for code in entry["internal_codes"] or {}:
        if code.isdigit():
            assert requested(name, int(code))
            assert not echoed(entry["wire_name"], int(code)), "no client can read a code"
    assert not requested(name, ["something else"] if as_list else "something else")


@pytest.mark.parametrize("entry", CATALOGUE, ids=names)
def test_defaults_are_those_of_the_catalogue_and_of_their_echoed_type(entry):
    default = entry["default"]["echoed_value"]
    if entry["wire_name"] == "outdir":  # the job's own directory
        default = None
    assert REQUEST[entry["wire_name"]].get("x-default") == default
    if default is not None:
        assert echoed(entry["wire_name"], default), f"jobPars cannot hold the default {default!r}"


WITH_EXAMPLES = {
    names(entry): (entry["wire_name"], values)
    for entry in CATALOGUE
    if (values := [v for v in entry["echo"]["documented_examples"] if (entry["wire_name"], v) not in CODES | CUT_SHORT])
}


@pytest.mark.parametrize("entry", WITH_EXAMPLES)
def test_documented_echoes_are_of_the_contracts_type(entry):
    name, values = WITH_EXAMPLES[entry]
    for value in values:
        assert echoed(name, value), f"jobPars cannot hold the documented {value!r}"


@pytest.mark.parametrize(("name", "value"), sorted(CODES, key=str))
def test_documented_echoes_that_break_every_client_are_refused(name, value):
    assert not echoed(name, value)


@pytest.mark.parametrize("entry", CATALOGUE, ids=names)
def test_product_name_and_duty_are_those_of_the_catalogue(entry):
    schema = REQUEST[entry["wire_name"]]
    assert PRODUCTS.get(entry["product"], entry["product"]) in schema["x-product"]
    duty = entry["mandatory"]
    expected = duty["condition"] or ("always" if duty["level"] == "always" else None)
    assert schema.get("x-mandatory") == expected
    if entry["python_name"]:
        assert schema["x-python"] == entry["python_name"]


@pytest.mark.parametrize("entry", [e for e in CATALOGUE if e["range"] and "min" in e["range"]], ids=names)
def test_ranges_are_those_of_the_catalogue_ends_included(entry):
    low, high = entry["range"]["min"], entry["range"]["max"]
    name = entry["wire_name"]
    assert requested(name, low)
    assert requested(name, high)
    assert not requested(name, low - 0.01)
    assert not requested(name, high + 0.01)
