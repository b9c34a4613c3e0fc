"""The WSGI app of one simulator: it answers API and archives itself, and leaves anything unusual to Flask."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..core.errors import BodyRefused
from . import archives
from .api import ADDRESSES, MAX_BODY_BYTES
from .call import KEY, SERVICE_HEADERS, Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from werkzeug.test import Client

    from ..service.simulation import Simulation

_MOST_DIGITS = len(str(MAX_BODY_BYTES))


class SimulatorApp:
    """WSGI app of one simulator.

    All simulators share one Flask app with the routes; each call carries the simulation that answers it.

    Parameters
    ----------
    simulation
        What the views ask.

    Attributes
    ----------
    on_bug
        Called with an exception that no view foresaw. The answer is a 500; an exception that `on_bug` raises
        reaches the caller instead. None: the exception is logged.
    watched
        Called with each request before it is answered; bytes that it returns are the answer.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.on_bug: Callable[[Exception], object] | None = None
        self.watched: Callable[[WSGIEnvironment], bytes | None] | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if self.watched is not None and (own := self.watched(environ)) is not None:
            start_response("200 OK", [("Content-Type", "text/html; charset=UTF-8"), *SERVICE_HEADERS])
            return [own]
        call = environ[KEY] = Call(self.simulation, self.on_bug)
        answer = self.answer_without_flask(call, environ)
        if answer is None:
            from .routes import flask_app  # noqa: PLC0415 - most programs call the API alone

            return flask_app()(environ, start_response)
        start_response("200 OK", answer.headers())
        return answer.chunks

    def answer_without_flask(self, call: Call, environ: WSGIEnvironment) -> Answer | None:
        """Answer a plain call of the API, or for an archive, at a quarter of Flask's cost; None: Flask has to answer.

        Flask answers during an outage, if a fault spoils the answer, and after an exception; what has been done is not
        done again.
        """
        reply = reply_to(call, environ)
        if reply is None:
            return None
        try:
            if not call.moment.epoch["service.available"]:
                return None
            result = call.result = reply()
            if call.fault is not None:
                return None
            call.note(200, environ)
        except Exception as error:
            call.result = error
            return None
        return result

    def test_client(self) -> Client:
        """Return a client that calls the app without a socket."""
        from werkzeug.test import Client  # noqa: PLC0415 - only needed here

        return Client(self)


def reply_to(call: Call, environ: WSGIEnvironment) -> Callable[[], Answer] | None:
    """Return what answers a plain call of the API, or for an archive; None for any other."""
    path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
    archive = archives.ADDRESS.fullmatch(path)
    if archive is not None and method == "GET":
        return partial(archives.reply, call, int(archive[1]), archive[2])
    found, length = ADDRESSES.get(path), plain_length(environ)
    if found is None or length is None or method not in ("GET", "POST"):
        return None

    def body() -> bytes:
        try:
            data: bytes = environ["wsgi.input"].read(length)
        except OSError:
            raise BodyRefused from None
        if len(data) < length:
            raise BodyRefused
        return data

    return partial(found[1], call, body)


def plain_length(environ: WSGIEnvironment) -> int | None:
    """Return the length of a request's body; None if it is unknown or too long."""
    text = environ.get("CONTENT_LENGTH") or ""
    if not text.isdecimal() or len(text) > _MOST_DIGITS or "HTTP_TRANSFER_ENCODING" in environ:
        return None
    length = int(text)
    return length if length <= MAX_BODY_BYTES else None
