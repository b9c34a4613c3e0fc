"""A hunt: the calm world first, then all streams on all processors, then the findings once more."""

from __future__ import annotations

import gc
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, TypeVar

from .oracles import judge
from .search import Found, Search, Tally
from .stage import Stage
from .worlds import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from .deviations import World
    from .evidence import OwnOracle
    from .life import Life
    from .oracles import Finding, Rules
    from .program import Program

T = TypeVar("T")

_ORDER = ("twice", "again", "file", "lost", "endless", "active", "polls", "contract", "exit")
_RANKS = {name: rank for rank, name in enumerate(_ORDER)}
"""Of the failures in worlds of one size, the one that harms most is reported first."""


@dataclass(frozen=True)
class Hunt:
    """What is hunted, and how.

    Parameters
    ----------
    program
        The program.
    base
        Data of the calm world's scenario file.
    seed
        Key of all random values, and of all that is drawn.
    rules
        Options of the oracles.
    worlds
        Number of worlds that are drawn; shrinking plays some more.
    workers
        Number of processes.
    fresh
        Whether each life begins with a new interpreter.
    watch
        Wraps an app so that it checks requests against the contract; None: nothing checks them.
    leave_out
        Names that are not copied with the program's folder.
    examples
        Folder of Hypothesis's database; None: nothing is kept.
    keep
        Folder for the folders of failures; None: they are thrown away.
    oracles
        See :class:`~mock_server.hunt.stage.Stage`.
    """

    program: Program
    base: Mapping[str, Any]
    seed: int
    rules: Rules
    worlds: int
    workers: int = 1
    fresh: bool = False
    watch: Callable[[WSGIApplication], Any] | None = None
    leave_out: Sequence[str] = ()
    examples: Path | None = None
    keep: Path | None = None
    oracles: Mapping[str, OwnOracle] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a hunt has found.

    Parameters
    ----------
    calm
        The life in the calm world.
    in_calm
        What is broken there already.
    found
        Findings in other worlds, the smallest worlds first.
    tally
        Figures.
    fresh
        Why each life began with a new interpreter; empty if it was forked from a warm one.
    real_s
        Real time that it took [s].
    """

    calm: Life
    in_calm: tuple[Finding, ...]
    found: tuple[Found, ...]
    tally: Tally
    fresh: str
    real_s: float


class HuntError(ValueError):
    """Nothing can be hunted; the text says why."""


class _Worker:
    """The stage and the search of one process; made when first needed."""

    def __init__(self, hunt: Hunt) -> None:
        self._hunt = hunt
        self._search: Search | None = None
        self._stage: Stage | None = None

    def stage(self, imports: Sequence[str]) -> Stage:
        if self._stage is None:
            hunt = self._hunt
            self._stage = Stage(
                hunt.program,
                hunt.base,
                hunt.seed,
                imports=imports,
                fresh=hunt.fresh,
                watch=hunt.watch,
                leave_out=hunt.leave_out,
                oracles=hunt.oracles,
            )
        return self._stage

    def close(self) -> None:
        if self._stage is not None:
            self._stage.close()

    def play_calm(self, imports: Sequence[str]) -> tuple[Life, list[str], int]:
        """Play the calm world; return it, the modules imported, and the number of threads of a fork's parent."""
        stage = self.stage(imports)
        return stage.play(()), stage.imported, stage.threads

    def search(self, calm: Life, imports: Sequence[str]) -> Search:
        if self._search is None:
            hunt = self._hunt
            self._search = Search(self.stage(imports).play, calm, hunt.rules, hunt.seed, hunt.examples)
        return self._search

    def search_stream(
        self, number: int, known: Collection[tuple[str, ...]], calm: Life, imports: Sequence[str]
    ) -> Tally:
        gc.collect()
        gc.freeze()  # collections need not look at what all worlds share
        return self.search(calm, imports).stream(streams(calm, self._hunt.worlds)[number], known)

    def repeat(self, found: Found, calm: Life, imports: Sequence[str]) -> Found:
        return self.search(calm, imports).repeat(found)

    def keep(self, world: World, folder: Path, imports: Sequence[str]) -> None:
        self.stage(imports).play(world, keep=folder)


