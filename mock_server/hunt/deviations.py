"""Deviations from the calm world, and the worlds that they make: pieces of a scenario, kills of the program. Pure."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Kill(NamedTuple):
    """The program is killed once, and then started again in the same folder.

    Parameters
    ----------
    at
        ``call``: before its n-th call is answered; ``write``: in the middle of its n-th write into its folder.
    number
        n, counted from 1.
    """

    at: str
    number: int

    @classmethod
    def from_text(cls, text: str) -> Kill:
        """Read ``call:3`` or ``write:2``."""
        at, _, number = text.partition(":")
        if at not in ("call", "write") or not number.isdigit() or int(number) < 1:
            raise InputInvalid(f"--kill is {text!r}, but must be such as call:3 or write:2")
        return cls(at, int(number))

    def __str__(self) -> str:
        return f"{self.at}:{self.number}"


class Deviation(NamedTuple):
    """One way in which a world differs from the calm one.

    Parameters
    ----------
    kind
        Kind of fault, or ``limit``, ``outage``, ``restart``, ...: a column of the matrix.
    operation
        The operation that it concerns; empty if it concerns all.
    words
        What happens, as the end of a sentence that begins with `when`.
    scenario
        Piece of a scenario file, as TOML data.
    kill
        When the program is killed, if it is.
    """

    kind: str
    operation: str
    words: str
    scenario: Mapping[str, Any]
    kill: Kill | None = None


World = tuple[Deviation, ...]
"""A world: its deviations from the calm one."""


def scenario_data(base: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Return the data of a scenario file: those of the calm world, with all deviations."""
    made = copy.deepcopy(dict(base))
    for deviation in world:
        _merge(made, deviation.scenario)
    return made


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        elif isinstance(value, list):
            into[key] = [*into.get(key, ()), *value]
        else:
            into[key] = value


def kill_of(world: World) -> Kill | None:
    """Return the first kill of a world, if it has one."""
    return next((deviation.kill for deviation in world if deviation.kill), None)


def key_of(world: World) -> str:
    """Return a text that is the same for equal worlds."""
    return json.dumps([scenario_data({}, world), kill_of(world)], sort_keys=True, default=str)  # dates


def words_of(world: World) -> str:
    """Return a world as the rest of a sentence: ``when the limit is 4, and ...``."""
    return "when " + ", and ".join(deviation.words for deviation in world) if world else "in the calm world"


def as_toml(data: Mapping[str, Any]) -> str:
    """Return the data of a scenario as the text of its TOML file."""
    return "\n".join(_lines(data, ())) + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterable[str]:
    nested = {
        key: value
        for key, value in table.items()
        if isinstance(value, dict)
        or (isinstance(value, list) and value and all(isinstance(one, dict) for one in value))  # tables
    }
    yield from (f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in nested)
    for key, value in nested.items():
        name = ".".join(map(_key, (*path, key)))
        for one in value if isinstance(value, list) else [value]:
            yield f"\n[[{name}]]" if isinstance(value, list) else f"\n[{name}]"
            yield from _lines(one, (*path, key))


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return str(value) if hasattr(value, "isoformat") else json.dumps(value, ensure_ascii=False)
