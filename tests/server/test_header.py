"""The private header by which the app tells the carrier how an answer fails."""

import pytest

from mock_server.transport.header import HEADER, TransportFault, drops, parse, split


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("reset", TransportFault(broken="reset")),
        ("lost", TransportFault(broken="lost")),
        ("cut:0", TransportFault(cut_after=0)),
        ("delay:0.5", TransportFault(delay_s=0.5)),
        ("cut:10;delay:30", TransportFault(cut_after=10, delay_s=30)),
        ("dribble:20", TransportFault(dribble_s=20)),
        ("", TransportFault()),
    ],
)
def test_each_value_is_read_and_written_alike(value, fault):
    assert parse(value) == fault
    assert parse(fault.header()) == fault


@pytest.mark.parametrize("value", ["explode", "cut:-1", "cut:", "delay:-1", "reset;explode"])
def test_a_value_that_means_nothing_is_an_error(value):
    with pytest.raises(ValueError, match="must have reset" if "delay" not in value else "delay"):
        parse(value)


def test_the_header_is_taken_out_whatever_its_case():
    headers, fault = split([("A", "1"), (HEADER.upper(), "reset"), ("B", "2")])
    assert headers == [("A", "1"), ("B", "2")]
    assert fault == TransportFault(broken="reset")


def test_without_it_nothing_changes():
    assert split([("A", "1")]) == ([("A", "1")], None)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 1000])
def test_drops_are_at_most_ten_and_make_the_body_again(size):
    body = bytes(range(256)) * 4
    pieces = drops(body[:size])
    assert b"".join(pieces) == body[:size]
    assert 1 <= len(pieces) <= 10
