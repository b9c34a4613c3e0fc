"""Objects over a local socket, one at a time: what the two ends of the link talk through.

A connection of `multiprocessing` that has shown its key is taken over; reading it with one system call for each message
and pickling plainly takes half the time.
"""

from __future__ import annotations

import os
import pickle
import struct
from socket import SO_RCVTIMEO, SOL_SOCKET, socket  # as they are now: a program in the run may replace them
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_SIZE = struct.Struct("!Q")
_CHUNK = 65_536
_LOOK_UP = struct.pack("@ll", 0, 250_000)  # a C timeval: quarter of a second


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

    def send(self, thing: Any) -> None:
        """Send an object that can be pickled."""
        pickled = pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)
        self._socket.sendall(_SIZE.pack(len(pickled)) + pickled)

    def receive(self) -> Any:
        """Wait for an object and return it.

        Raises
        ------
        EOFError, OSError
            If the other end is gone.
        """
        data = self._read()
        while len(data) < _SIZE.size:
            data += self._read()
        (size,) = _SIZE.unpack_from(data)
        missing, parts = size - (len(data) - _SIZE.size), [data[_SIZE.size :]]
        while missing > 0:
            parts.append(self._read())
            missing -= len(parts[-1])
        return pickle.loads(parts[0] if len(parts) == 1 else b"".join(parts))  # noqa: S301 - it knew the run's key

    def _read(self) -> bytes:
        while True:
            try:
                data = self._socket.recv(_CHUNK)
            except BlockingIOError:  # the moment is over, and handlers have run
                continue
            if not data:
                raise EOFError
            return data

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
