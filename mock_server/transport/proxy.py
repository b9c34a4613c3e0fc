"""An HTTPS proxy that answers for the service, for programs that know nothing but its address: curl, IDL, Perl, R.

A program is pointed at it by the usual variables (:meth:`Proxy.environment`). Other hosts are refused, or passed
through if the net is open.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from .certificates import Certificates, make_certificates
from .wsgi_call import HOSTS

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType
    from wsgiref.types import WSGIApplication

    from ..clocks.base import Clock

_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PERL_LWP_SSL_CA_FILE", "NODE_EXTRA_CA_CERTS")
_LOOK_S = 0.05  # real time between two looks whether the proxy has been closed
_BACKLOG = 128


class Proxy:
    """A proxy on a thread of its own. A context manager.

    Parameters
    ----------
    app
        Answers for the service.
    clock
        Slow answers wait on it.
    hosts
        Host names answered by the app.
    open_net
        Whether other hosts are passed through; never the service's own.
    host, port
        Where to listen; port 0 takes a free one.
    listener
        A socket that listens already, in place of host and port.
    certificates
        For these hosts; default: new ones.

    Attributes
    ----------
    url
        The proxy's address.
    ca_pem
        The certificate to trust, as PEM.
    threads
        Native ids of the threads that answer, also of the one that waits for callers.
    """

    def __init__(
        self,
        app: WSGIApplication,
        clock: Clock,
        hosts: Collection[str] = HOSTS,
        *,
        open_net: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        listener: socket.socket | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self._app, self._clock, self._hosts, self._open_net = app, clock, hosts, open_net
        self._certificates = certificates or make_certificates(hosts)
        self.ca_pem = self._certificates.authority
        self._listener = listener.dup() if listener else socket.create_server((host, port), backlog=_BACKLOG)
        self.url = f"http://{host}:{self._listener.getsockname()[1]}"
        self._closed = False
        self.threads: set[int] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="xrt-mock proxy")
        self._thread.start()

    def _serve(self) -> None:
        """Wait for the first connection; load what answers it only then."""
        self.threads.add(threading.get_native_id())
        with self._listener:
            while not select.select([self._listener], [], [], _LOOK_S)[0] and not self._closed:
                pass
            if self._closed:
                return
            from .tunnel import Server  # noqa: PLC0415 - most programs need no proxy

            tls = self._certificates.tls()
            server = Server(self._listener, self._app, self._clock, self._hosts, open_net=self._open_net, tls=tls)
            server.timeout = _LOOK_S
            server.threads = self.threads
            while not self._closed:
                server.handle_request()

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the variables that point programs at this proxy; the certificate is written into `folder`."""
        bundle = folder / "ca.pem"
        bundle.write_bytes(self.ca_pem)
        if self._open_net:
            from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 - takes a tenth of a second

            bundle.write_bytes(self.ca_pem + Path(DEFAULT_CA_BUNDLE_PATH).read_bytes())
        wgetrc = folder / "wgetrc"  # wget reads none of the variables below if it is built with GnuTLS
        own_settings = ""
        with contextlib.suppress(OSError):
            own_settings = Path(os.environ.get("WGETRC") or Path.home() / ".wgetrc").read_text()
        wgetrc.write_text(f"{own_settings}\nca_certificate = {bundle}\n")
        return {
            "WGETRC": str(wgetrc),
            "NODE_USE_ENV_PROXY": "1",  # Node 22.21 and later
            "PERL_LWP_ENV_PROXY": "1",
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), self.url),
            **dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1"),
            **dict.fromkeys(_VARIABLES, str(bundle)),
        }

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        with contextlib.suppress(OSError):  # where this does not end its wait, the thread looks again soon
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
