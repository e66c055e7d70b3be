"""Services around a recovery that fail: history, notifications, report storage, the plan's own file."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from drs_provider import keys
from drs_provider.dag_factory.build import build_single_task_dag
from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import world

SENT: list[dict[str, Any]] = []


class RecordingNotifier:
    """A notifier as Airflow's providers ship them: called with the context."""

    def __init__(self, channel: str) -> None:
        self.channel = channel

    def __call__(self, context: dict[str, Any]) -> None:
        SENT.append({"channel": self.channel, **context["drs"]})


class BrokenNotifier:
    def __init__(self) -> None:
        """Takes nothing."""

    def __call__(self, context: dict[str, Any]) -> None:
        raise ConnectionError("the mail server is down")


@pytest.fixture(autouse=True)
def _nothing_sent() -> None:
    SENT.clear()


def notification(name: str, events: list[str], **args: str) -> dict[str, Any]:
    return {"events": events, "notifier": f"{__name__}.{name}", "args": args}


def test_people_are_told_what_the_plan_says(play: Stage) -> None:
    events = ["start", "gate", "wave_failed", "finished"]
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
    made = plan(
        {"name": "everything", "servers": WIKI, "gate": gate},
        notifications=[notification("RecordingNotifier", events, channel="ops")],
    )
    run = play.drill(made)
    assert [item["event"] for item in SENT] == ["start", "gate", "gate", "finished"]
    assert {item["executionId"] for item in SENT} == {run.record["executionId"]}
    assert "COMPLETED, 2 of 2 servers recovered" in SENT[-1]["summary"]
    assert SENT[-1]["channel"] == "ops"


def test_a_failed_wave_is_told(play: Stage) -> None:
    made = plan(
        {"name": "everything", "servers": WIKI, "timeout_minutes": 5},
        notifications=[notification("RecordingNotifier", ["wave_failed"], channel="ops")],
    )
    run = play.plan_run(made, step_seconds=100).approve_everything()
    assert run.go() == "failed"
    assert [item["event"] for item in SENT] == ["wave_failed"]
    assert "not finished within 5 min" in SENT[0]["summary"]


