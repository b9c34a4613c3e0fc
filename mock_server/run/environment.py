"""The environment of a program in a run: where it finds the run, the hook that lets it take part, and its ``sleep``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..clocks.base import ParticipantId

LINK, KEY, PARTICIPANT = "XRT_MOCK_LINK", "XRT_MOCK_KEY", "XRT_MOCK_PARTICIPANT"
"""Variables: address of the run's link server, the key to it, and the program's id on the clock."""

CANNOT_TAKE_PART = 125
"""Exit code of a Python that lacks what a run needs; `env` uses the same for its own failures."""

_LOOK_SELDOM = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1h",
    "DASK_DISTRIBUTED__ADMIN__TICK__CYCLE": "1h",
    "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING_INTERVAL": "1m",
    "DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__INTERVAL": "1m",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "1m",
    "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "1m",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}
"""Settings with which tools watch the machine seldom: up to a hundred times a second of simulated time otherwise."""

_START_UP_HOOK = f"""\
# loaded by xrt-mock run into every Python program of the run
import os, sys
sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
try:
    from mock_server.run.guest import install
    install()
except BaseException:  # without the hook the program could reach the real service
    sys.stderr.write("xrt-mock: %s cannot take part in this run: %r\\n" % (sys.executable, sys.exc_info()[1]))
    if isinstance(sys.exc_info()[1], (ImportError, SyntaxError)):
        sys.stderr.write('To fix it: %s -m pip install "xrt-mock[server]"\\n' % sys.executable)
    sys.stderr.flush()
    os._exit({CANNOT_TAKE_PART})
import importlib.machinery, importlib.util
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize")
if _spec is not None:
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["sitecustomize"] = _module
    _spec.loader.exec_module(_module)
"""


def prepare(env: Mapping[str, str], folder: Path, address: str, key: bytes) -> dict[str, str]:
    """Write start-up hook and ``sleep`` command into a folder, and return the environment in which programs find them.

    Parameters
    ----------
    env
        The environment to start from; its own variables are kept.
    folder
        An empty folder.
    address, key
        Of the run's link server.
    """
    folder.joinpath("sitecustomize.py").write_text(_START_UP_HOOK)
    commands = folder / "bin"
    commands.mkdir()
    commands.joinpath("sleep").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mock_server.run.sleep_command "$@"\n')
    commands.joinpath("sleep").chmod(0o755)
    return {
        # unless the user wants otherwise
        "PYTHONHASHSEED": "0",  # sets have the same order in each run
        **_LOOK_SELDOM,
        **env,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), env.get("PYTHONPATH")))),
        "PATH": os.pathsep.join(filter(None, (str(commands), env.get("PATH", os.defpath)))),
        LINK: address,
        KEY: key.hex(),
    }


def format_participant(participant: ParticipantId) -> str:
    """Return an id as it is written in the environment, such as ``0.2``."""
    return ".".join(map(str, participant))


def parse_participant(text: str) -> ParticipantId:
    """Read the value of the variable `PARTICIPANT`."""
    return tuple(map(int, text.split(".")))
