"""What the operating system knows of a thread and of a process: its processor time, what it waits for, its end."""

from __future__ import annotations

import os
import re
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

NativeThread = tuple[int, int]
"""A thread as the operating system names it: its process [pid] and its native thread id."""

_poll: Any = getattr(select, "poll", None)  # that of the module may be replaced
_EXITING = 0x4  # PF_EXITING of the kernel, among the flags of proc(5)
_PENDING = re.compile(rb"Pnd:\s*([0-9a-f]+)")  # signals in a status of proc(5)
_WAITS = {  # parts of the names of kernel functions, and what a thread waits for in them
    "pipe": "a pipe",
    "futex": "a lock that simulated time does not know",
    "wait_for_more_packets": "a socket",
    "wait_woken": "a socket",
    "stream_read": "a socket",
    "sk_wait": "a socket",
    "accept": "a connection to its socket",
    "connect": "a connection",
    "recv": "a socket",
    "skb": "a socket",
    "poll": "a file or socket, in select or poll",
    "select": "a file or socket, in select or poll",
    "ep_": "a file or socket, in select or poll",
    "do_wait": "the end of a child process",
    "sig": "a signal",
    "pause": "a signal",
    "nanosleep": "real time to pass",
    "tty": "input",
    "lock": "the lock of a file",
}


def processor_time(thread: NativeThread) -> int | None:
    """Return the processor time that a sleeping thread has used [ticks]; None if it is awake or there is no /proc.

    Raises
    ------
    ProcessLookupError
        If there is no such thread.
    """
    try:
        words = Path(f"/proc/{thread[0]}/task/{thread[1]}/stat").read_text().rpartition(")")[2].split()
    except OSError as error:
        if Path("/proc/self/stat").exists():
            raise ProcessLookupError(f"thread {thread[1]} of process {thread[0]} has ended") from error
        return None
    state, *_, user, system = words[:13]  # the third to fifteenth field of proc(5)
    return int(user) + int(system) if state in "SZ" else None


def awaited(thread: NativeThread) -> str | None:
    """Return what a thread waits for, such as ``a pipe``; None if it works or the kernel does not tell."""
    try:
        function = Path(f"/proc/{thread[0]}/task/{thread[1]}/wchan").read_text()
    except OSError:
        return None
    return next((what for part, what in _WAITS.items() if part in function), None)


def asleep(pids: Iterable[int]) -> dict[NativeThread, tuple[str, int]] | None:
    """Return what all threads of some processes and their children sleep in, and how often each has been switched.

    What a thread sleeps in is the name of a kernel function. None if one is awake, or the kernel does not tell.
    """
    found: dict[NativeThread, tuple[str, int]] = {}
    left, known = list(pids), set(pids)
    try:
        while left:
            pid = left.pop()
            for thread in Path(f"/proc/{pid}/task").iterdir():
                status = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines())
                state = status["State"].strip()[0]
                if state in "ZX":
                    continue
                if state != "S":
                    return None
                switches = int(status["voluntary_ctxt_switches"]) + int(status["nonvoluntary_ctxt_switches"])
                function = (thread / "wchan").read_text()
                if function == "0":  # it is about to sleep, or the kernel keeps it to itself
                    return None
                found[pid, int(thread.name)] = function, switches
                new = {int(child) for child in (thread / "children").read_text().split()} - known
                left, known = [*left, *new], known | new
    except (OSError, KeyError):  # one ends just now, or there is no /proc
        return None
    return found


def state_of(thread: NativeThread) -> str:
    """Return the letter of a thread's state, see proc(5).

    Raises
    ------
    OSError
        If there is no such thread, or the kernel does not tell.
    """
    return _read(f"/proc/{thread[0]}/task/{thread[1]}/stat").rpartition(b")")[2].split()[0].decode()


def is_ending(pid: int) -> bool:
    """Whether a process is about to end: it has been sent a signal, or is exiting; False where nothing tells."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pending = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "Pnd:" in line]
    except OSError:
        return False
    return words[0] in "ZX" or bool(int(words[6]) & _EXITING) or any(int(line.split()[1], 16) for line in pending)


def is_dead(pid: int) -> bool:
    """Whether a process has ended, is exiting, or has been killed and does not know it yet."""
    try:
        words = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        pending = _PENDING.findall(_read(f"/proc/{pid}/status"))
    except OSError:
        return True
    killed = any(int(signals, 16) >> signal.SIGKILL - 1 & 1 for signals in pending)
    return words[0] in b"ZX" or bool(int(words[6]) & _EXITING) or killed


def processor_s(pid: int) -> float:
    """Return the processor time of a process and of its children that have ended [s].

    Raises
    ------
    OSError
        If there is no such process, or the kernel does not tell.
    """
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _read(path: str) -> bytes:
    """Return what the kernel says in a file, at the least cost: many are read in a run."""
    with open(path, "rb", buffering=0) as file:
        return file.read()


def descends(pid: int, ancestor: int) -> bool:
    """Whether a process is another, or was started by it or its children; False where nothing tells."""
    while pid > 1 and pid != ancestor:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return pid == ancestor


def wait_for_end(pid: int, seconds: float | None, unless: int | None = None) -> bool:
    """Return whether a process is gone, after waiting at most `seconds` of real time; True where nothing tells.

    The wait ends, too, when a descriptor is readable, if one is given.
    """
    try:
        descriptor = os.pidfd_open(pid)  # Linux; readable once the process has ended
    except (AttributeError, OSError):
        return True
    try:
        poll = _poll()
        poll.register(descriptor, select.POLLIN)
        if unless is not None:
            poll.register(unless, select.POLLIN)
        found = poll.poll(None if seconds is None else seconds * 1000)
        return any(ready == descriptor for ready, _ in found)
    finally:
        os.close(descriptor)
