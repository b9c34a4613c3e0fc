"""An hour of fuzzing, half of it from the contract over HTTP, half of it led by coverage in process.

``XRT_MOCK_FUZZ_S`` is the length of each half [s].
"""

import itertools
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contracts import provider

from .serving import Caller, Served

SECONDS = float(os.environ.get("XRT_MOCK_FUZZ_S", "1800"))
GROWTH = 1.25
"""How much more memory the second half may hold than the first: caches of products fill up, leaks go on."""


def memory_mib(process: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text(encoding="ascii"))
    assert found, "the server is gone"
    return int(found[1]) / 1024


@pytest.mark.nightly
def test_the_contract_s_fuzzing_over_http_finds_nothing_and_nothing_grows(tmp_path, capsys):
    began, made, held = time.monotonic(), 0, []
    with Served("--db", f"sqlite:///{tmp_path}/jobs.sqlite", "--clock", "virtual") as server:
        caller = Caller(server.url)
        for seed in itertools.count(1):
            moves = itertools.count(1)

            def move(moves=moves):
                if next(moves) % 10 == 0:
                    caller.control("POST", "clock/advance", {"seconds": 120})

            verdict = provider.run(url=server.url, seed=seed, examples=20, tick=move)
            assert verdict.ok, f"seed {seed}: {verdict}"
            made += sum(verdict.cases.values())
            held.append(memory_mib(server.pid))
            if time.monotonic() - began > SECONDS:
                break
        caller.close()
    first, second = max(held[: len(held) // 2 + 1]), max(held[len(held) // 2 :])
    with capsys.disabled():
        print(f"\n{made} generated calls in {SECONDS / 60:.0f} min: no 5xx; {first:.0f} MiB, then {second:.0f} MiB")
    assert second < GROWTH * first


@pytest.mark.nightly
def test_fuzzing_led_by_coverage_finds_nothing(tmp_path, capsys):
    pytest.importorskip("atheris", reason="needs atheris (Linux): pip install atheris")
    target = Path(__file__).with_name("fuzz_target.py")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for n in range(50):
        corpus.joinpath(str(n)).write_bytes(random.Random(n).randbytes(20 * n))
    limits = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=1000", "-len_control=0", "-print_final_stats=1"]
    command = [sys.executable, str(target), str(corpus), f"-max_total_time={SECONDS:.0f}", *limits]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-5000:]
    stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", finished.stderr))
    with capsys.disabled():
        print(f"\n{stats['number_of_executed_units']} calls led by coverage, at most {stats['peak_rss_mb']} MiB")
    assert int(stats["number_of_executed_units"]) > 100
