"""What a hunt hears from the process that programs are forked from."""

import socket

from mock_server.hunt.processes import Host


def test_a_program_that_ends_before_its_start_is_read_has_ended():
    host = Host.__new__(Host)
    host._socket, other = socket.socketpair()
    with host._socket, other:
        other.sendall(b'{"pid": 7}\n{"code": 3}\n')
        assert host._answer() == {"pid": 7}
        assert host.code(within_s=5) == 3
        assert host.code(within_s=0) is None
