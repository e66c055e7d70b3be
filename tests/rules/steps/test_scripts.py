"""The looks of a recovered server, run by this machine's shell against its own sockets."""

from __future__ import annotations

import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drs_provider.rules.steps.scripts import http_look, look_script

HTTP = {"expect_status": [200], "body_match": "well"}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status = {"/down": 503, "/moved": 302}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/")
        body = b"all is\n well" if self.path != "/large" else b"well" + b"x" * 100_000
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def run(kind, settings):
    script = "\n".join(look_script(kind, settings, "Linux"))
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=30)


def test_a_port_that_takes_connections():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = {"host": "127.0.0.1", "port": listening.getsockname()[1]}
        done = run("tcp", settings)
    assert (done.returncode, done.stdout) == (0, f"127.0.0.1 takes connections at port {settings['port']}\n")
    done = run("tcp", settings)
    assert done.returncode != 0
    assert "refused" in done.stderr


@pytest.mark.parametrize(
    ("path", "state", "output"),
    [
        ("/", "passed", "HTTP 200"),
        ("/large", "passed", "HTTP 200"),
        ("/down", "waiting", "HTTP 503: all is well"),
        ("/moved", "waiting", "HTTP 302: all is well"),
    ],
)
def test_a_url(port, path, state, output):
    done = run("http", {"url": f"http://127.0.0.1:{port}{path}", **HTTP})
    assert done.returncode == 0
    assert len(done.stdout) < 24_000
    look = http_look(HTTP, done.stdout)
    assert (look.state, look.output) == (state, output)


def test_a_url_that_does_not_answer():
    done = run("http", {"url": "http://127.0.0.1:1/"})
    assert done.returncode == 7
    assert "curl: (7)" in done.stdout
    assert http_look(HTTP, done.stdout).state == "waiting"


@pytest.mark.parametrize("kind", ["tcp", "http"])
@pytest.mark.parametrize("platform", ["Linux", "Windows"])
def test_what_a_plan_names_is_never_a_command(kind, platform, tmp_path):
    evil = f"x'; touch {tmp_path}/made; echo '$(touch {tmp_path}/made)"
    settings = {"host": evil, "port": 1, "url": f"http://{evil}"}
    if platform == "Linux":
        run(kind, settings)
        assert not (tmp_path / "made").exists()
    else:
        quoted = evil.replace("'", "''")
        assert f"{quoted}'" in "\n".join(look_script(kind, settings, platform))


def test_a_certificate_is_asked_for_unless_the_plan_says_otherwise():
    for platform, word in (("Linux", "--insecure"), ("Windows", "ServerCertificateValidationCallback")):
        texts = [
            "\n".join(look_script("http", {"url": "https://x/", "verify": verify}, platform))
            for verify in (True, False)
        ]
        assert [word in text for text in texts] == [False, True]
