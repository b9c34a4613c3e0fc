"""Code, help and documentation use plain words: some words of earlier versions must not return."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PLACES = (".ci", "benchmarks", "contracts", "docs", "examples", "findings", "mock_server", "tests", "xrt_client", "")
"""Folders with everything below them; the last is the root with its own files only."""
SUFFIXES = {".py", ".md", ".ipynb", ".toml", ".yaml", ".yml", ".html", ".js", ".css", ".ini", ".sh", ".cff"}
NAMES = {"Makefile", "Containerfile", "run"}
# in pieces, so that this file does not contain the words
WORDS = ["to|ld", "me|nd", "me|nds", "me|nded", "no|body", "who|ever", "pa|rty", "pa|rties"]
PHRASES = ["is no|ne", "to be h|ad", "With|in,"]
ONE_WORD = re.compile(rf"(?<![a-z])(?<!third-)({'|'.join(w.replace('|', '') for w in WORDS)})(?![a-z])", re.IGNORECASE)
ONE_PHRASE = re.compile(rf"\b({'|'.join(p.replace('|', '') for p in PHRASES)})")  # in this case: `is None` is code


def forbidden_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield line number and word; the parts of a name_with_underscores are words, too."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in (*ONE_WORD.finditer(line), *ONE_PHRASE.finditer(line)):
            yield number, found[0]


def files_of(place: str) -> list[Path]:
    folder = ROOT / place
    paths = folder.rglob("*") if place else folder.iterdir()
    return sorted(
        path
        for path in paths
        if (path.suffix in SUFFIXES or path.name in NAMES)
        and path.is_file()
        and "build" not in path.relative_to(ROOT).parts
    )


@pytest.mark.parametrize("place", PLACES)
def test_no_file_has_a_forbidden_word(place):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {word}"
        for path in files_of(place)
        for number, word in forbidden_in(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"{len(found)} forbidden words; write what you mean in plain words:\n" + "\n".join(found)


def test_every_place_has_files():
    assert [place for place in PLACES if not files_of(place)] == []


@pytest.mark.parametrize("word", [word.replace("|", "") for word in (*WORDS, *PHRASES)])
def test_each_word_is_found_in_a_sentence(word):
    assert list(forbidden_in(f"One line.\nAnother {word} here.")) == [(2, word)]


def test_names_are_read_word_by_word_and_other_words_are_left_alone():
    word = WORDS[0].replace("|", "")
    assert list(forbidden_in(f"def _{word}_by_path(): ...")) == [(1, word)]
    assert not list(forbidden_in("third-party code that recommends amended numbers: is None"))
