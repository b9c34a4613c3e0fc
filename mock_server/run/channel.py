"""Objects over a local socket, one at a time: what the two ends of the link talk through.

A connection of `multiprocessing` that has shown its key is taken over; reading it with one system call for each message
and pickling plainly takes half the time.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
from socket import (  # as they are now: a program in the run may replace them
    MSG_DONTWAIT,
    SO_RCVTIMEO,
    SOL_SOCKET,
    socket,
)
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_SIZES = struct.Struct("!QQ")  # of the pickle, and of the buffer behind it
_CHUNK = 65_536
_LOOK_UP = struct.pack("@ll", 0, 250_000)  # a C timeval: quarter of a second


class _Waiting(io.RawIOBase):
    """A socket that is read until something comes, handlers of signals running meanwhile."""

    def __init__(self, connection: socket) -> None:
        self._socket = connection
        self.patient, self.ended = True, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        while True:
            try:
                size = self._socket.recv_into(buffer, 0, 0 if self.patient else MSG_DONTWAIT)
            except BlockingIOError:  # the moment is over, and handlers have run
                if not self.patient:
                    return None
            else:
                self.ended = size == 0
                return size


class Channel:
    """One end of a connection; objects may be of any size.

    Python runs a signal's handler between two of its instructions. A signal that arrives after the last of them and
    before the kernel begins to wait (or is delivered to another thread) does not end the wait: Ctrl-C would be seen
    with the answer only, and in a run that may be never. No wait is therefore longer than a moment.

    Parameters
    ----------
    connection
        A connection over a socket of this machine, whose other end has shown its key. It is taken over.
    """

    def __init__(self, connection: Connection) -> None:
        self._socket = socket(fileno=os.dup(connection.fileno()))
        connection.close()
        self._socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, _LOOK_UP)
        self._waiting = _Waiting(self._socket)
        self._reader = io.BufferedReader(self._waiting, _CHUNK)

    def send(self, thing: Any) -> None:
        """Send an object that can be pickled."""
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(thing, pickle.HIGHEST_PROTOCOL, buffer_callback=buffers.append)
        content = buffers[0].raw() if buffers else b""  # of an answer: there is never a second one
        self._socket.sendall(_SIZES.pack(len(pickled), len(content)) + pickled)
        if content:
            self._socket.sendall(content)

    def receive(self) -> Any:
        """Wait for an object and return it.

        Raises
        ------
        EOFError, OSError
            If the other end is gone.
        """
        size, following = _SIZES.unpack(self._read(_SIZES.size))
        pickled, buffers = self._read(size), [self._read(following)] if following else []
        return pickle.loads(pickled, buffers=buffers)  # noqa: S301 - it knew the run's key

    def _read(self, size: int) -> bytes:
        """Return the next bytes; large ones are read into their place."""
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when an object comes, unless :meth:`has_come` is true already."""
        return self._socket.fileno()

    def has_come(self) -> bool:
        """Whether an object, or the end of the connection, has come and was not received."""
        self._waiting.patient = False
        try:
            return bool(self._reader.peek(1)) or self._waiting.ended
        except OSError:
            return True
        finally:
            self._waiting.patient = True

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
