"""Hundreds of servers that fail with long texts of AWS: a cause is kept once and cut, whole texts are logged."""

from __future__ import annotations

import json
import logging
import random
import string
from typing import Any
from uuid import UUID

import pytest

from drs_provider.core.texts import MAX_CAUSE, MAX_MESSAGE
from tests.harness.plan_run import PlanRun
from tests.harness.plans import plan
from tests.harness.stage import Stage
from tests.harness.worlds import world
from tests.operators.test_degraded import SENT, notification

SERVERS = 300
WAVE = "wave_1_everything"


def denied(number: int) -> str:
    """The message of a service control policy: what is denied is one, the encoded message differs."""
    draw = random.Random(number)
    encoded = "".join(draw.choices(string.ascii_letters + string.digits + "-_", k=2000))
    return (
        "UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:sts::111122223333:"
        "assumed-role/AWSElasticDisasterRecoveryConversionServerRole/aws:ec2-infrastructure is not authorized to "
        f"perform: ec2:RunInstances on resource: arn:aws:ec2:eu-west-1:111122223333:instance/i-{number:017x} with "
        f"an explicit deny in a service control policy. Encoded authorization failure message: {encoded} "
        f"(Service: Ec2, Status Code: 403, Request ID: {UUID(int=draw.getrandbits(128))})"
    )


def farm(error: Any) -> dict[str, Any]:
    servers = [
        {
            "id": f"s-{number:017d}",
            "name": f"farm-{number}",
            "tags": {"App": "farm"},
            "fail": {"at": "LAUNCH_FAILED", "error": error(number)},
        }
        for number in range(SERVERS)
    ]
    return world() | {"servers": {"all": servers}}


def failed_run(play: Stage) -> PlanRun:
    SENT.clear()
    made = plan(
        {"name": "everything", "groups": ["farm"], "timeout_minutes": 1440},
        protection_groups={"farm": {"target": "main", "tags": {"App": "farm"}}},
        notifications=[notification("RecordingNotifier", ["wave_failed", "finished"], channel="ops")],
    )
    run = play.plan_run(made, {"skip_gates": True}, step_seconds=7200)
    assert run.go() == "failed"
    return run


def report_bytes(play: Stage) -> dict[str, int]:
    return {path.suffix: path.stat().st_size for path in play.reports.rglob("report-1.*")}


@pytest.mark.drs_scenario(farm(denied))
def test_one_cause_of_hundreds_of_servers_is_kept_once(play: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        run = failed_run(play)
    error = run.record["errorMessage"]
    sizes = run.xcoms.sizes()
    largest = max(sizes, key=lambda address: sizes[address])
    print("errorMessage", len(error), "XCom", largest, sizes[largest], "report", report_bytes(play))
    assert error.count("explicit deny in a service control policy") == 1
    assert "farm-0" in error
    assert "and 290 more" in error
    assert "farm-299" not in error
    assert len(error) < 2_000
    assert sizes[largest] < 300_000, largest
    assert max(report_bytes(play).values()) < 1_000_000
    for row in run.wave("everything", run.stored)["serverStatuses"]:
        assert len(row["error"]) <= MAX_CAUSE
        assert "service control policy" in row["error"]
    encoded = denied(7)[-1500:-1400]
    kept = (
        json.dumps(run.record),
        json.dumps(run.stored),
        json.dumps(SENT, default=str),
        json.dumps(play.timeline),
    )
    assert not [text for text in kept if encoded in text]
    assert [event["event"] for event in SENT] == ["wave_failed", "finished"]
    assert [event["summary"] for event in SENT if len(event["summary"]) > 1_000] == []
    whole = [record.getMessage() for record in caplog.records if encoded in record.getMessage()]
    assert any("s-00000000000000007" in text for text in whole)


@pytest.mark.drs_scenario(
    farm(lambda number: f"cause {'abcdefghijklmnopqrstuvwxyz'[number % 26] * (number + 5)}")
)
def test_hundreds_of_different_causes_are_cut(play: Stage) -> None:
    run = failed_run(play)
    assert len(run.record["errorMessage"]) <= MAX_MESSAGE
    assert len(run.failure("finalize")) < MAX_MESSAGE + 100
    assert len(run.xcom("finalize", "failure")["message"]) <= MAX_MESSAGE
    assert len(run.wave("everything")["errorMessage"]) <= MAX_MESSAGE
