"""Processes that make the contents of products, so that a server's one thread goes on answering."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore
from gevent.socket import socket as GreenSocket  # noqa: N812 - a class

from ..core.errors import Unavailable
from ..products.worker import Made, Task, first_message, pickled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..products.archive import Content
    from ..products.order import Order
    from ..sky.archive import Sky

TIME_S = 120.0
"""Real time that contents may take, and wait for their turn [s]."""
_MODULE = "mock_server.products.worker"


class Maker:
    """One process that makes contents; it is started at once, and loads numpy and the others meanwhile."""

    def __init__(self, first: bytes) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", f"from {_MODULE} import main; main({theirs.fileno()})"]
            self._process = subprocess.Popen(  # noqa: S603 - this program
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        self._link = GreenSocket(fileno=ours.detach())
        self._stream = self._link.makefile("rwb")
        self._stream.write(first)

    def make(self, task: bytes) -> Made:
        """Have a task done; other greenlets run meanwhile.

        Raises
        ------
        EOFError, OSError
            If the process has ended.
        """
        self._stream.write(task)
        self._stream.flush()
        made: Made = pickle.load(self._stream)  # noqa: S301 - from a process of our own
        return made

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._link.close()  # first: the stream has nothing to say to it any more
        with contextlib.suppress(OSError):
            self._stream.close()
        self._process.wait()


class Makers:
    """Makes contents as a :class:`~mock_server.products.builder.ProductBuilder` does, in other processes.

    Parameters
    ----------
    sky
        Sources and observations.
    most
        Maximum number of processes; each keeps what it made. They are started when first needed.

    Notes
    -----
    Contents that take too long, or too much memory, raise :class:`~mock_server.core.errors.Unavailable`.
    """

    def __init__(self, sky: Sky, most: int) -> None:
        self._first = first_message(sky.seed, sky.world)
        self._started: set[Maker] = set()
        self._idle: list[Maker] = []
        self._turns = BoundedSemaphore(most)
        self._pending: dict[bytes, AsyncResult[Made]] = {}
        self._now = 0.0

    def forget_expired(self, now: float) -> None:
        """Forget the contents of jobs whose products have expired by `now` [s], before the next are made."""
        self._now = now

    def files(self, order: Order) -> Mapping[str, Content]:
        """Return the files of a product by their paths below its folder."""
        files: Mapping[str, Content] = self._ask("files", order)
        return files

    def archive(self, orders: Iterable[Order], form: str) -> tuple[bytes, ...]:
        """Pack products of one job."""
        packed: tuple[bytes, ...] = self._ask("archive", list(orders), form)
        return packed

    def answer(self, order: Order, *options: str) -> Any:
        """Return the answer of the service about a product, in the newest form."""
        return self._ask("answer", order, *options)

    def chart(self, order: Order, *arguments: Any) -> Any:
        """Return what a page draws of a product, as JSON-ready data."""
        return self._ask("chart", order, *arguments)

    def end(self) -> None:
        """End the processes, whatever they do."""
        for maker in self._started:
            maker.end()
        self._started.clear()
        self._idle.clear()

    def _ask(self, method: str, *arguments: Any) -> Any:
        """Have contents made; those who ask for the same meanwhile share the result."""
        key = pickled((method, arguments))
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = AsyncResult()
            gevent.spawn(self._make, pickled(Task(self._now, method, arguments)), key, pending)
        made = pending.get()
        if made.too_large:
            raise Unavailable(f"the product cannot be made: {made.failure}")
        if made.failure:
            raise RuntimeError(f"contents could not be made:\n{made.failure}")
        return made.result

    def _make(self, task: bytes, key: bytes, result: AsyncResult[Made]) -> None:
        """Do a task by an idle process, the one used last if there are several, and set its result."""
        maker: Maker | None = None
        try:
            with gevent.Timeout(TIME_S), self._turns:
                if self._idle:
                    maker = self._idle.pop()
                else:
                    maker = Maker(self._first)
                    self._started.add(maker)
                made = maker.make(task)
                if not made.too_large:
                    self._idle.append(maker)
                    maker = None
            result.set(made)
        except gevent.Timeout:
            result.set_exception(Unavailable(f"the product takes longer than {TIME_S:.0f} s"))
        except (EOFError, OSError, pickle.UnpicklingError):
            result.set_exception(Unavailable("the process that makes contents has ended"))
        finally:
            del self._pending[key]
            if maker is not None and maker in self._started:
                self._started.remove(maker)
                maker.end()


def number_of_makers(*, one_of_many: bool) -> int:
    """Return how many processes make contents for a server process: two, or one each if several share the machine."""
    return 1 if one_of_many else min(2, os.cpu_count() or 1)
