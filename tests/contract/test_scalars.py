"""Contract and simulator agree about numbers and texts: generated scalars for every number and every switch."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from contracts import documents
from mock_server.core.errors import ParametersRefused
from mock_server.submission.table import BY_NAME, Kind
from mock_server.submission.values import is_missing, read_value
from mock_server.web import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

SCALARS = 10_000
"""Scalars for each field."""
NUMERIC = [name for name, each in BY_NAME.items() if each.kind in {Kind.WHOLE, Kind.NUMBER, Kind.FLAG}]
FIELDS = [name for name in NUMERIC if "server" not in documents.submission_parameters()[name]["x-product"]]
PARTS = ("0", "1", "7", "30", "007", "00", ".", "+", "-", "e", "E", "e5", " ", "\t", "\n", "_", "x", "\u0663", "\u00a0")
WORDS = ("", "yes", "NO", "True", "false", "nan", "inf", "0x1", "1e400", "2SXPS", "SXPS", "one", "null", "[]", "\u00bd")
EDGES = (
    0,
    1,
    -1,
    2,
    6,
    10**9,
    10**15,
    2**63,
    10**30,
    0.5,
    1.0,
    -0.0,
    2.0,
    1e-300,
    1e15,
    1e22,
    1e300,
    True,
    False,
    None,
)


def scalars(key: str) -> Iterator[Any]:
    """Yield scalars as JSON can have them, always the same for one key."""
    draw = random.Random(key)
    yield from (*EDGES, *WORDS, " 1 ", "1 ", " 1", "1.0", "+1", "-1", "1e0")
    for _ in range(SCALARS):
        kind = draw.random()
        if kind < 0.6:
            yield "".join(draw.choice(PARTS) for _ in range(draw.randint(1, 4)))
        elif kind < 0.75:
            yield draw.randint(-10, 10) * 10 ** draw.randint(0, 12)
        elif kind < 0.9:
            yield draw.uniform(-10, 10) * 10 ** draw.randint(-3, 12)
        else:
            yield float(draw.randint(-5, 20))


def is_in_contract(operation: str, body: Any, key: str) -> bool:
    try:
        documents.check_request(operation, body)
    except documents.ContractViolation as violation:
        return violation.where.split("/")[0] != key
    return True


def is_beyond_a_limit(name: str, value: Any) -> bool:
    """Whether the simulator has a limit that the contract cannot state: of texts, and of numbers that are switches."""
    parameter = BY_NAME[name]
    if parameter.kind is Kind.FLAG:
        return name == "hrbin" or str(value).endswith("SXPS")  # documented as a number, and as a catalogue's name
    number = float(value)
    above = number > parameter.low if parameter.above_low else number >= parameter.low
    return not (above and number <= parameter.high)


@pytest.mark.parametrize("name", FIELDS)
def test_every_scalar_of_a_parameter_is_taken_by_both_or_refused_by_both(name):
    differences = []
    valid = documents.validator(f"/components/schemas/Submission/properties/{name}").is_valid
    for value in scalars(name):
        if is_missing(value):
            continue
        try:
            read_value(BY_NAME[name], value)
            taken = True
        except ValueError:
            taken = False
        agreed = valid(value)
        if taken and not agreed:
            differences.append((value, "taken, though outside the contract"))
        elif agreed and not taken and not is_beyond_a_limit(name, value):
            differences.append((value, "refused, though within contract and limits"))
    assert not differences, f"{len(differences)}: {differences[:20]}"


@pytest.mark.parametrize(("operation", "key"), [("getPSFPos", "JobID"), ("getOldProduct", "oldJob")])
def test_every_scalar_of_a_job_number_is_read_by_both_or_refused_by_both(operation, key):
    for value in scalars(key):
        try:
            number = wire.read_number({key: value}, key)
        except ParametersRefused:
            number = None
        agreed = is_in_contract(operation, {"UserID": "me@example.org", key: value}, key) and not is_missing(value)
        within = agreed and 0 <= int(value) < 10**15  # a number beyond is that of no job
        assert (number is not None) == within, value
        assert number is None or number == int(value)
