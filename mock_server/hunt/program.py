"""The program that is hunted: how it is started, and its folder."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LEFT_OUT = {
    ".git",
    ".hg",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    ".hypothesis",
    ".pytest_cache",
    ".mypy_cache",
}
_FLAGS = {"-u", "-B", "-E", "-s", "-b", "-q"}
LARGEST_FOLDER_BYTES = 200_000_000


@dataclass(frozen=True)
class Program:
    """A command, and the folder that it starts in.

    Parameters
    ----------
    command
        The words of the command line.
    folder
        Copied for each world.
    python
        Its Python interpreter; empty if it is no Python program.
    arguments
        What the interpreter runs: a script, ``-m MODULE`` or ``-c CODE``, and the arguments.
    """

    command: tuple[str, ...]
    folder: Path
    python: str = ""
    arguments: tuple[str, ...] = ()


def program_of(command: Sequence[str], folder: Path) -> Program:
    """Return the program that a command starts; addresses within its folder are made relative to it."""
    here = f"{folder.resolve()}{os.sep}"
    words = tuple(word.removeprefix(here) for word in command)
    found = shutil.which(command[0])
    if found is None:
        raise InputInvalid(f"there is no program {command[0]}; check its name")
    if os.path.basename(found).startswith("python"):
        arguments = list(words[1:])
        while arguments and arguments[0] in _FLAGS:
            del arguments[0]
        runs = bool(arguments) and (arguments[0] in ("-m", "-c") or not arguments[0].startswith("-"))
        return Program(words, folder, found, tuple(arguments)) if runs else Program(words, folder)
    with open(found, "rb") as file:
        first = file.readline(200).decode("utf-8", "replace").strip()
    interpreter, *more = first.removeprefix("#!").split() or [""]
    if os.path.basename(interpreter) == "env" and len(more) == 1:
        interpreter, more = shutil.which(more[0]) or "", []
    if first.startswith("#!") and "python" in os.path.basename(interpreter) and not more:
        return Program(words, folder, interpreter, (found, *words[1:]))
    return Program(words, folder)


def copy_folder(source: Path, target: Path, leave_out: Iterable[str] = ()) -> None:
    """Copy a program's folder without what tools leave in it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        source, target, ignore=lambda _folder, names: _LEFT_OUT.union(leave_out) & set(names), symlinks=True
    )


def check_size(folder: Path, leave_out: Iterable[str] = ()) -> None:
    """Raise ValueError if a folder is too large to be copied for each world."""
    size = 0
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT.union(leave_out)]
        size += sum(os.lstat(os.path.join(root, name)).st_size for name in files)
        if size > LARGEST_FOLDER_BYTES:
            raise InputInvalid(
                f"the folder {folder} holds more than {LARGEST_FOLDER_BYTES // 10**6} MB and is copied for each world; "
                "start in a folder that holds the program alone"
            )
