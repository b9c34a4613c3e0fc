"""A network of its own for a program of a run (Linux): loopback alone, in which only the run's proxy listens.

A holder process makes a user and a network namespace, in which the programs are started. The proxy's socket is made
there, too, and handed to the run: a socket stays in the network in which it was made. This file is also the program
of the holder, and of what starts a program; both run without the packages of the environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # <linux/sched.h>
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # <linux/sockios.h>, <linux/if.h>
_FORM = "16sh14x"  # struct ifreq: name and flags
_REFUSED = 3


class Isolation:
    """A network for programs.

    Parameters
    ----------
    holder
        Process [pid] that holds the namespaces.
    listener
        Listens on a port of the loopback of that network.
    """

    def __init__(self, holder: int, listener: socket.socket) -> None:
        self._holder = holder
        self.listener = listener

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command that starts a program in this network."""
        return [*_this_file(), "enter", str(self._holder), *command]


@contextlib.contextmanager
def isolated() -> Iterator[Isolation]:
    """Context manager: make a network; it ends with the last program in it.

    Raises
    ------
    InputInvalid
        If the system does not allow it; the text says why, and what to do.
    """
    from ..core.errors import InputInvalid  # noqa: PLC0415 - as a program this file has no package

    impossible = (
        "--isolate needs Linux and its user namespaces, which are not available here: {}. Run without it, or run "
        "everything in a container without a network"
    )
    if sys.platform != "linux":
        raise InputInvalid(impossible.format(f"this is {sys.platform}"))
    ours, its = socket.socketpair()
    with ours, its:
        holder = subprocess.Popen(  # noqa: S603 - this file
            [*_this_file(), "hold", str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        its.close()
        with holder:  # at the end its standard input is closed and its end is waited for
            words, descriptors, _, _ = socket.recv_fds(ours, 1000, 1)
            if not descriptors:
                raise InputInvalid(impossible.format(words.decode() or "its process ended"))
            with socket.socket(fileno=descriptors[0]) as listener:
                yield Isolation(holder.pid, listener)


def _this_file() -> list[str]:
    return [sys.executable, "-I", "-S", os.path.abspath(__file__)]


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _hold(channel: int) -> None:
    """Make the namespaces, hand a listening socket to the run, and wait until the run closes standard input."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    with socket.socket(fileno=channel) as run:
        try:
            _check(libc.unshare(_NEW_USER | _NEW_NET))
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                flags = struct.unpack(_FORM, fcntl.ioctl(any_socket, _GET_FLAGS, struct.pack(_FORM, b"lo", 0)))[1]
                fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack(_FORM, b"lo", flags | _UP))
            with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
                socket.send_fds(run, [b"ready"], [listener.fileno()])
        except OSError as error:
            run.sendall(str(error.strerror or error).encode())
            raise SystemExit(_REFUSED) from None
    sys.stdin.buffer.read()


def _enter(holder: str, command: list[str]) -> NoReturn:
    """Become the program, in the namespaces of the holder; exit codes are those of a shell."""
    libc = ctypes.CDLL(None, use_errno=True)
    for name, kind in (("user", _NEW_USER), ("net", _NEW_NET)):
        descriptor = os.open(f"/proc/{holder}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        _check(libc.setns(descriptor, kind))
    try:
        os.execvp(command[0], command)  # noqa: S606 - the user's command
    except OSError as error:
        sys.stderr.write(f"xrt-mock: cannot run {command[0]}: {error.strerror}\n")
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        _hold(int(sys.argv[2]))
    else:
        _enter(sys.argv[2], sys.argv[3:])
