"""One look at a port or a URL, against sockets of this machine."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drs_provider.probe.function import handler, look

HERE = ["127.0.0.0/8"]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Host"]))
        status = {"/moved": 302, "/down": 503}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/")
        body = b"database\n ready" if self.path != "/large" else b"x" * 200_000
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@pytest.fixture(scope="module", params=["http", "https"])
def server(request, certificate):
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        running.seen, running.scheme = [], request.param
        if request.param == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def http(server, path="/", host="127.0.0.1", **order):
    url = f"{server.scheme}://{host}:{server.server_port}{path}"
    return look({"check": "http", "url": url, "expect_status": [200], "verify": False, **order})


def test_a_url_is_looked_at(server):
    assert http(server, "/health?x=1", body_match=r"data.*\n *ready", networks=HERE) == {
        "state": "passed",
        "output": "HTTP 200",
    }
    assert server.seen[-1] == ("/health?x=1", f"127.0.0.1:{server.server_port}")
    unmatched = http(server, body_match="nothing")
    assert unmatched["state"] == "waiting"
    assert unmatched["output"] == "no match of 'nothing' in the body; HTTP 200: database ready"
    assert http(server, "/large")["state"] == "passed"
    assert http(server, "/down") == {"state": "waiting", "output": "HTTP 503: database ready"}


def test_a_redirect_is_an_answer_and_not_followed(server):
    before = len(server.seen)
    assert http(server, "/moved")["output"].startswith("HTTP 302")
    assert http(server, "/moved", expect_status=[302])["state"] == "passed"
    assert len(server.seen) == before + 2


def test_a_certificate_must_be_good_unless_the_plan_says_otherwise(server):
    told = http(server, verify=True)
    assert told["state"] == ("passed" if server.scheme == "http" else "waiting")
    assert ("CERTIFICATE_VERIFY_FAILED" in told["output"]) is (server.scheme == "https")


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/16", "fd00::/8"]])
def test_nothing_outside_the_networks_is_looked_at(server, networks):
    before = len(server.seen)
    told = http(server, host="localhost", networks=networks)
    assert told["state"] == "failed"
    assert "localhost is 127.0.0.1" in told["output"].replace("::1, ", "")
    assert "outside of the drill's networks" in told["output"]
    assert len(server.seen) == before


def test_a_port_is_looked_at():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        order = {"check": "tcp", "host": "127.0.0.1", "port": port, "networks": HERE}
        assert handler(json.loads(json.dumps(order)), None)["state"] == "passed"
    told = look(order)
    assert told["state"] == "waiting"
    assert "refused" in told["output"]
    assert look({**order, "host": "no.such.name.invalid"})["state"] == "waiting"
    assert look({**order, "networks": ["10.0.0.0/8"]})["state"] == "failed"


def test_who_never_answers_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        told = look({"check": "http", "url": url, "expect_status": [200], "seconds": 0.2})
    assert told["state"] == "waiting"
    assert told["output"].startswith("TimeoutError")
