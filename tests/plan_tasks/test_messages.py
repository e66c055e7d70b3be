"""What people are told of an execution, by the recipes of docs/notifications.md, before receivers that speak HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

import pytest
import yaml
from airflow.sdk.execution_time.context import ConnectionAccessor
from moto.sns.models import sns_backends

from drs_provider.core.identity import message_key
from drs_provider.plan.model import Plan
from drs_provider.plan.operations import NotificationEvent
from drs_provider.runtime.notifications import rto_missed, send, tell_plan
from tests.contract.repository import REPOSITORY
from tests.harness.plans import DATABASES, WIKI, plan
from tests.harness.stage import Stage
from tests.harness.worlds import world
from tests.plan_tasks.waiting_operator import WaitingOperator

PAGE = (REPOSITORY / "docs" / "notifications.md").read_text(encoding="utf-8")
BASE_URL = "https://airflow.example.com/prod"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:dr"
SENT: list[dict[str, Any]] = []


def recipe(title: str) -> list[dict[str, Any]]:
    found = re.search(rf"^## {title}$.*?```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return list(yaml.safe_load(found[1])["notifications"])


class Keeps:
    """A notifier that keeps what templates see."""

    def __call__(self, context: dict[str, Any]) -> None:
        SENT.append(context["drs"])


class Receiver(ThreadingHTTPServer):
    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def at(self, path: str) -> list[dict[str, Any]]:
        return [body for place, body in self.posted if place == path]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        self.server.posted.append(
            (self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        )
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    SENT.clear()
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        place = f"127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"{BASE_URL}/")
        monkeypatch.setenv(
            "AIRFLOW_CONN_SLACK_DR",
            json.dumps({"conn_type": "http", "host": f"http://{place}/services/T0/B0/secret"}),
        )
        monkeypatch.setenv(
            "AIRFLOW_CONN_PAGERDUTY_DR",
            json.dumps({"conn_type": "http", "host": f"http://{place}", "password": "integration-key"}),
        )
        yield server
        server.shutdown()
        thread.join()


def notified(*recipes: str, **fields: Any) -> Plan:
    kept = {"events": list(get_args(NotificationEvent)), "notifier": f"{__name__}.Keeps", "args": {}}
    everything = [kept, *(item for title in recipes for item in recipe(title))]
    objectives = {"rto_minutes": 240, "drill_every_days": 90}
    return plan(
        {"name": "everything", "servers": WIKI, **fields}, notifications=everything, objectives=objectives
    )


@pytest.mark.drs_scenario(world(), history=False)
def test_recipes_tell_a_drill_from_its_start_to_its_end(
    play: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = f"{WaitingOperator.__module__}.WaitingOperator"
    monkeypatch.setenv("AIRFLOW__DRS__STEP_OPERATORS", operator)
    play.simulator.client("sns").create_topic(Name="dr")
    step = {
        "run": "operator",
        "operator": operator,
        "arguments": {"text": "no <route>", "fails": True},
        "modes": ["drill"],
        "on_failure": "ask",
    }
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
    made = notified("Slack", "PagerDuty", "SNS", gate=gate, after=[step])
    run = play.plan_run(made, {"ticket": "CHG1"})
    run.approve_everything()
    run.answer("wave_1_everything.after_operator", "Accept", comment="known")
    assert run.go() == "success", run.record
    assert "notificationFailures" not in run.record
    events = ["start", "gate", "step_failed", "hold_opened", "finished"]
    assert [told["event"] for told in SENT] == events
    url = f"{BASE_URL}/drs/executions/small/{run.dag_run.run_id}"
    assert {told["url"] for told in SENT} == {url}
    assert len({told["dedupKey"] for told in SENT}) == len(events)
    assert all(len(told["dedupKey"]) <= 64 for told in SENT)
    opened = run.wave("everything")["gate"]["openedAt"]
    assert SENT[1]["deadline"] == opened + 1800
    assert [told["deadline"] is None for told in SENT] == [True, False, False, False, True]

    slack = [message["text"] for message in receiver.at("/services/T0/B0/secret")]
    assert [text.split()[0].strip("*") for text in slack] == events
    assert all(text.endswith(url) for text in slack)
    assert "<" not in "".join(slack)
    assert f"(until {SENT[1]['deadlineText']})" in slack[1]

    incidents = receiver.at("/v2/enqueue")
    assert {item["event_action"] for item in incidents} == {"trigger"}
    # The hold is told as a gate to those who do not name it.
    assert [item["payload"]["component"] for item in incidents] == ["gate", "step_failed", "gate", "finished"]
    assert {item["dedup_key"] for item in incidents} == {run.record["executionId"]}
    assert {item["routing_key"] for item in incidents} == {"integration-key"}
    assert incidents[0]["links"] == [{"href": url, "text": "Recovery page"}]
    assert "PARTIAL" in incidents[-1]["payload"]["summary"], (
        "an accepted failure: nobody resolves it silently"
    )

    topic = sns_backends["111122223333"]["eu-west-1"].topics[TOPIC]
    texts = [(sent[1], sent[2]) for sent in topic.sent_notifications]
    assert [subject for _, subject in texts] == [f"DRS {event}: small" for event in events]
    assert all(url in text for text, _ in texts)


@pytest.mark.drs_scenario("three_tier", history=False)
def test_a_key_is_that_of_event_task_and_attempt(play: Stage, receiver: Receiver) -> None:
    run = play.plan_run(notified(timeout_minutes=5), {"skip_gates": True}, step_seconds=100)
    assert run.go() == "failed"
    first = {told["event"]: told["dedupKey"] for told in SENT}
    assert {"start", "wave_failed", "finished"} <= first.keys()
    assert first["finished"] == message_key("finished", run.record["executionId"], 1, "finalize", 1)
    run.clear("wave_1_everything.start_recovery")
    SENT.clear()
    run.go()
    second = {told["event"]: told["dedupKey"] for told in SENT}
    assert second["finished"] != first["finished"]
    assert {told["attempt"] for told in SENT} == {2}


def test_a_good_end_resolves_the_incident(receiver: Receiver) -> None:
    drs = {"event": "finished", "executionId": "an-id", "record": {"status": "COMPLETED"}}
    assert send(recipe("PagerDuty"), {"drs": drs, "conn": ConnectionAccessor()}) == {}
    (incident,) = receiver.at("/v2/enqueue")
    assert (incident["event_action"], incident["dedup_key"]) == ("resolve", "an-id")


@pytest.mark.parametrize("event", ["readiness_lost", "drill_overdue"])
def test_what_happens_to_no_execution_is_told_of_the_plan(receiver: Receiver, event: str) -> None:
    made = notified()
    for since in (1_800_000_000.0, 1_800_000_000.4, 1_800_090_000.0):
        assert tell_plan(made, event, "a summary", context={}, since=since, days=91) == {}
    assert [told["event"] for told in SENT] == [event] * 3
    assert SENT[0]["url"] == f"{BASE_URL}/drs/plans/small"
    assert SENT[0]["days"] == 91
    assert SENT[0]["dedupKey"] == SENT[1]["dedupKey"] != SENT[2]["dedupKey"]


def test_a_missed_rto_says_when_it_was_over_and_where_to_look(receiver: Receiver) -> None:
    plan_facts = {"name": "small", "title": "Small", "rto_minutes": 240}
    context = {
        "dag_run": {"dag_run_id": "manual__2026-11-28T07:26:00+00:00"},
        "deadline": {"id": "d-1", "deadline_time": "2026-11-28T11:26:00+00:00"},
    }
    kept = [{"events": ["rto_missed"], "notifier": f"{__name__}.Keeps", "args": {}}]
    asyncio.run(rto_missed(plan_facts, kept, context))
    (told,) = SENT
    assert told["deadlineText"] == "2026-11-28 11:26:00Z"
    assert told["url"] == f"{BASE_URL}/drs/executions/small/manual__2026-11-28T07%3A26%3A00%2B00%3A00"
    assert told["dedupKey"].startswith("rto_missed-")


@pytest.mark.drs_scenario("three_tier", history=False)
@pytest.mark.parametrize(("minutes", "told_by"), [(240, None), (5, "start"), (45, "late gate")])
def test_an_rto_at_risk_is_told_once_and_when_it_becomes_so(
    play: Stage, receiver: Receiver, minutes: int, told_by: str | None
) -> None:
    waves = [
        {"name": "databases", "servers": DATABASES},
        {
            "name": "everything",
            "servers": WIKI,
            "gate": {"approvers": ["dr-approver-1"], "timeout_minutes": 120},
        },
    ]
    kept = {"events": ["rto_at_risk", "gate"], "notifier": f"{__name__}.Keeps", "args": {}}
    made = plan(*waves, notifications=[kept], objectives={"rto_minutes": minutes})
    run = play.plan_run(made).approve_everything()
    if told_by == "late gate":
        run.when("gate_2", "deferred", lambda: run.advance(3600.0))
    assert run.go() == "success", run.record
    expected = {None: ["gate"], "start": ["rto_at_risk", "gate"], "late gate": ["gate", "rto_at_risk"]}[
        told_by
    ]
    told = [item for item in SENT if "judge the drill" not in item["summary"]]
    assert [item["event"] for item in told] == expected
    for risk in (item for item in told if item["event"] == "rto_at_risk"):
        assert risk["deadline"] == run.dag_run.run_after.timestamp() + 60 * minutes
        assert risk["missSeconds"] > 0
        assert "will miss the RTO by" in risk["summary"]


@pytest.mark.drs_scenario("three_tier", history=False)
@pytest.mark.parametrize(("given", "seconds"), [({}, 900), ({"remind_after_minutes": 20}, 1200)])
def test_the_gate_of_a_drill_reminds_once_before_its_time_is_over(
    play: Stage, receiver: Receiver, given: dict[str, int], seconds: int
) -> None:
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30, "on_timeout": "approve", **given}
    run = play.plan_run(notified(gate=gate), step_seconds=60.0).answer("hold_drill", "Passed")
    assert run.go() == "success", run.record
    opened, reminded = (told for told in SENT if told["event"] in ("gate", "gate_reminder"))
    began = run.wave("everything")["gate"]["openedAt"]
    assert reminded["event"] == "gate_reminder"
    assert opened["deadline"] == reminded["deadline"] == began + 1800
    assert seconds <= reminded["elapsedSeconds"] - opened["elapsedSeconds"] < seconds + 120
    assert run.wave("everything")["gate"]["outcome"] == "approve by timeout"


def test_the_page_has_every_event() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(get_args(NotificationEvent))
