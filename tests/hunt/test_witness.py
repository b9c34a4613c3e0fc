"""What is noted of a call and of a write: the user's lines that led to it; and how a program is killed in a write."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from concurrent.futures import thread
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mock_server.hunt.witness import SEPARATOR, Witness, all_lines, follow_pools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedWriter


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


class Hook(NamedTuple):
    """What a witness lets the interpreter call, in a process that is not to be killed."""

    see: Callable[..., None]
    notes: Path
    folder: Path
    profiles: list[Any]
    kills: list[tuple[int, int]]

    def noted(self) -> list[str]:
        return [json.loads(line)["write"] for line in self.notes.read_text().splitlines()]

    def open(self, name: str) -> BufferedWriter:
        """Open a file of the folder as a program does; the interpreter tells the witness first."""
        path = self.folder / name
        self.see("open", (str(path), "wb", os.O_WRONLY | os.O_CREAT))
        return open(path, "wb")


@pytest.fixture
def hooked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Hook]]:
    """Start witnesses; an audit hook cannot be removed, so it is called here instead of by the interpreter."""
    hooks: list[Callable[..., None]] = []
    profiles: list[Any] = []
    kills: list[tuple[int, int]] = []
    monkeypatch.setattr(sys, "addaudithook", hooks.append)
    monkeypatch.setattr(sys, "setprofile", profiles.append)
    monkeypatch.setattr(os, "killpg", lambda *group: kills.append(group))
    folder = tmp_path / "program"
    folder.mkdir()
    with open(tmp_path / "notes", "wb") as notes:

        def start(kill_at_write: int = 0) -> Hook:
            Witness(notes.fileno(), str(folder), kill_at_write).start()
            return Hook(hooks[-1], tmp_path / "notes", folder, profiles, kills)

        yield start


def test_writes_into_the_folder_are_noted_with_their_lines(hooked: Callable[..., Hook]) -> None:
    hook = hooked()
    for name, flags in (("a", os.O_WRONLY), ("b", os.O_RDWR | os.O_CREAT)):
        hook.see("open", (hook.folder / name, "w", flags))
    hook.see("open", (os.fsencode(hook.folder / "c"), None, os.O_APPEND))
    hook.see("os.rename", (str(hook.folder / "c"), str(hook.folder / "d"), -1, -1))
    first, *_ = (json.loads(line) for line in hook.notes.read_text().splitlines())
    assert hook.noted() == ["a", "b", "c", "d"]
    name, _, number = first["where"][0].rpartition(":")
    assert name.endswith("test_witness.py")
    assert "hook.see" in Path(__file__).read_text().splitlines()[int(number) - 1]


def test_what_is_no_write_into_the_folder_is_not_noted(hooked: Callable[..., Hook]) -> None:
    hook = hooked()
    hook.see("open", (str(hook.folder / "read"), "r", os.O_RDONLY))
    hook.see("open", (str(hook.folder / "read"), "r", None))
    hook.see("open", (7, "w", os.O_WRONLY))  # a file that is open already
    hook.see("open", (str(hook.folder.parent / "elsewhere"), "w", os.O_WRONLY))
    hook.see("os.remove", (str(hook.folder / "removed"), -1))
    assert hook.noted() == []


@pytest.mark.parametrize("ends", ["write", "close", "__exit__"])
def test_a_program_is_killed_when_half_of_a_file_is_on_the_disk(ends: str, hooked: Callable[..., Hook]) -> None:
    hook = hooked(kill_at_write=2)
    hook.open("other").close()
    assert hook.profiles == []
    with hook.open("products") as file, open(hook.folder / "other", "wb") as other:
        (profile,) = hook.profiles
        frame = sys._getframe()
        file.write(b"0123456789")
        others: list[Callable[..., Any]] = [json.loads, [].append, os.write, io.BytesIO().write, other.write]
        for function in others:
            profile(frame, "c_return", function)
        profile(frame, "call", file.write)
        profile(frame, "c_call", file.write)
        assert hook.kills == []
        with pytest.raises(AssertionError, match="a killed process goes on"):
            profile(frame, "c_return" if ends == "write" else "c_call", getattr(file, ends))
        assert hook.kills == [(0, signal.SIGKILL)]
        assert (hook.folder / "products").read_bytes() == b"01234"


def test_a_program_is_killed_after_the_end_of_a_closed_file_too(hooked: Callable[..., Hook]) -> None:
    hook = hooked(kill_at_write=1)
    file = hook.open("products")
    file.write(b"0123456789")
    file.close()
    with pytest.raises(AssertionError, match="a killed process goes on"):
        hook.profiles[0](sys._getframe(), "c_return", file.close)
    assert (hook.folder / "products").read_bytes() == b"01234"


def test_a_program_is_killed_before_it_renames_a_file(hooked: Callable[..., Hook]) -> None:
    hook = hooked(kill_at_write=1)
    with pytest.raises(AssertionError, match="a killed process goes on"):
        hook.see("os.rename", (str(hook.folder / "part"), str(hook.folder / "whole"), -1, -1))
    assert hook.kills == [(0, signal.SIGKILL)]
    assert hook.profiles == []
