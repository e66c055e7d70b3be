"""The simulator over HTTP: moto's server application behind the gate and the control interface."""

from __future__ import annotations

import contextlib
import http
import io
import socket
import struct
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import ThreadedWSGIServer

from drs_simulator.adapter.control import Control
from drs_simulator.adapter.gate import ConnectionBroken, Gate
from drs_simulator.adapter.simulation import Simulation
from drs_simulator.adapter.wire import WireResponse, read_request

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
_UNGATED = ("/moto-api/", "/moto-api", "/favicon.ico")


class _MotoApplication(DomainDispatcherApplication):
    """moto's dispatcher, which would try two hundred patterns for every request."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._by_host: dict[str, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host is None:
            return None
        if host not in self._by_host:
            self._by_host[host] = super().get_backend_for_host(host)
        return self._by_host[host]


class _Handler(MotoRequestHandler):
    """One connection, which stays open, as AWS keeps it: a rehearsal polls thousands of times.

    werkzeug closes each after one answer, since an application may leave a part of a body unread. This one reads all.
    """

    protocol_version = "HTTP/1.1"
    #: Headers and a short body are one packet; of a long one, no part waits until the one before was acknowledged.
    wbufsize = -1
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request."""
        begun = False

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            nonlocal begun
            del exc_info
            begun = True
            code, phrase = status.split(" ", 1)
            self.send_response(int(code), phrase)
            for name, value in headers:
                self.send_header(name, value)
            if "content-length" not in {name.lower() for name, _ in headers}:
                self.send_header("Connection", "close")
            self.end_headers()
            return self.wfile.write

        try:
            for part in self.server.app(self.make_environ(), start_response):
                if self.command != "HEAD":
                    self.wfile.write(part)
                    self.wfile.flush()
        except ConnectionError:
            self.close_connection = True
        except Exception:
            self.close_connection = True
            self.server.log("error", f"Error on request:\n{traceback.format_exc()}")
            if not begun:
                self.send_error(http.HTTPStatus.INTERNAL_SERVER_ERROR)

    def handle_expect_100(self) -> bool:
        """Ask for the body at once."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write no line for each request."""
        del code, size


class _Server(ThreadedWSGIServer):
    """A thread for each connection. Closed, it ends them: nobody goes on talking to a world that is gone."""

    def __init__(self, host: str, port: int, application: Application) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(host, port, application, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Return the next connection and where it comes from."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Take no connection any more, and end those that are open."""
        super().server_close()
        for connection in [*self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Application:
    """The WSGI application."""

    def __init__(self, simulation: Simulation) -> None:
        self._gate = Gate(simulation)
        self._control = Control(simulation)
        self._moto = _MotoApplication()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one HTTP request."""
        body = _take_body(environ)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        query = environ.get("QUERY_STRING", "")
        response = self._control.handle(method, path, query, body)
        if response is None:
            if path.startswith(_UNGATED):
                return self._moto(environ, start_response)  # type: ignore[no-any-return]
            raw_path = str(environ.get("RAW_URI", path)).partition("?")[0]
            request = read_request(method, raw_path, query, _headers(environ), body)
            try:
                response = self._gate.handle(request, lambda: self._forward(environ))
            except ConnectionBroken:
                _reset_connection(environ)
        headers = {k: v for k, v in response.headers.items() if k.lower() != "content-length"}
        headers["Content-Length"] = _length(method, response)
        start_response(f"{response.status} {_phrase(response.status)}", list(headers.items()))
        if response.cut_at is not None:
            return _cut(environ, response.body[: response.cut_at])
        return [response.body]

    def _forward(self, environ: Environ) -> WireResponse:
        answer: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            del exc_info
            answer["status"] = int(status.split(" ", 1)[0])
            answer["headers"] = dict(headers)

        chunks = self._moto(environ, start)
        try:
            body = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return WireResponse(answer["status"], answer["headers"], body)


class SimulatorServer:
    """A threaded HTTP server on 127.0.0.1 (or another address) around a simulation."""

    def __init__(self, simulation: Simulation, host: str = "127.0.0.1", port: int = 0) -> None:
        self.simulation = simulation
        self._server = _Server(host, port, Application(simulation))
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        self._server.shutdown()
        if self._thread is not None:
            self._thread.join()
        self._server.server_close()


def _take_body(environ: Environ) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length:
        body: bytes = environ["wsgi.input"].read(length)
    elif environ.get("wsgi.input_terminated"):
        body = environ["wsgi.input"].read()
        environ["CONTENT_LENGTH"] = str(len(body))
    else:
        body = b""
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _length(method: str, response: WireResponse) -> str:
    """Return how long the body is; an answer to HEAD has none, and names the length of what GET would answer."""
    told = {name.lower(): value for name, value in response.headers.items()}.get("content-length")
    return str(told) if method == "HEAD" and told is not None else str(len(response.body))


def _headers(environ: Environ) -> dict[str, str]:
    headers = {
        key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")
    }
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    return headers


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _cut(environ: Environ, body: bytes) -> Iterator[bytes]:
    """Send a part of an answer whose length was announced, then close the connection."""
    yield body
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError


def _reset_connection(environ: Environ) -> NoReturn:
    """Break the client's connection without an answer. Raises ConnectionResetError for the handler."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The handler still holds the socket's files, so a close alone would not reach the client.
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError
