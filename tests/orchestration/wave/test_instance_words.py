"""What EC2 says of a launched instance: why it is gone, and whether its status checks pass."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlparse

import pytest

from drs_provider.hooks.ec2.ec2_rows import instance_end, status_checks
from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage
from tests.harness.worlds import world

IMPAIRED = world({WIKI[0]: {"impaired": True}})
ENRICH = "wave_1_everything.enrich"


def report_of(run: object) -> dict[str, object]:
    uri = run.record["attempts"][0]["reportUri"]  # type: ignore[attr-defined]
    return json.loads(Path(urlparse(uri).path).read_text())


def test_trap_36_an_instance_that_was_terminated_is_told_with_ec2s_own_cause(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()

    def terminate() -> None:
        play.simulator.client("ec2").terminate_instances(InstanceIds=[sorted(play.instances())[0]])

    run.when("wave_1_everything.wait_for_recovery", "success", terminate)
    assert run.go() == "failed"
    rows = run.record["waves"][0]["serverStatuses"]
    (row,) = [row for row in rows if row.get("error")]
    assert "says that" in row["error"]
    assert "terminated (" in row["error"]
    assert "Client.UserInitiatedShutdown" in row["error"]
    assert "has no instance" not in row["error"]
    assert row["instanceEnd"] in row["error"]
    assert "Client.UserInitiatedShutdown" in run.failure(ENRICH)
    assert "Client.UserInitiatedShutdown" in json.dumps(report_of(run)["failedServers"])


@pytest.mark.drs_scenario(IMPAIRED)
def test_trap_36_status_checks_that_fail_are_a_warning(play: Stage) -> None:
    run = play.drill(plan())
    rows = {row["sourceServerId"]: row for row in run.record["waves"][0]["serverStatuses"]}
    assert rows[WIKI[0]]["statusChecks"]["instance"] == "impaired"
    assert rows[WIKI[1]]["statusChecks"]["instance"] == "ok"
    assert run.record["status"] == "COMPLETED"
    (event,) = play.events("statusChecksImpaired")
    assert event["servers"] == ["wiki-1"]
    page = Path(urlparse(run.record["attempts"][0]["reportUri"]).path).with_suffix(".html").read_text()
    assert "instance: impaired" in page


def test_a_missing_right_to_read_status_checks_is_noted_and_fails_nothing(play: Stage) -> None:
    play.simulator.inject(
        "DescribeInstanceStatus", service="ec2", kind="error", code="UnauthorizedOperation", status=403
    )
    run = play.drill(plan())
    wave = run.record["waves"][0]
    assert "DescribeInstanceStatus was denied" in wave["statusChecksUnread"]
    assert "enrichmentIncomplete" not in wave
    assert "statusChecks" not in wave["serverStatuses"][0]
    assert run.record["status"] == "COMPLETED"


def test_ec2s_words_are_short_visible_and_told_once() -> None:
    gone = {"State": {"Name": "terminated"}}
    assert instance_end({"State": {"Name": "stopped"}}) == ""
    assert instance_end({}) == ""
    assert instance_end(gone) == "terminated, without a cause"
    told = instance_end(
        {**gone, "StateReason": {"Code": "Server.InternalError"}, "StateTransitionReason": "\x07" * 500}
    )
    assert told.endswith("; Server.InternalError)")
    assert "\x07" not in told
    assert len(told) < 300


def test_checks_that_ec2_does_not_tell_are_absent() -> None:
    row = {
        "InstanceStatus": {"Status": "ok"},
        "SystemStatus": {},
        "AttachedEbsStatus": {"Status": "impaired"},
    }
    assert status_checks(row) == {"instance": "ok", "ebs": "impaired"}
