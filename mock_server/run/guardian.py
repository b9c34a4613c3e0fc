"""A process that ends what a killed run has started, and removes its files: it waits for the end of a pipe."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SCRIPT = """
programs=
while read -r program; do
  test "$program" = end && exit
  programs="$programs $program"
done
for signal in TERM KILL; do
  for program in $programs; do kill -s $signal -- "$program" 2>/dev/null; done
  test $signal = TERM && sleep 1
done
rm -rf -- "$@"
"""


class Guardian:
    """The run's end of the pipe.

    Parameters
    ----------
    process
        Runs the script; None where the system has no shell.
    """

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        self._process = process

    def watch(self, program: int) -> None:
        """Add a process to be ended, or a process group as a negative number."""
        self._tell(str(program))

    def end(self) -> None:
        """Leave without ending anything: the run has done it."""
        self._tell("end")
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # somebody has ended it
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()


@contextlib.contextmanager
def guarding(places: Sequence[str]) -> Iterator[Guardian]:
    """Context manager: if this process is killed meanwhile, its programs end and its files and folders are removed."""
    process = None
    if os.name == "posix":
        command = ["/bin/sh", "-c", _SCRIPT, "xrt-mock-guardian", *places]
        with contextlib.suppress(OSError):
            process = subprocess.Popen(  # noqa: S603 - the script above
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C at a terminal does not reach it
            )
    guardian = Guardian(process)
    try:
        yield guardian
    finally:
        guardian.end()
