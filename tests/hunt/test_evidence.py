"""What a life has left: files that are, or are not, what the service sent."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from mock_server.hunt.clock import LifeClock
from mock_server.hunt.evidence import Evidence, report
from mock_server.hunt.life import Call, Saved
from mock_server.hunt.recorder import Recorder
from mock_server.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRODUCT, PAGE = b"\0product of a job" * 9, b"<html>there is no such product</html>"
WHERE = ("p.py:30",)


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Evidence]:
    """What there is of a program that has fetched a product of job 7, and a page in place of one."""
    (tmp_path / "before").write_text("old")
    clock = LifeClock(0.0)
    with Simulator(clock=clock) as simulator:
        found = Evidence(simulator, tmp_path)
        recorder = found.recorder = Recorder(simulator, simulator.app, clock, source=tmp_path)
        for body, is_whole in ((PRODUCT, True), (PAGE, False)):
            recorder.sent[hashlib.sha256(body).hexdigest()] = (7, is_whole, body)
        recorder.calls.append(Call(0.0, "downloadProduct", 7, "ok", 200, WHERE, "", "", True, 0))
        found.code = 0
        yield found


@pytest.mark.parametrize(
    ("name", "content", "state"),
    [
        ("lc.tar.gz", PRODUCT, "whole"),
        ("lc.tar.gz", PRODUCT[:40], "part"),
        ("lc.tar.gz", b"", "part"),
        ("lc.tar.gz", PAGE, "spoiled"),
        ("lc.tar.gz", PAGE[:10], "other"),
        ("table", b"", "other"),
        ("ledger", b"job 7", "other"),
    ],
)
def test_a_file_is_what_was_sent_or_a_part_of_it(name: str, content: bytes, state: str, evidence: Evidence) -> None:
    (evidence.folder / name).write_bytes(content)
    job, where = (None, ()) if state == "other" else (7, WHERE)
    assert report(evidence, (), {}).files == (Saved(name, state, job, where),)


def test_the_text_of_small_files_is_looked_at(evidence: Evidence) -> None:
    for name, content in {"small": b"job 7", "bytes": b"\0job 8", "large": b"job 9" * 20_000}.items():
        (evidence.folder / name).write_bytes(content)
    assert report(evidence, (), {}).in_files == "job 7"


def test_neither_old_files_nor_those_of_unpacked_archives_nor_what_is_no_file_are_looked_at(evidence: Evidence) -> None:
    (evidence.folder / "USERPROD_7").mkdir()
    (evidence.folder / "USERPROD_7" / "curve.qdp").write_text("unpacked")
    os.mkfifo(evidence.folder / "pipe")
    (evidence.folder / "nowhere").symlink_to("absent")
    assert report(evidence, (), {}).files == ()


def test_there_is_nothing_to_report_of_a_program_that_has_not_lived(evidence: Evidence) -> None:
    evidence.recorder = None
    with pytest.raises(ValueError, match="has not lived yet"):
        report(evidence, (), {})
