"""What the two ends of a run's link talk through: objects of any size, in any pieces, until one end is gone."""

import os
import pickle
import struct
import threading
import tracemalloc
from multiprocessing import Pipe

import pytest

from mock_server.run.channel import Channel
from mock_server.transport.wsgi_call import Answer


@pytest.fixture
def ends():
    one, other = map(Channel, Pipe())
    yield one, other
    one.close()
    other.close()


def test_a_large_answer_arrives_as_it_was_and_is_copied_once(ends):
    one, other = ends
    answer = Answer(200, "OK", [("Content-Type", "application/x-tar")], os.urandom(50_000_000))
    received = []
    receiver = threading.Thread(target=lambda: received.append(other.receive()))
    tracemalloc.start()
    try:
        receiver.start()
        one.send(answer)
        receiver.join()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received == [answer]
    assert type(received[0].body) is bytes
    assert most < 1.2 * len(answer.body)  # the one that was received


@pytest.mark.parametrize("thing", [None, ("ask", ({"a": "b"}, b"body")), b"", "x" * 100_000], ids=repr)
def test_objects_arrive_as_they_were(ends, thing):
    one, other = ends
    one.send(thing)
    assert other.receive() == thing


def test_an_object_in_many_pieces_is_whole(ends):
    one, other = ends
    pickled = pickle.dumps(("answer", b"x" * 500))
    message = struct.pack("!QQ", len(pickled), 0) + pickled
    for start in range(0, len(message), 3):
        one._socket.sendall(message[start : start + 3])
    assert other.receive() == ("answer", b"x" * 500)


def test_the_other_end_gone_is_said(ends):
    one, other = ends
    one.close()
    with pytest.raises(EOFError):
        other.receive()


def test_the_other_end_gone_in_the_middle_is_said(ends):
    one, other = ends
    one._socket.sendall(struct.pack("!QQ", 100, 0) + b"half")
    one.close()
    with pytest.raises(EOFError):
        other.receive()


def test_the_connection_taken_over_is_closed():
    connection, far = Pipe()
    channel, other = Channel(connection), Channel(far)
    assert connection.closed
    number = channel._socket.fileno()
    channel.close()
    other.close()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(number)


@pytest.mark.parametrize("unread", [False, True])
def test_the_end_of_the_connection_has_come_once_the_other_end_is_gone(ends, unread):
    one, other = ends
    assert not one.has_come()
    if unread:  # then the system resets the connection
        one.send("lost")
    other.close()
    assert one.has_come()


def test_an_object_has_come_until_it_is_received(ends):
    one, other = ends
    one.send("here")
    assert [other.has_come(), other.has_come(), other.receive(), other.has_come()] == [True, True, "here", False]
