"""The pytest marker `xrt_mock_hunt`: hunts a test function, and says what to paste to see a failure again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .deviations import as_toml, words_of
from .inprocess import Function, hunt_function
from .oracles import Rules
from .words import place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ..simulator import Simulator

_ARGUMENTS = ("worlds", "seed", "at_most", "poll_s", "strict", "off", "oracles")


class HuntReport(NamedTuple):
    """What is shown of a test that broke in some world.

    Parameters
    ----------
    summary
        One line for each finding.
    text
        Each smallest world with the line to paste.
    """

    summary: str
    text: str


def hunt_test(
    call: Callable[..., object],
    arguments: Mapping[str, Any],
    options: Mapping[str, Any],
    given: Mapping[str, Any],
    worlds_in: Path,
    name: str,
) -> HuntReport | None:
    """Call a test in many worlds; return None if it fails in the calm one, or breaks in none.

    Parameters
    ----------
    call, arguments
        The test, and its fixtures by name.
    options
        Arguments of its simulator.
    given
        Arguments of the marker.
    worlds_in
        Folder for scenario files of smallest worlds.
    name
        Name of the test, which their names begin with.

    Raises
    ------
    TypeError
        If the marker has an argument that does not exist.
    """
    for key in given:
        if key not in _ARGUMENTS:
            raise TypeError(f"xrt_mock_hunt has no argument {key!r}; it has {', '.join(_ARGUMENTS)}")

    def call_in(simulator: Simulator, folder: Path) -> None:
        own = {"xrt_mock": simulator, **({"tmp_path": folder} if "tmp_path" in arguments else {})}
        call(**{**arguments, **own})

    scenario = options["scenario"]
    oracles = {oracle.__name__: oracle for oracle in given.get("oracles", ())}
    others = {key: value for key, value in options.items() if key != "scenario"}
    function = Function(call_in, scenario, others, oracles)
    calm = function.play(())
    if calm.code != 0 or not calm.calls:
        return None
    rules = Rules(
        given.get("at_most"), given.get("poll_s", 10.0), given.get("strict", False), frozenset(given.get("off", ()))
    )
    found, tally = hunt_function(function, calm, rules, given.get("worlds", 100), given.get("seed", scenario.seed))
    if not found:
        return None
    lines = [f"{one.finding.words}, {words_of(one.world)} ({place(one.finding.where)})" for one in found]
    texts = []
    for number, one in enumerate(found, 1):
        data = function.data(one.world) | {"description": lines[number - 1]}
        file = worlds_in / f"{name}-{number}.toml"
        file.write_text(as_toml(data), encoding="utf-8")
        texts += [f"{number}. {lines[number - 1]}", f"   @pytest.mark.xrt_mock(scenario={str(file)!r})"]
        texts += [f"   not repeatable: {one.differed}"] if one.differed else []
    return HuntReport("\n".join([f"broke in {tally.broke} of {tally.worlds} worlds:", *lines]), "\n".join(texts))
