"""Flask answering a constant on the server that the simulator uses, for comparison. Prints its address."""

from __future__ import annotations

import socket

from flask import Flask
from gevent.pywsgi import WSGIServer

app = Flask("bare")


@app.post("/user_objects/<path:_operation>")
def constant(_operation: str) -> dict[str, object]:
    """Answer a constant."""
    return {"OK": 1, "numJobs": 0, "APIVersion": "1.12"}


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    WSGIServer(listener, app, log=None, error_log=None).serve_forever()
