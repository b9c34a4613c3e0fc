"""Checks of values: limits at the exact value, nearest names, dates, and how values are shown in messages."""

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mock_server.core.validation import (
    FLAG,
    TEXT,
    check,
    check_known,
    list_of,
    number,
    one_of,
    parse_digits,
    read_date,
    shown,
    whole,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "accepted"),
    [(0, True), (1, True), (0.5, True), (-1e-9, False), (1 + 1e-9, False), (True, False), ("0.5", False), (None, False),
     (math.nan, False), (math.inf, False), (10**400, False), ([], False)],
)  # fmt: skip
def test_a_number_lies_between_its_limits(value, accepted):
    assert number(0, 1).accepts(value) is accepted


@pytest.mark.parametrize(
    ("value", "accepted"), [(1, True), (3, True), (0, False), (4, False), (2.0, False), (True, False), ("2", False)]
)
def test_a_whole_number_lies_between_its_limits(value, accepted):
    assert whole(1, 3).accepts(value) is accepted


def test_a_rule_says_its_limits():
    assert number(0, 1).must_be == "a number from 0 to 1"
    assert whole(-math.inf, math.inf).must_be == "a whole number"
    assert number(0, what="a number of days").must_be == "a number of days from 0 to 1000000000"


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (TEXT, "", 3),
        (FLAG, False, 0),
        (one_of("a", "b"), "b", ["b"]),
        (list_of(str, "a list of texts"), ["a"], ["a", 1]),
    ],
)
def test_a_message_has_the_name_the_value_and_what_it_must_be(rule, good, bad):
    check("it", good, rule)
    with pytest.raises(ValueError, match="it is ") as error:
        check("it", bad, rule)
    assert str(error.value) == f"it is {shown(bad)}, but must be {rule.must_be}"


def test_a_message_suggests_the_nearest_word():
    with pytest.raises(ValueError, match=r"must be one of: status, reset; did you mean 'status'\?$"):
        check("kind", "statsu", one_of("status", "reset"))


def test_an_unknown_name_is_refused_with_the_nearest_one_or_with_all():
    check_known("seed", ["seed"], "there is no key")
    with pytest.raises(ValueError, match=r"^there is no key 'sed'; did you mean 'seed'\?$"):
        check_known("sed", ["seed", "users"], "there is no key")
    with pytest.raises(ValueError, match=r"^there is no key 'xyz'; known: seed, users$"):
        check_known("xyz", ["seed", "users"], "there is no key")


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-05-01T12:00:00Z", NOON),
        ("2026-05-01T12:00:00", NOON),
        ("2026-05-01T14:00:00+02:00", NOON),
        ("2026-05-01", NOON - 43200),
        (date(2026, 5, 1), NOON - 43200),
        (datetime(2026, 5, 1, 12), NOON),  # as TOML reads it
    ],
)
def test_a_date_without_a_zone_is_utc_and_without_a_time_is_midnight(value, at):
    assert read_date("at", value) == at


@pytest.mark.parametrize("value", ["soon", "2026-02-30", 3, True, None, {"at": 1}])
def test_what_is_not_a_date_is_refused(value):
    with pytest.raises(ValueError, match=r"^at is .*, but must be a date such as"):
        read_date("at", value)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("9" * 15, 10**15 - 1), ("9" * 16, None), ("", None), ("-1", None), ("1.0", None),
     (" 1", None), ("٣", None), ("²", None)],
)  # fmt: skip
def test_digits_are_ascii_and_at_most_15(text, number):
    assert parse_digits(text) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (10**30, "a very large number"),
        ("a\n\ud800", r"'a\n\ud800'"),
        ([1, {"a": 1}, "b"], "[1, a table, 'b']"),
        ({"a": 1}, "a table"),
        (date(2026, 5, 1), "2026-05-01"),
        ("x" * 100, "'" + "x" * 56 + "..."),
    ],
)
def test_a_value_is_shown_in_a_short_line_without_dicts(value: Any, text):
    assert shown(value) == text
