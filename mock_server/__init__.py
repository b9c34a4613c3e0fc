"""A stateful simulator of the Swift-XRT product generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core.faults import Fault
    from .core.journal import Entry, Journal
    from .scenario.scenario import Scenario
    from .serve.server import MockServer
    from .service.operator import Controls
    from .simulator import Simulator, simulated

__all__ = ["Controls", "Entry", "Fault", "Journal", "MockServer", "Scenario", "Simulator", "simulated"]

_HOMES = {
    "Controls": "service.operator",
    "Entry": "core.journal",
    "Fault": "core.faults",
    "Journal": "core.journal",
    "MockServer": "serve.server",
    "Scenario": "scenario.scenario",
    "Simulator": "simulator",
    "simulated": "simulator",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only needed here

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
