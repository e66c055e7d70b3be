"""Connections stay open, as AWS keeps them, and end with the simulator."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from drs_simulator.adapter.gate import Gate
from drs_simulator.testing import Simulator, simulator
from tests.simulator.support import ACCOUNT, REGION

KEY = f"AWS4-HMAC-SHA256 Credential=AKIA{ACCOUNT}DRSS/20261127/{REGION}/drs/aws4_request, Signature=none"
ASK = ("POST", "/DescribeSourceServers", "{}", {"Authorization": KEY})

pytestmark = pytest.mark.integration


def connected(sim: Simulator) -> HTTPConnection:
    where = urlsplit(sim.url)
    connection = HTTPConnection(where.hostname, where.port, timeout=30)
    connection.connect()
    # Whoever wants another connection gets an error.
    connection.auto_open = 0
    return connection


def test_a_connection_serves_any_number_of_requests(drs_simulator):
    connection = connected(drs_simulator)
    for _ in range(3):
        connection.request(*ASK)
        answer = connection.getresponse()
        assert (answer.status, answer.version, bool(answer.read())) == (200, 11, True)
    connection.close()


def test_an_answer_to_head_has_no_body_before_the_next_one(drs_simulator):
    connection = connected(drs_simulator)
    asked = [f"{method} /a-bucket/of-nobody HTTP/1.1\r\nHost: s3\r\n\r\n" for method in ("HEAD", "GET")]
    connection.send("".join(asked).encode())
    told = b""
    while not told.endswith(b"}"):
        told += connection.sock.recv(10_000)
    of_head, of_get = told.split(b"HTTP/1.1 403 ")[1:]
    assert of_head.endswith(b"\r\n\r\n")
    assert b"MissingAuthenticationToken" in of_get
    connection.close()


def test_who_waits_for_a_go_before_the_body_gets_it(drs_simulator):
    connection = connected(drs_simulator)
    connection.putrequest("POST", "/DescribeSourceServers")
    for name, value in {"Authorization": KEY, "Expect": "100-continue", "Content-Length": "2"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"{}")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_fault_of_the_simulator_itself_is_an_answer_and_the_end_of_the_connection(
    drs_simulator, monkeypatch, caplog
):
    def fails(*_):
        raise LookupError("a bug")

    monkeypatch.setattr(Gate, "handle", fails)
    connection = connected(drs_simulator)
    connection.request(*ASK)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (500, "close")
    answer.read()
    assert "LookupError: a bug" in caplog.text
    assert connection.sock is None


def test_nobody_goes_on_talking_to_a_simulation_that_has_ended():
    with simulator() as sim:
        connection = connected(sim)
        connection.request(*ASK)
        connection.getresponse().read()
    assert connection.sock.recv(1) == b""
    connection.close()