@pytest.mark.parametrize("name", ["BrokenNotifier", "NoSuchNotifier"])
def test_trap_30_notifications_never_change_the_outcome(
    play: Stage, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    events = ["start", "gate", "wave_failed", "finished"]
    made = plan(notifications=[notification(name, events)])
    caplog.set_level(logging.CRITICAL, "drs_provider.runtime.notifications")
    run = play.drill(made)
    assert set(run.states.values()) == {"success"}
    assert run.record["status"] == "COMPLETED"
    assert len(play.events("notificationFailed")) == 3
    assert [row["event"] for row in run.record["notificationFailures"]] == ["start", "hold_opened"]
    assert run.record["notificationFailures"][0]["notifier"].endswith(name)


def test_the_end_of_a_refused_run_is_told(play: Stage) -> None:
    made = plan(notifications=[notification("RecordingNotifier", ["start", "finished"], channel="ops")])
    run = play.plan_run(made, conf={"preempt_drill": True, "ticket": "CHG1"})
    assert run.go() == "failed"
    assert [item["event"] for item in SENT] == ["finished"]
    assert "FAILED, the run configuration is refused, nothing was started" in SENT[0]["summary"]
    assert SENT[0]["record"]["status"] == "FAILED"


def test_trap_37_no_notifier_is_called_that_the_plan_does_not_name(play: Stage) -> None:
    made = plan(notifications=[notification("RecordingNotifier", ["finished"], channel="ops")])
    run = play.plan_run(made, conf={"preempt_drill": True})

    def forge() -> None:
        forged = notification("RecordingNotifier", ["finished"], channel="forged")
        run.xcoms.set("prepare", keys.NOTIFICATIONS, {"notifications": [forged]})

    run.when("prepare", "failed", forge)
    assert run.go() == "failed"
    assert SENT == []
    assert len(play.events("notificationFailed")) == 1


def test_the_report_has_every_finding_of_preflight(play: Stage) -> None:
    play.simulator.inject(
        "SimulatePrincipalPolicy", service="iam", kind="error", code="AccessDenied", status=403
    )
    run = play.drill(plan())
    report = json.loads(Path(urlparse(run.record["attempts"][0]["reportUri"]).path).read_text())
    findings = run.xcom("prepare", "preflight")["findings"]
    assert len(findings) == 1
    assert report["preflightFindings"] == findings


def break_history(play: Stage) -> None:
    play.simulator.inject(
        "*",
        service="dynamodb",
        kind="error",
        code="InternalServerError",
        message="the Region is down",
        status=500,
    )


def test_trap_32_a_recovery_runs_without_its_history(play: Stage) -> None:
    break_history(play)
    run = play.drill(two_waves())
    assert run.record["status"] == "COMPLETED"
    assert set(run.states.values()) == {"success"}
    assert set(play.instances().values()) == {"terminated"}


def test_trap_32_a_history_that_comes_back_is_caught_up(play: Stage) -> None:
    break_history(play)
    run = play.plan_run(two_waves()).approve_everything()
    run.when("wave_2_second.start_recovery", "success", play.simulator.clear_faults)
    assert run.go() == "success"
    record = run.stored
    assert record["status"] == "COMPLETED"
    assert [wave["status"] for wave in record["waves"]] == ["COMPLETED", "COMPLETED"]
    assert record["waves"][0]["serverStatuses"][0]["instanceId"].startswith("i-")
    assert record["startTime"] == run.record["startTime"]


def test_trap_32_an_end_that_was_lost_is_written_with_the_report(play: Stage) -> None:
    """No task comes after `finalize` that could catch it up."""
    run = play.plan_run(plan()).approve_everything()
    fault = {"kind": "error", "code": "AccessDeniedException", "status": 400, "times": 1}
    run.when("cleanup_drill", "success", lambda: play.simulator.inject("Query", service="dynamodb", **fault))
    assert run.go() == "success"
    assert [call.error for call in play.simulator.calls("Query", "dynamodb") if call.fault] == [
        "AccessDeniedException"
    ]
    assert run.stored["status"] == "COMPLETED"
    assert run.stored["attempts"][0]["reportSha256"] == run.record["attempts"][0]["reportSha256"]


@pytest.mark.drs_scenario(world(visibility_delay_seconds=100))
def test_trap_18_an_end_that_was_lost_is_stored_as_it_was_told(play: Stage) -> None:
    """The report is built from what was told: a time that was a guess while DRS did not show the job would differ."""
    run = play.plan_run(two_waves()).approve_everything()
    fault = {"kind": "error", "code": "AccessDeniedException", "status": 400, "times": 1}
    run.when("cleanup_drill", "success", lambda: play.simulator.inject("Query", service="dynamodb", **fault))
    assert run.go() == "success"
    started = [wave["startTime"] for wave in run.stored["waves"]]
    assert started == [pytest.approx(job.created_at, abs=0.001) for job in play.jobs()]
    assert run.stored == run.record


def test_a_history_of_another_account_stops_nothing(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__HISTORY_ACCOUNT_ID", "999988887777")
    run = play.drill(plan())
    assert run.record["status"] == "COMPLETED"


def test_reports_that_cannot_be_written_stop_nothing(
    play: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("AIRFLOW__DRS__REPORTS_PATH", (blocked / "reports").as_uri())
    run = play.drill(plan())
    assert run.stored["status"] == "COMPLETED"
    assert "reportUri" not in run.stored["attempts"][0]
    assert play.events("reportFailed")
    assert play.events("runbookFailed")
    assert "runbook_not_written" in run.stored["preflight"]["codes"]["warn"]
    # Where people look: the record, in Airflow and in the table; messages and `drs status` tell it from there.
    told = run.record["attempts"][0]["reportError"]
    assert "no report below" in told
    assert run.stored["attempts"][0]["reportError"] == told
    # Possible again, it is written by the next attempt's end, or by a retry of this one.
    monkeypatch.setenv("AIRFLOW__DRS__REPORTS_PATH", (tmp_path / "reports").as_uri())
    run.clear("finalize")
    assert run.go() == "success"
    assert "reportError" not in run.record["attempts"][-1]
    assert run.record["attempts"][-1]["reportUri"].startswith((tmp_path / "reports").as_uri())


def test_a_drills_preflight_leaves_the_runbook_of_the_recovery_beside_the_reports(play: Stage) -> None:
    run = play.drill(plan())
    (told,) = play.events("runbookWritten")
    folder = play.reports / run.record["planId"]
    assert told["page"].endswith(f"{folder}/runbook-recovery.html")
    script = (folder / "runbook-recovery.sh").read_text()
    assert "TYPE=RECOVERY\n" in script
    assert all(f"{server} latest CRITICAL" in script for server in WIKI)


def test_trap_14_an_edited_plan_does_not_change_a_running_execution(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    edited = two_waves(second={"servers": ("s-1111111111111111a",), "timeout_minutes": 1})
    from drs_provider.dag_factory.build import build_dag

    new_dag = build_dag(edited)
    run.when("prepare", "success", lambda: setattr(run, "dag_source", lambda task_id: new_dag))
    assert run.go() == "success"
    assert play.launched_servers() == sorted(WIKI)


def test_trap_14_a_retry_of_prepare_tells_that_the_plan_was_edited(play: Stage) -> None:
    from drs_provider.dag_factory.build import build_dag

    run = play.drill(plan())
    new_dag = build_dag(two_waves())
    run.dag_source = lambda task_id: new_dag if task_id == "prepare" else run.dag
    run.clear("prepare")
    assert run.go() == "success"
    assert play.events("planEdited")
    assert run.stored["planHash"] == run.plan.content_hash


def test_trap_34_every_task_works_from_its_id_and_the_frozen_plan(play: Stage) -> None:
    """What happens in task processes when the plan's file is gone as soon as the execution has begun."""
    run = play.plan_run(two_waves()).approve_everything()
    used: set[str] = set()

    def single(task_id: str) -> Any:
        used.add(task_id)
        return build_single_task_dag(run.dag.dag_id, task_id)

    run.when("prepare", "success", lambda: setattr(run, "dag_source", single))
    assert run.go() == "success"
    assert used == set(run.dag.task_ids) - {"prepare"}
    assert run.stored["status"] == "COMPLETED"


def test_trap_34_prepare_without_a_plan_refuses_a_new_execution(play: Stage) -> None:
    run = play.plan_run(plan())
    run.dag_source = lambda task_id: build_single_task_dag(run.dag.dag_id, task_id)
    assert run.go() == "failed"
    assert "does not load" in run.record["errorMessage"]
    assert run.record["status"] == "FAILED"
    assert play.simulator.calls() == []
