"""The app for other WSGI servers: several processes need one database."""

import io
from typing import Any

import pytest

from mock_server import Simulator
from mock_server.clocks.virtual import parse_clock
from mock_server.wsgi import OneMemory, simulator_from


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("multiprocess", [False, True])
def test_several_processes_with_a_memory_each_are_refused(shared, multiprocess):
    statuses: list[str] = []

    def answer(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"answer"]

    def start(status: str, _headers: Any, _error: Any = None) -> Any:
        statuses.append(status)

    app = OneMemory(answer, shared=shared)
    environ = {"wsgi.multiprocess": multiprocess, "wsgi.errors": io.StringIO()}
    body = b"".join(app(environ, start))
    if multiprocess and not shared:
        assert statuses == ["503 Service Unavailable"]
        assert b"set XRT_MOCK_DB to a file such as jobs.sqlite" in body
    else:
        assert (statuses, body) == (["200 OK"], b"answer")


def test_a_plain_path_is_a_database_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Simulator(db="jobs.sqlite").close()
    assert (tmp_path / "jobs.sqlite").is_file()


@pytest.mark.parametrize("factor", ["x1e12", "xinf", "xnan", "x0", "x-1", "fast"])
def test_an_odd_clock_is_refused_with_the_forms_that_there_are(factor):
    with pytest.raises(ValueError, match="a factor such as x60"):
        parse_clock(factor, 0.0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("XRT_MOCK_DB", "sqlite:///", "jobs.sqlite"),
        ("XRT_MOCK_USERS", "some", "must be open or registered"),
        ("XRT_MOCK_SEED", "x", "must be a whole number"),
    ],
)
def test_an_odd_variable_gets_a_sentence(name, value, words):
    with pytest.raises(ValueError, match=words):
        simulator_from({name: value})
