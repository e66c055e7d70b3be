"""Messages to a ticket system over HTTP, through the notifier that Airflow's HTTP provider ships."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from drs_provider.runtime.notifications import send

HTTP_NOTIFIER = "airflow.providers.http.notifications.http.HttpNotifier"
HOSTILE = "=1+1 {{ 7 * 7 }} <b>bold</b>\nsecond line"
CONTEXT = {
    "drs": {
        "event": "finished",
        "summary": f"DRILL of ERP: COMPLETED, {HOSTILE}",
        "ticket": "CHG0012345",
        "record": {"status": "COMPLETED", "completedWaves": 3},
    }
}


class TicketSystem(ThreadingHTTPServer):
    """Keeps what is posted; does not answer before ``answer`` is set."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.answer = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, TicketSystem)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.posted.append((self.path, json.loads(body)))
        server.answer.wait(30)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def tickets(monkeypatch: pytest.MonkeyPatch) -> Iterator[TicketSystem]:
    with TicketSystem() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AIRFLOW_CONN_TICKETS", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.answer.set()
        server.shutdown()
        thread.join()


def notification(**args: Any) -> dict[str, Any]:
    return {"events": ["finished"], "notifier": HTTP_NOTIFIER, "args": {"http_conn_id": "tickets", **args}}


def to_ticket() -> dict[str, Any]:
    body = {"text": "{{ drs.summary }}", "state": "{{ drs.record.status }}"}
    return notification(endpoint="api/{{ drs.ticket }}/comments", json=body)


def test_the_ticket_is_told_with_the_record_at_hand(tickets: TicketSystem) -> None:
    tickets.answer.set()
    assert send([to_ticket()], CONTEXT) == {}
    body = {"text": CONTEXT["drs"]["summary"], "state": "COMPLETED"}
    assert tickets.posted == [("/api/CHG0012345/comments", body)]


def test_trap_30_a_ticket_system_that_hangs_holds_nothing_up(
    tickets: TicketSystem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "drs_provider.runtime.notifications")
    monkeypatch.setenv("AIRFLOW__DRS__NOTIFICATION_TIMEOUT_SECONDS", "0.2")
    failed = send([to_ticket()], CONTEXT)
    assert failed == {HTTP_NOTIFIER: "TimeoutError: no answer within 0.2 seconds"}


def test_one_message_that_fails_does_not_keep_the_others_back(
    tickets: TicketSystem, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "drs_provider.runtime.notifications")
    tickets.answer.set()
    broken = {**to_ticket(), "notifier": "airflow.providers.http.notifications.NoSuchNotifier"}
    failed = send([broken, to_ticket()], CONTEXT)
    assert list(failed) == [broken["notifier"]]
    assert len(tickets.posted) == 1


def test_trap_30_a_wrong_timeout_changes_no_outcome(
    tickets: TicketSystem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tickets.answer.set()
    monkeypatch.setenv("AIRFLOW__DRS__NOTIFICATION_TIMEOUT_SECONDS", "30s")
    caplog.set_level(logging.ERROR, "drs_provider.runtime.notifications")
    assert send([to_ticket()], CONTEXT) == {}
    assert len(tickets.posted) == 1
    assert "notification_timeout_seconds must be a positive number" in caplog.text