_worker: _Worker | None = None


def _begin(hunt: Hunt) -> None:
    global _worker  # one of each process
    worker = _Worker(hunt)
    _worker, parent = worker, os.getppid()
    Finalize(None, worker.close, exitpriority=1)  # a process of a pool runs nothing else at its end

    def end_with_parent() -> None:
        """End this process soon after its parent was killed: the queue that it waits at would stay open."""
        while os.getppid() == parent:
            time.sleep(1)
        with suppress(Exception):  # the other thread is still at work
            worker.close()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _work(method: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Call a method of this process's worker."""
    if _worker is None:
        raise RuntimeError("this process is no worker of a hunt")
    return method(_worker, *arguments, **named)


def run_hunt(hunt: Hunt, say: Callable[[str], object] = lambda _words: None) -> Result:
    """Hunt, and return what was found.

    Parameters
    ----------
    say
        Called with a sentence about the progress.

    Raises
    ------
    HuntError
        If the program fails in the calm world, or calls nothing there.
    """
    began = time.monotonic()
    with _pool(hunt, 1) as pool:
        calm, imports, _ = pool.submit(_work, _Worker.play_calm, ()).result()
    if calm.code != 0:
        how = "never ends" if calm.code is None else f"ends with exit code {calm.code}"
        text = "\n".join(calm.text.removesuffix(calm.in_files).rstrip().splitlines()[-5:])
        raise HuntError(f"the program {how} in the calm world; run it with `xrt-mock run` first:\n{text}")
    if not calm.calls:
        raise HuntError("the program makes no call to the service in the calm world: there is nothing to hunt")
    fresh = "it is no Python program" if not hunt.program.python else "--fresh was given" if hunt.fresh else ""
    with _pool(hunt, hunt.workers) as pool:
        if not fresh:
            again, _, threads = pool.submit(_work, _Worker.play_calm, imports).result()
            same = again.code == calm.code and [c[1:] for c in again.calls] == [c[1:] for c in calm.calls]
            fresh = f"its imports start {threads - 1} threads" if threads > 1 else ""
            fresh = fresh or ("" if same else "it behaves differently in a forked process")
    if fresh and not hunt.fresh:
        hunt, imports = replace(hunt, fresh=True), []
    with _pool(hunt, hunt.workers) as pool:
        tally = Tally()
        planned = list(enumerate(streams(calm, hunt.worlds)))
        alone = [number for number, stream in planned if not stream.mixed]
        mixed = [number for number, stream in planned if stream.mixed]
        for before, numbers in ((0, alone), (len(alone), mixed)):
            search = partial(_work, _Worker.search_stream, known=tally.alone(), calm=calm, imports=imports)
            parts = [pool.submit(search, number) for number in numbers]
            for done, part in enumerate(as_completed(parts), before + 1):
                part.result()
                say(f"{done} of {len(planned)} kinds of weather")
            for part in parts:
                tally.add(part.result())
        ranked = sorted(
            tally.found.values(), key=lambda one: (len(one.world), _RANKS.get(one.finding.oracle, 9), one.finding.key)
        )
        found = list(pool.map(partial(_work, _Worker.repeat, calm=calm, imports=imports), ranked))
        for number, one in enumerate(found, 1):
            if hunt.keep is not None:
                pool.submit(_work, _Worker.keep, one.world, hunt.keep / str(number), imports).result()
    in_calm = tuple(judge(calm, calm, hunt.rules))
    return Result(calm, in_calm, tuple(found), tally, fresh, time.monotonic() - began)


def _pool(hunt: Hunt, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, get_context("fork"), _begin, (hunt,))


def available_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
