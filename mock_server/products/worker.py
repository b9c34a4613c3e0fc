"""A process that makes the contents of products for a server, which answers other calls meanwhile.

The server sends pickles over a socket and gets one back for each. The process ends with the server, however that ends.
"""

from __future__ import annotations

import io
import os
import pickle
import queue
import signal
import socket
import threading
import traceback
from dataclasses import fields, is_dataclass
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..sky.archive import Sky

if TYPE_CHECKING:
    from ..sky.world import World

MEMORY_BYTES = 2 * 2**30
"""Memory that the process may take for its data; more fails, and the process ends."""
_NICENESS = 5  # answering comes first


class Task(NamedTuple):
    """What a :class:`~mock_server.products.builder.ProductBuilder` is asked for.

    Parameters
    ----------
    now
        Simulated time [s], at which contents have expired.
    method, arguments
        The builder's method, and what it is given.
    """

    now: float
    method: str
    arguments: tuple[Any, ...]


class Made(NamedTuple):
    """The result of a task; `failure` says in words why it failed, `too_large` that memory was short."""

    result: Any = None
    failure: str = ""
    too_large: bool = False


def frozen(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a mapping that cannot be changed; pickle knows no other way to make one."""
    return MappingProxyType(values)


class _Pickler(pickle.Pickler):
    """Pickles so that the server need not load the modules that make contents."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, MappingProxyType):
            return frozen, (dict(obj),)
        module = type(obj).__module__
        if module == "numpy" and hasattr(obj, "item") and not getattr(obj, "shape", ()):
            value = obj.item()
            return type(value), (value,)
        if module.startswith(f"{__package__}.") and is_dataclass(obj) and module != f"{__package__}.order":
            return SimpleNamespace, (), {field.name: getattr(obj, field.name) for field in fields(obj)}
        return NotImplemented


def pickled(value: Any) -> bytes:
    """Return a value as bytes that `pickle.loads` reads."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def main(descriptor: int) -> None:
    """Make contents until the server closes the socket with this descriptor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal reaches all; the server ends this process
    _limit()
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with socket.socket(fileno=descriptor) as link, link.makefile("rwb") as stream:
        threading.Thread(target=_receive, args=(stream, tasks), daemon=True).start()
        seed, world = tasks.get()
        from .builder import ProductBuilder  # noqa: PLC0415 - needs numpy, scipy, astropy and Pillow

        builder = ProductBuilder(Sky(seed, world))
        made = Made()
        while not made.too_large:
            task: Task = tasks.get()
            builder.forget_expired(task.now)
            try:
                made = Made(getattr(builder, task.method)(*task.arguments))
            except MemoryError:
                made = Made(failure=f"it needs more than {MEMORY_BYTES // 2**20} MiB", too_large=True)
            except Exception:
                made = Made(failure=traceback.format_exc())
            stream.write(pickled(made))
            stream.flush()


def _limit() -> None:
    """Let answering go first, and bound the memory where the system can."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    os.nice(_NICENESS)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    bound = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, most))


def _receive(stream: Any, tasks: queue.SimpleQueue[Any]) -> None:
    """Take over tasks; end the process when the server is gone, also while it makes something."""
    try:
        while True:
            tasks.put(pickle.load(stream))  # noqa: S301 - from the server that started this process
    except (EOFError, OSError):
        os._exit(0)


def first_message(seed: int, world: World) -> bytes:
    """Return what the process is sent first: which sky it is."""
    return pickled((seed, world))
