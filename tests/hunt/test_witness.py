"""What is noted of a call: the user's lines that led to it."""

import asyncio
from concurrent.futures import thread
from pathlib import Path

import pytest

from mock_server.hunt.witness import SEPARATOR, all_lines, follow_pools


@pytest.fixture
def followed(monkeypatch):
    for name in ("__init__", "run"):
        monkeypatch.setattr(thread._WorkItem, name, getattr(thread._WorkItem, name))
    follow_pools()


def test_a_call_from_a_thread_of_a_pool_has_the_lines_of_the_coroutines_that_wait_for_it(followed):
    seen = []

    def in_thread():
        seen.append(all_lines())

    async def inner():
        return await asyncio.to_thread(in_thread)

    async def outer():
        return await inner()  # the coroutine that waits for the one above

    asyncio.run(outer())
    text = Path(__file__).read_text().splitlines()
    lines = [text[int(line.rpartition(":")[2]) - 1].strip() for line in seen[0].split(SEPARATOR)]
    expected = ["seen.append(", "return await asyncio.to_thread(in_thread)", "return await inner()"]
    assert [line.startswith(start) for line, start in zip(lines, expected, strict=False)] == [True] * 3
