"""Gathers what a life has left: calls, jobs, files, notes and output; and makes the record that oracles judge."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.faults import Fault
from ..core.model import StatusCode
from ..reports.courtesy import active_steps
from .deviations import kill_of
from .life import JobFacts, Life, Saved
from .loops import waited_for
from .oracles import SUBMIT, submission_of
from .recorder import STANDSTILL_CALLS
from .waiting import lines_in_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ..core.journal import Journal
    from ..core.model import Job
    from ..simulator import Simulator
    from .deviations import World
    from .recorder import Recorder

    OwnOracle = Callable[[Journal, Path], Iterable[str]]

_SMALL = 100_000
_ARCHIVES = {".gz", ".tar", ".zip", ".tgz"}


@dataclass
class Notes:
    """What the witness in the program has noted."""

    writes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    in_order: list[tuple[str, ...]] = field(default_factory=list)
    error: str = ""
    where: tuple[str, ...] = ()
    modules: list[str] = field(default_factory=list)


class Evidence:
    """What a life has left.

    Parameters
    ----------
    simulator
        The simulator of the world.
    folder
        The copy of the program's folder.
    """

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator, self.folder = simulator, folder
        self.before = _modified(folder)
        self.recorder: Recorder | None = None
        self.watcher: Any = None
        self.code: int | None = None
        self.killed = self.excused = False
        self.stands: tuple[str, ...] = ()  # where a function was ended that would go on for ever
        self.paths: tuple[Path, Path, Path] = (folder, folder, folder)

    def notes(self) -> Notes:
        """Return what the witness has noted in the lives of this world."""
        notes, path = Notes(), self.paths[0]
        for line in path.read_text().splitlines() if path.is_file() else ():
            fact = json.loads(line)
            if "write" in fact:
                notes.writes[fact["write"]] = tuple(fact["where"])
                notes.in_order.append(tuple(fact["where"]))
            elif "modules" in fact:
                notes.modules = fact["modules"]
            else:
                notes.error, notes.where = fact["error"], tuple(fact["where"])
        return notes


def report(evidence: Evidence, world: World, oracles: Mapping[str, OwnOracle]) -> Life:
    """Return the record of a life, with what the user's own `oracles` say of it."""
    recorder, simulator, notes = evidence.recorder, evidence.simulator, evidence.notes()
    if recorder is None:
        raise ValueError("the program has not lived yet")
    jobs = simulator.controls.jobs()
    files, in_files = _files(evidence, recorder, notes)
    error, where = notes.error, notes.where
    if evidence.code is None:
        # at its last calls if it goes on calling, else where it stands
        stands = evidence.stands or lines_in_stack(evidence.paths[1])
        last = recorder.calls[-1].where if recorder.idle > STANDSTILL_CALLS else stands
        condition, where = waited_for(recorder.source, last)
        error = f"it waits while {condition}" if condition else ""
    output = evidence.paths[2].read_text("utf-8", "replace") if evidence.paths[2].is_file() else ""
    never, start = simulator.controls.never_fired(), simulator.scenario.start
    met = tuple(
        all(Fault.from_mapping(fault, start) not in never for fault in deviation.scenario.get("faults", ()))
        and (deviation.kill is None or evidence.killed)
        for deviation in world
    )
    kill = kill_of(world)
    killed_at: tuple[str, ...] = ()
    if kill is not None and kill.at == "write" and evidence.killed:
        killed_at = next(iter(notes.in_order[kill.number - 1 :]), ())
    violations = evidence.watcher.report() if evidence.watcher is not None else ()
    peak, at = max(((active, -at) for at, active in active_steps(jobs)), default=(0, 0.0))
    at_peak = [call for call in recorder.calls if call.operation == SUBMIT and call.at == -at]
    return Life(
        world=world,
        code=evidence.code,
        error=error,
        where=where,
        text="\n".join([output.replace(str(evidence.folder), "."), in_files]),
        in_files=in_files,
        killed_at=killed_at,
        calls=tuple(recorder.calls),
        jobs=tuple(_facts_of(job, recorder, simulator) for job in jobs),
        files=files,
        violations=tuple((v["words"], v["where"] or "") for v in violations),
        peak_active=(peak, at_peak[-1].where if at_peak else ()),
        simulated_s=simulator.clock.now() - simulator.scenario.start,
        met=met,
        writes=len(notes.in_order),
        excused=evidence.excused,
        own=tuple(
            (name, words)
            for name, oracle in oracles.items()
            for words in oracle(simulator.controls.journal(), evidence.folder)
        ),
    )


def _facts_of(job: Job, recorder: Recorder, simulator: Simulator) -> JobFacts:
    call = submission_of(job.job_id, recorder.calls)
    made = [build.outcome is StatusCode.COMPLETE and build.cancelled_at is None for build in job.builds]
    source, key = (call.source, call.key) if call else (job.name, job.name)
    ended = job.ended_at < math.inf
    kept_until = simulator.scenario.expires_at(job.ended_at) if ended else math.inf
    return JobFacts(job.job_id, source, key, job.submitted_at, job.ended_at, all(made) and ended, kept_until)


def _modified(folder: Path) -> dict[str, int]:
    """Return when each file below a folder was modified [ns], by its path there."""
    found = {}
    for place, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with suppress(OSError):  # a link may lead nowhere
                facts = os.stat(path)
                if stat.S_ISREG(facts.st_mode):
                    found[path.removeprefix(f"{folder}{os.sep}")] = facts.st_mtime_ns
    return found


def _files(evidence: Evidence, recorder: Recorder, notes: Notes) -> tuple[tuple[Saved, ...], str]:
    """Return the files that the program has written, those of unpacked archives left out, and the text in them."""
    found, texts, sent = [], [], recorder.sent
    new = _modified(evidence.folder).items() - evidence.before.items()
    places = sorted(name.split(os.sep) for name, _ in new)
    for name in [os.sep.join(p) for p in places if not any(part.startswith("USERPROD_") for part in p[:-1])]:
        with open(os.path.join(evidence.folder, name), "rb") as file:
            data = file.read()
        if len(data) < _SMALL and b"\0" not in data:
            texts.append(data.decode("utf-8", "replace"))
        known = sent.get(hashlib.sha256(data).hexdigest())
        if known is not None:
            state, job_id = ("whole" if known[1] else "spoiled"), known[0]
        elif data or os.path.splitext(name)[1] in _ARCHIVES:
            beginnings = [job for job, whole, body in sent.values() if whole and body.startswith(data)]
            state, job_id = ("part", beginnings[0]) if beginnings else ("other", None)
        else:
            state, job_id = "other", None
        # where its writing was not seen, it came from the last call about the job
        fetching = (call.where for call in reversed(recorder.calls) if job_id is not None and call.job_id == job_id)
        found.append(Saved(name, state, job_id, notes.writes.get(name) or next(fetching, ())))
    return tuple(found), "\n".join(texts)
