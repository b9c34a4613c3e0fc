"""The loops of a program's source that it is in: what it waits for, and whether they end after a number of rounds."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_Loop = ast.While | ast.For | ast.AsyncFor
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Leaving = ast.Break | ast.Return | ast.Raise
_WITHOUT_END = {"count", "cycle", "repeat", "iter"}


def waited_for(folder: Path, where: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the condition of the loop that a program is in, and its line before the others.

    Parameters
    ----------
    folder
        Where its files are.
    where
        The user's lines, the innermost first, such as ``pipeline.py:12``.
    """
    found = [(loop, line) for line in where for loop in _around(folder, line)]
    found.sort(key=lambda one: is_counted(one[0]))  # those that may go on for ever first, the innermost before others
    for loop, line in found[:1]:
        condition = ast.unparse(loop.test if isinstance(loop, ast.While) else loop.iter)
        header = f"{line.rpartition(':')[0]}:{loop.lineno}"
        return condition, (header, *(other for other in where if other != header))
    return "", tuple(where)


def all_are_counted(folder: Path, where: Sequence[str]) -> bool:
    """Whether a program is in loops, and all of them end after a number of rounds; see :func:`waited_for`."""
    found = [loop for line in where for loop in _around(folder, line)]
    return bool(found) and all(map(is_counted, found))


def _around(folder: Path, line: str) -> list[_Loop]:
    """Return the loops around a line, as far as its function reaches, the innermost first."""
    name, _, number = line.rpartition(":")
    around = [
        node
        for node in ast.walk(_tree(folder / name))
        if isinstance(node, _Loop | _Function) and node.lineno <= int(number) <= (node.end_lineno or node.lineno)
    ]
    around.sort(key=lambda node: -node.lineno)
    function = next((place for place, node in enumerate(around) if isinstance(node, _Function)), len(around))
    return [node for node in around[:function] if isinstance(node, _Loop)]


@cache
def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError):
        return ast.Module([], [])


def is_counted(loop: _Loop) -> bool:
    """Whether a loop ends after a number of rounds: it goes through something, or leaves when a counter says so."""
    if not isinstance(loop, ast.While):
        made = loop.iter.func if isinstance(loop.iter, ast.Call) else None
        return not made or ast.unparse(made).rpartition(".")[2] not in _WITHOUT_END
    seldom = {id(node) for one in ast.walk(loop) if isinstance(one, ast.ExceptHandler) for node in ast.walk(one)}
    changes = [node for node in ast.walk(loop) if isinstance(node, ast.AugAssign) and id(node) not in seldom]
    counters = {ast.unparse(node.target) for node in changes}
    exits = [loop.test]  # the conditions on which it is left
    for node in ast.walk(loop):
        if isinstance(node, ast.If) and any(isinstance(one, _Leaving) for one in ast.walk(node)):
            exits.append(node.test)
    return any(ast.unparse(node) in counters for test in exits for node in ast.walk(test))
