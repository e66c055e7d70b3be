"""One look at a TCP port or a URL; also the code of the Lambda function ``drs-probe``: standard library only."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

SHOWN_CHARACTERS = 200
READ_BYTES = 65536
LOOK_SECONDS = 10.0

Order = Mapping[str, Any]
Told = tuple[str, str]


class RefusedError(Exception):
    """The address must not be looked at."""


def handler(event: Order, context: object) -> dict[str, str]:
    """Answer whoever invokes the Lambda function."""
    del context
    return look(event)


def look(order: Order) -> dict[str, str]:
    """Return ``state`` (passed, waiting, failed) and ``output``. A name is resolved once, no redirect is followed.

    :param order: ``check`` (tcp, http), its fields as in a plan, ``networks`` (CIDR blocks outside of which nothing is
        looked at, or None) and ``seconds`` for all of it
    """
    deadline = time.monotonic() + float(order.get("seconds") or LOOK_SECONDS)
    try:
        state, output = (_http if order["check"] == "http" else _tcp)(order, deadline)
    except RefusedError as error:
        state, output = "failed", str(error)
    except (OSError, http.client.HTTPException) as error:
        state, output = "waiting", f"{type(error).__name__}: {error}"
    return {"state": state, "output": output}


def _tcp(order: Order, deadline: float) -> Told:
    connection = _connected(order, str(order["host"]).strip("[]"), int(order["port"]), deadline)
    address = connection.getpeername()[0]
    connection.close()
    return "passed", f"{address} takes connections at port {order['port']}"


def _http(order: Order, deadline: float) -> Told:
    url = urlsplit(order["url"])
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    connection = _connected(order, host, port, deadline)
    try:
        if url.scheme == "https":
            connection = _context(bool(order.get("verify", True))).wrap_socket(
                connection, server_hostname=host
            )
        client = http.client.HTTPConnection(host, port)
        client.sock = connection
        headers = {"Host": url.netloc, "User-Agent": "airflow-provider-drs", "Connection": "close"}
        client.request("GET", _path(url), headers=headers)
        answer = client.getresponse()
        return judged(order, answer.status, _body(answer, connection, deadline))
    finally:
        connection.close()


def judged(order: Order, status: int, body: str) -> Told:
    """Return state and output of an answer."""
    shown = f"HTTP {status}: {' '.join(body.split())[:SHOWN_CHARACTERS]}"
    if status not in order["expect_status"]:
        return "waiting", shown
    pattern = order.get("body_match")
    if pattern and not re.search(pattern, body):
        return "waiting", f"no match of {pattern!r} in the body; {shown}"
    return "passed", f"HTTP {status}"


def allowed(address: str, networks: Sequence[str]) -> bool:
    """Whether an address is in one of the networks."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(ip in ipaddress.ip_network(network) for network in networks)


def _connected(order: Order, host: str, port: int, deadline: float) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address) for address in dict.fromkeys(row[4][0] for row in found)]
    networks = order.get("networks")
    outside = [] if networks is None else [a for a in addresses if not allowed(a, networks)]
    if outside:
        places = ", ".join(networks or ()) or "none are known"
        raise RefusedError(f"{host} is {', '.join(outside)}, outside of the drill's networks ({places})")
    refused: OSError = OSError(f"{host} has no address")
    for address in addresses:
        try:
            connection = socket.create_connection((address, port), _left(deadline))
        except OSError as error:
            refused = error
        else:
            connection.settimeout(_left(deadline))
            return connection
    raise refused


def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _path(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _body(answer: http.client.HTTPResponse, connection: socket.socket, deadline: float) -> str:
    parts, size = [], 0
    while size < READ_BYTES:
        connection.settimeout(_left(deadline))
        part = answer.read1(READ_BYTES - size)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts).decode("utf-8", "replace")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
