"""Drills through real scheduler, triggerer, DAG processor and API server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlparse

import pytest

from drs_provider.airflow_rest.refused import ExitCode
from embedded.drill import approve_everything
from embedded.stack import Stack, import_errors
from tests.e2e.conftest import Followed, RunPlan

pytestmark = pytest.mark.e2e

SERVERS = {
    "database": {"erp-db-1", "erp-db-2"},
    "application": {"erp-app-1", "erp-app-2", "erp-job-1"},
    "web": {"erp-web-1", "erp-web-2", "erp-web-3"},
}


def test_three_waves_are_recovered_recorded_and_cleaned_up(stack: Stack, drill: Followed) -> None:
    record = drill.record
    rows = [row for wave in record["waves"] for row in wave["serverStatuses"]]

    assert (drill.outcome.code, drill.outcome.run_state) == (ExitCode.OK, "success")
    assert drill.outcome.failed == {}
    assert drill.said == [
        "dr-approver-1 answered gate before wave 2 application: Approve",
        "dr-operator answered the drill's verdict: Passed",
    ]
    assert "wave 3 web: COMPLETED, 3 LAUNCHED" in drill.shown
    assert "COMPLETED, 3 of 3 waves, verdict passed after" in drill.shown
    assert record["status"] == "COMPLETED"
    assert (record["completedWaves"], record["failedWaves"], record["totalWaves"]) == (3, 0, 3)
    assert [wave["status"] for wave in record["waves"]] == ["COMPLETED"] * 3
    servers = {
        wave["waveName"]: {row["serverName"] for row in wave["serverStatuses"]} for wave in record["waves"]
    }
    assert servers == SERVERS
    for row in rows:
        assert row["launchStatus"] == "LAUNCHED", row
        assert row["instanceId"].startswith("i-"), row
        assert row["instanceType"], row
        assert row["privateIp"], row
        assert row["launchTime"], row
    states = drill.instance_states(stack)
    assert states == dict.fromkeys((row["instanceId"] for row in rows), "terminated")
    assert len(states) == 8


def test_people_are_recorded_with_what_they_did(drill: Followed) -> None:
    record = drill.record
    gates = {wave["waveNumber"]: (wave.get("gate") or {}).get("responses") or [] for wave in record["waves"]}

    assert record["initiatedBy"] == "dr-operator"
    assert record["ticket"] == "CHG0012345"
    assert [(each["decision"], each["respondedBy"]) for each in gates[2]] == [("Approve", "dr-approver-1")]
    assert gates[1] == gates[3] == []
    assert record["verdict"]["result"] == "passed"
    assert record["verdict"]["by"] == "dr-operator"


def test_each_attempt_leaves_a_report(stack: Stack, drill: Followed) -> None:
    record = drill.record

    assert [attempt["attempt"] for attempt in record["attempts"]] == [1]
    report = Path(urlparse(record["attempts"][0]["reportUri"]).path)
    assert report.is_relative_to(stack.paths.reports)
    for suffix in (".json", ".html"):
        assert record["executionId"] in report.with_suffix(suffix).read_text()


def test_a_rejected_gate_cancels_the_drill_and_cleans_up(stack: Stack, run_plan: RunPlan) -> None:
    def reject_the_application(task_id: str) -> Sequence[str]:
        return ("reject", "--comment", "not today") if task_id == "gate_2" else approve_everything(task_id)

    drill = run_plan("erp_three_tier", reply=reject_the_application)
    record = drill.record
    launched = {row["instanceId"] for row in record["waves"][0]["serverStatuses"]}

    assert (drill.outcome.code, drill.outcome.run_state) == (ExitCode.CANCELLED, "failed")
    assert record["status"] == "CANCELLED"
    assert record["waves"][0]["status"] == "COMPLETED"
    assert all(wave["status"] in ("CANCELLED", "SKIPPED") for wave in record["waves"][1:])
    assert len(launched) == 2
    assert drill.instance_states(stack) == dict.fromkeys(launched, "terminated")


def test_no_dag_file_and_no_plugin_fails_to_load(stack: Stack) -> None:
    stack.wait_for_dag("drs_erp_three_tier")
    with stack.api("admin") as api:
        assert import_errors(api) == []
        assert api.get("/plugins/importErrors")["import_errors"] == []
