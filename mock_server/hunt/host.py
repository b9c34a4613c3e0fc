"""The process that programs are forked from: it has imported what they import, and runs each in a world of its own.

Started by :mod:`.stage` as ``python -m mock_server.hunt.host FD`` with the interpreter of the program. Orders and
answers are lines of JSON over the socket FD. The parent has one thread and never runs a line of the program.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import sys
import tempfile
import threading
import traceback
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from ..run import guest
from ..transport.intercept import Interception
from .witness import Witness, all_lines, follow_pools

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> NoReturn:
    """Carry out orders until the other end hangs up, or is gone."""
    joined = guest.joined
    if joined is None:
        raise SystemExit("this process is not part of a run")
    control = socket.socket(fileno=int(sys.argv[1]))
    orders = control.makefile("r", encoding="utf-8")
    with contextlib.suppress(ConnectionError):
        for line in orders:
            order = json.loads(line)
            if "imports" in order:
                for name in order["imports"]:
                    with contextlib.suppress(Exception):  # optional, or only the program itself can import it
                        importlib.import_module(name)
                joined.link.attach(None)  # leaves the run that watched the imports
                gc.collect()
                gc.freeze()  # collections in the programs need not look at all this
                _answer(control, threads=threading.active_count())
                continue
            pid = os.fork()
            if pid == 0:
                control.close()
                _live(joined, order)
            with contextlib.suppress(OSError):  # it has done so itself, or has ended
                os.setpgid(pid, pid)
            _answer(control, pid=pid)
            _, status = os.waitpid(pid, 0)
            _answer(control, code=os.waitstatus_to_exitcode(status))
    os._exit(0)


def _answer(control: socket.socket, **facts: Any) -> None:
    control.sendall((json.dumps(facts) + "\n").encode())


def _live(joined: guest.Guest, order: dict[str, Any]) -> NoReturn:
    """Be the program."""
    os.setpgid(0, 0)
    notes = os.open(order["notes"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    stack = open(order["stack"], "w")  # noqa: SIM115 - open until the end
    for number, (name, flags) in enumerate(
        [(os.devnull, os.O_RDONLY), *[(order["output"], os.O_WRONLY | os.O_APPEND)] * 2]
    ):
        opened = os.open(name, flags | (os.O_CREAT if number else 0), 0o600)
        os.dup2(opened, number)
        os.close(opened)
    # and ends: after it comes what the signal does by default
    faulthandler.register(signal.SIGUSR1, file=stack, all_threads=True, chain=True)
    os.chdir(order["folder"])
    witness = Witness(notes, order["folder"], order["kill_at_write"])
    joined.move(order["address"], bytes.fromhex(order["key"]), (0,))
    answering = Interception.innermost()
    if answering is not None:
        answering.locate = all_lines
        follow_pools()
    # the same random numbers in each life; a fork would take them from the machine
    for name, seed in (("random", order["seed"]), ("numpy.random", order["seed"] % 2**32)):
        module = sys.modules.get(name)
        if module is not None:
            module.seed(seed)
    names = tempfile._RandomNameSequence()  # type: ignore[attr-defined]  # private; the names of temporary files
    names._rng = random.Random(order["seed"])  # noqa: S311 - nothing is secret
    names._rng_pid = os.getpid()
    tempfile._name_sequence = names  # type: ignore[attr-defined]
    witness.start()
    before = set(sys.modules)
    code = _run(order["command"], witness)
    witness.note(modules=[name for name in sys.modules if name not in before])
    _end(code)


def _run(command: Sequence[str], witness: Witness) -> int:
    """Run a script, ``-m MODULE`` or ``-c CODE`` with its arguments, and return its exit code."""
    try:
        _execute(command)
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads that are no daemons
    except SystemExit as end:
        threading._shutdown()  # type: ignore[attr-defined]
        if end.code is None or isinstance(end.code, int):
            code = end.code or 0
        else:
            sys.stderr.write(f"{end.code}\n")
            code = 1
        if code:
            witness.note_error(end)
        return code & 255
    except BaseException as error:  # as the interpreter itself would
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        witness.note_error(error)
        return 1
    return 0


def _execute(command: Sequence[str]) -> None:
    first, *rest = command
    if first == "-m":
        sys.argv = list(rest)
        sys.path[0:1] = [os.getcwd()]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        return
    module = sys.modules["__main__"] = ModuleType("__main__")
    if first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path[0:1] = [""]
        exec(compile(rest[0], "<string>", "exec"), module.__dict__)  # noqa: S102 - the user's program
        return
    path = os.path.abspath(first)
    module.__file__, sys.argv = path, [first, *rest]
    sys.path[0:1] = [os.path.dirname(path)]
    with open(path, "rb") as file:
        source = file.read()
    exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - the user's program


def _end(code: int) -> NoReturn:
    """End as the interpreter does, without taking the imported modules apart."""
    atexit._run_exitfuncs()
    main_module = sys.modules["__main__"]
    if hasattr(main_module, "__dict__") and main_module.__name__ == "__main__":
        main_module.__dict__.clear()  # closes the files that it has left open
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
