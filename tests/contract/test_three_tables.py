"""Client, server and contract have tables of parameters of their own: compared here, entry by entry."""

from __future__ import annotations

import jsonschema_rs
import pytest

from contracts import documents
from mock_server.core.model import Product
from mock_server.submission.rules import NEEDED
from mock_server.submission.table import BY_NAME, Kind
from mock_server.submission.values import read_value, stored
from xrt_client import parameters as client

SCHEMAS = documents.load()["components"]["schemas"]
SUBMISSION = SCHEMAS["Submission"]["properties"]
CONTRACT = {name: schema for name, schema in SUBMISSION.items() if "x-spelling-of" not in schema}
ECHO = SCHEMAS["JobParameters"]["properties"]

TABLES: dict[str, client.Table] = {
    "global": client.GLOBALS,
    "positions": client.POSITIONS,
    **{kind.long: kind.table for kind in client.KINDS.values()},
}
# where the tables differ, and why
DEFAULTS_OF_THE_SERVER = {
    "hrbin": 0,  # 1 for time binning alone, as documented answers without it hold 0
    "detobs": "user",  # one page says so; the client always sends it
    "outdir": None,  # the job's own directory, not a default
}
WIRE_NAMES_OF_THE_CLIENT = {"sinceT0": "SinceT0"}  # what is sent is not what is echoed


# one validator for all echoes, because it takes long to make
ECHOES = jsonschema_rs.Draft202012Validator({"components": {"schemas": SCHEMAS}, "properties": ECHO})
SPELLINGS = {
    name: {other for other, schema in SUBMISSION.items() if schema.get("x-spelling-of") == name} for name in CONTRACT
}


def of_the_client() -> list[tuple[str, client.Parameter]]:
    """Every parameter of the client with the name of its table."""
    return [(product, parameter) for product, table in TABLES.items() for parameter in table.values()]


def test_server_and_contract_know_the_same_parameters():
    assert set(BY_NAME) == set(CONTRACT)


def test_the_client_knows_what_the_contract_gives_a_python_name():
    named = {(p, s["x-python"], name) for name, s in CONTRACT.items() if "x-python" in s for p in s["x-product"]}
    wire = {known: name for name, known in WIRE_NAMES_OF_THE_CLIENT.items()}
    ours = {(product, p.name, wire.get(p.wire, p.wire)) for product, p in of_the_client()}
    assert ours == named


def test_server_and_contract_accept_the_same_spellings():
    assert {name: {*parameter.also} for name, parameter in BY_NAME.items()} == SPELLINGS


def test_server_and_contract_have_the_same_defaults_in_the_same_form():
    expected = {name: DEFAULTS_OF_THE_SERVER.get(name, schema.get("x-default")) for name, schema in CONTRACT.items()}
    ours = {
        name: p.default if p.default is None else stored(p, read_value(p, p.default)) for name, p in BY_NAME.items()
    }
    assert ours == expected
    assert {name: type(value) for name, value in ours.items()} == {
        name: type(value) for name, value in expected.items()
    }


@pytest.mark.parametrize("name", sorted(name for name, p in BY_NAME.items() if p.kind is Kind.CHOICE))
def test_every_word_the_server_may_echo_is_in_the_contract(name):
    assert all(ECHOES.is_valid({name: word}) for word in BY_NAME[name].choices)
    assert not ECHOES.is_valid({name: "another"})


@pytest.mark.parametrize(("product", "parameter"), of_the_client(), ids=lambda v: getattr(v, "wire", str(v)))
def test_client_and_server_agree_on_names_words_and_codes(product, parameter):
    name = {known: name for name, known in WIRE_NAMES_OF_THE_CLIENT.items()}.get(parameter.wire, parameter.wire)
    served = BY_NAME[name]
    assert parameter.wire in (served.name, *served.also)
    if parameter.allowed:
        assert set(parameter.allowed) == set(served.choices)
    for code, word in (parameter.codes or {}).items():
        assert served.codes[code] == word, f"{product}.{parameter.name}: {code}"


@pytest.mark.parametrize("name", sorted(name for name in NEEDED if name[-1] not in "234"))
def test_a_parameter_that_the_server_needs_is_mandatory_in_the_contract(name):
    # that each half of a later interval needs the other is a rule of the server alone
    assert "x-mandatory" in CONTRACT[name]


def test_client_and_server_call_the_products_the_same():
    ours = {(kind.short, kind.long, kind.flag, kind.words) for kind in client.KINDS.values()}
    assert ours == {(product.value, product.long_name, product.flag, product.words) for product in Product}
