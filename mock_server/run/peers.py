"""Which processes of a run hold connections to somebody outside it, such as a database server of this machine (Linux).

What comes over such a connection comes in real time. Connections between processes of the run are no reason to wait.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ESTABLISHED = "01"
_MAPPED = "0000000000000000FFFF0000"  # an IPv4 address within IPv6, as /proc/net/tcp6 writes it
_SOCK_DIAG, _DUMP, _DONE, _ERROR = 20, 0x301, 3, 2  # <linux/sock_diag.h>, <linux/netlink.h>
_SHOW_PEER, _PEER = 4, 2  # <linux/unix_diag.h>
_ALL_STATES = 0xFFFFFFFF


class Peers:
    """Keeps what it has found until a process opens or closes a socket."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[object, frozenset[str]]] = {}
        self._known: tuple[dict[int, frozenset[str]], frozenset[int]] = ({}, frozenset())

    def outsiders(self, processes: Mapping[int, object]) -> frozenset[int]:
        """Return those of some processes that hold a connection to another process than these and the caller.

        With each process goes an object that is another one if the process has run since the last look.

        Raises
        ------
        OSError
            If one of them ends just now, or the kernel does not tell.
        """
        sockets = {pid: self._sockets_of(pid, stamp) for pid, stamp in processes.items()}
        if sockets != self._known[0] or self._known[1]:  # the other end may have been accepted meanwhile
            theirs = frozenset[str]().union(*sockets.values())
            inside, ends = theirs | _sockets(os.getpid()), _unix_sockets()
            if theirs - ends.keys():
                ends |= _tcp_sockets(next(iter(processes)))
            foreign = {inode for inode, peer in ends.items() if peer is not None and peer not in inside}
            found = {pid for pid, inodes in sockets.items() if not foreign.isdisjoint(inodes)}
            self._known = (sockets, frozenset(found))
        return self._known[1]

    def _sockets_of(self, pid: int, stamp: object) -> frozenset[str]:
        before, inodes = self._read.get(pid, (None, frozenset[str]()))
        if before is not stamp:
            inodes = _sockets(pid)
            self._read[pid] = stamp, inodes
        return inodes


def _sockets(pid: int) -> frozenset[str]:
    """Return the inodes of a process's sockets."""
    place, found = f"/proc/{pid}/fd", []
    for descriptor in os.listdir(place):
        try:
            link = os.readlink(f"{place}/{descriptor}")
        except FileNotFoundError:  # that of the folder itself
            continue
        if link.startswith("socket:"):
            found.append(link[8:-1])
    return frozenset(found)


def _tcp_sockets(pid: int) -> dict[str, str]:
    """Return the other end of each connected TCP socket in a process's network, "0" for one elsewhere.

    The kernel goes through a large table to tell: it takes as long as all the rest of a look.
    """
    rows = []
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):  # no IPv6
            for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _ESTABLISHED:
                    rows.append((words[1].removeprefix(_MAPPED), words[2].removeprefix(_MAPPED), words[9]))
    ends = {(local, remote): inode for local, remote, inode in rows}
    return {inode: ends.get((remote, local), "0") for local, remote, inode in rows}


def _unix_sockets() -> dict[str, str | None]:
    """Return the other end of each UNIX socket, None if it has none; nothing if the kernel does not tell."""
    found: dict[str, str | None] = {}
    with contextlib.suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:
        asked = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, _ALL_STATES, 0, _SHOW_PEER, 0, 0)
        diag.send(struct.pack("=IHHII", 16 + len(asked), _SOCK_DIAG, _DUMP, 1, 0) + asked)
        while True:
            answer = diag.recv(1 << 17)
            while answer:
                length, kind = struct.unpack_from("=IH", answer)
                if kind in (_DONE, _ERROR):
                    return found
                inode, at = str(struct.unpack_from("=I", answer, 20)[0]), 32
                found[inode] = None
                while at < length:
                    size, attribute = struct.unpack_from("=HH", answer, at)
                    if attribute == _PEER:
                        found[inode] = str(struct.unpack_from("=I", answer, at + 4)[0])
                    at += (size + 3) & ~3
                answer = answer[(length + 3) & ~3 :]
    return found
