"""Calls a function when a module is first imported, without importing it for that."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class _Finder:
    """Lets the other finders find a module, and calls its hooks once it is loaded."""

    def __init__(self) -> None:
        self.hooks: dict[str, list[Callable[[ModuleType], None]]] = {}

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: Any = None) -> ModuleSpec | None:
        hooks = self.hooks.pop(name, None)  # removed first, so that the search below does not come back here
        if hooks is None:
            return None
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            self.hooks[name] = hooks
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            for hook in hooks:
                hook(module)

        loader.exec_module = exec_module
        return spec


_finder = _Finder()


def when_imported(name: str, hook: Callable[[ModuleType], None]) -> None:
    """Call `hook(module)` once the module has been imported; at once if it has been already."""
    if name in sys.modules:
        hook(sys.modules[name])
        return
    _finder.hooks.setdefault(name, []).append(hook)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def forget(name: str, hook: Callable[[ModuleType], None]) -> None:
    """Remove a hook whose module was never imported."""
    if hook in _finder.hooks.get(name, []):
        _finder.hooks[name].remove(hook)
