"""Orphaned records are closed with what is true; records of living runs, and of other Airflows, are not touched."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.core.states import ExecutionStatus
from drs_provider.exceptions import SweepIncompleteError
from drs_provider.history import store
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.values import to_item
from drs_provider.rules.sweep.records import FOREIGN_QUIET_SECONDS, QUIET_SECONDS
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI
from tests.harness.stage import TABLE, Stage
from tests.harness.sweeps import Sweeps, sweeps
from tests.harness.worlds import world

__all__ = ["sweeps"]

START = "wave_1_everything.start_recovery"
WAIT = "wave_1_everything.wait_for_recovery"
LATER = 7200.0


def halted(play: Stage, task_id: str, state: str, **options: Any) -> PlanRun:
    """Return a run of wiki that stops as soon as a task has a state: nothing of Airflow goes on with it."""
    run = play.plan_run("wiki", **options).approve_everything()
    run.go_until(task_id, state)
    return run


def wiki_record(play: Stage) -> dict[str, Any]:
    (record,) = DynamoDbHistory(play.simulator.client("dynamodb"), TABLE).by_plan("wiki")
    return play.stored(record["executionId"], "wiki")


def the_finding(report: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = [item for item in report["findings"] if item["kind"] == kind]
    return found


def test_a_record_whose_run_was_deleted_is_closed(play: Stage, sweeps: Sweeps) -> None:
    run = halted(play, "hold_drill", "deferred")
    ended = play.now()
    sweeps.delete(run)
    play.simulator.advance(LATER)
    report = sweeps.sweep()
    record = wiki_record(play)

    assert (sweeps.error, report["ok"], report["complete"]) == (None, True, True)
    assert record["status"] == record["attempts"][-1]["status"] == "CANCELLED"
    assert record["errorMessage"].startswith("orphaned: its DAG run is gone")
    assert record["verdict"]["result"] == "not verified"
    assert [wave["status"] for wave in record["waves"]] == ["COMPLETED"]
    assert the_finding(report, "orphaned record")["action"] == "closed"
    assert play.events("executionOrphaned")[0]["executionId"] == record["executionId"]
    assert record["endTime"] == pytest.approx(ended, abs=1)


def test_trap_18_the_silence_before_it_was_found_is_no_part_of_the_execution(
    play: Stage, sweeps: Sweeps
) -> None:
    run = halted(play, "hold_drill", "deferred")
    started = wiki_record(play)["startTime"]
    ended = play.now()
    sweeps.delete(run)
    play.simulator.advance(11 * 3600)
    sweeps.sweep()
    assert wiki_record(play)["durationSeconds"] == pytest.approx(ended - started, abs=1)


@pytest.mark.drs_scenario(world({server: {"tags": {"App": "wiki"}} for server in WIKI}, profile="slow_drill"))
def test_jobs_that_still_run_are_listed(play: Stage, sweeps: Sweeps) -> None:
    run = halted(play, START, "success")
    (job,) = play.jobs()
    sweeps.delete(run)
    report = sweeps.sweep()
    assert report["findings"] == [], "it was written a moment ago"

    play.simulator.advance(QUIET_SECONDS)
    assert job.ended_at is None
    report = sweeps.sweep()
    record = wiki_record(play)
    (wave,) = record["waves"]
    assert record["status"] == wave["status"] == "CANCELLED"
    assert f"still running: {job.job_id}" in wave["errorMessage"]
    assert f"still running: {job.job_id}" in record["errorMessage"]
    assert job.job_id in the_finding(report, "orphaned record")["reason"]
    assert "Watch these jobs" in the_finding(report, "orphaned record")["remedy"]


def test_a_record_is_closed_although_its_jobs_cannot_be_asked_for(play: Stage, sweeps: Sweeps) -> None:
    run = halted(play, START, "success")
    (job,) = play.jobs()
    sweeps.delete(run)
    play.simulator.advance(LATER)
    play.simulator.inject(
        "DescribeJobs", kind="error", code="AccessDeniedException", message="no", status=403
    )
    sweeps.sweep()
    record = wiki_record(play)
    assert record["status"] == "CANCELLED"
    assert "could not be asked" in record["errorMessage"]
    assert job.job_id in record["errorMessage"]


def test_a_run_that_is_over_without_an_end_has_failed(play: Stage, sweeps: Sweeps) -> None:
    run = halted(play, WAIT, "deferred")
    sweeps.end(run, "failed")
    play.simulator.advance(LATER)
    sweeps.sweep()
    record = wiki_record(play)
    assert (record["status"], record["waves"][0]["status"]) == ("FAILED", "FAILED")
    assert "told no end" in record["errorMessage"]


def test_waves_that_had_not_begun_are_cancelled(play: Stage, sweeps: Sweeps) -> None:
    run = halted(play, "prepare", "success")
    sweeps.end(run, "failed")
    play.simulator.advance(LATER)
    sweeps.sweep()
    record = wiki_record(play)
    assert (record["status"], record["waves"][0]["status"]) == ("FAILED", "CANCELLED")
    assert "not started" in record["waves"][0]["errorMessage"]


@pytest.mark.parametrize("state", ["running", "queued"])
def test_a_living_run_is_left_alone(play: Stage, sweeps: Sweeps, state: str) -> None:
    run = halted(play, "hold_drill", "deferred")
    sweeps.run_states[run.dag_run.run_id] = state
    before = wiki_record(play)
    play.simulator.advance(86_400)
    report = sweeps.sweep()
    assert wiki_record(play) == before
    assert report["recordsOpen"] == 1
    assert not [item for item in report["findings"] if "record" in item["kind"]]


def test_a_run_that_is_over_while_a_task_of_it_is_active_is_only_reported(
    play: Stage, sweeps: Sweeps
) -> None:
    run = halted(play, "hold_drill", "deferred")
    sweeps.run_states[run.dag_run.run_id] = "failed"
    before = wiki_record(play)
    play.simulator.advance(LATER)
    report = sweeps.sweep()
    assert wiki_record(play) == before
    assert "counts as active" in the_finding(report, "open record")["reason"]


def test_when_airflow_does_not_tell_the_record_stays_and_the_task_fails(play: Stage, sweeps: Sweeps) -> None:
    run = halted(play, "hold_drill", "deferred")
    sweeps.delete(run)
    sweeps.silent.add("drs_wiki")
    before = wiki_record(play)
    play.simulator.advance(LATER)
    report = sweeps.sweep()
    assert wiki_record(play) == before
    assert before["executionId"] in str(sweeps.error)
    assert "502" in str(sweeps.error)
    assert report["ok"] is False


def test_an_end_that_never_reached_the_table_is_caught_up(play: Stage, sweeps: Sweeps) -> None:
    run = play.plan_run("wiki").approve_everything()
    fault = {"kind": "error", "code": "InternalServerError", "status": 500, "service": "dynamodb"}
    run.when("cleanup_drill", "success", lambda: play.simulator.inject("*", **fault))
    run.when("finalize", "success", play.simulator.clear_faults)
    assert run.go() == "success"
    assert wiki_record(play)["status"] not in ("COMPLETED", "FAILED", "CANCELLED", "PARTIAL")
    play.simulator.advance(LATER)
    report = sweeps.sweep()
    record = wiki_record(play)
    assert record["status"] == "COMPLETED"
    assert record["endTime"] == run.record["endTime"]
    assert record["verdict"]["result"] == "passed"
    assert the_finding(report, "orphaned record")["action"] == "caught up"


@pytest.mark.parametrize(
    "told", [{"status": "FAILED"}, {"executionId": "another"}, {"attempt": 0}, {"status": "POLLING"}]
)
def test_what_contradicts_the_run_is_not_believed(play: Stage, sweeps: Sweeps, told: dict[str, Any]) -> None:
    run = halted(play, "cleanup_drill", "success")
    run.xcoms.set("finalize", "execution_record", {**wiki_record(play), "status": "COMPLETED", **told})
    sweeps.end(run, "success")
    play.simulator.advance(LATER)
    sweeps.sweep()
    assert wiki_record(play)["errorMessage"].startswith("orphaned: its DAG run is over and told no end")


def test_a_record_of_another_airflow_is_never_closed(
    play: Stage, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = halted(play, "hold_drill", "deferred")
    sweeps.delete(run)
    before = wiki_record(play)
    monkeypatch.setenv("AIRFLOW__DRS__DEPLOYMENT_ID", "another")
    play.simulator.advance(LATER)
    assert sweeps.sweep()["findings"] == [], "it may be at work"
    play.simulator.advance(FOREIGN_QUIET_SECONDS)
    report = sweeps.sweep()
    assert the_finding(report, "foreign record")["action"] == "left"
    assert wiki_record(play) == before


def test_a_run_that_was_made_again_under_its_name_is_another_execution(play: Stage, sweeps: Sweeps) -> None:
    run = halted(play, "hold_drill", "deferred", run_id="CHG-1", step_seconds=600)
    sweeps.delete(run)
    play.simulator.advance(LATER)
    play.plan_run("wiki", run_id="CHG-1")
    sweeps.sweep()
    assert wiki_record(play)["status"] == "CANCELLED"


def test_a_paused_dag_is_told(play: Stage, sweeps: Sweeps) -> None:
    halted(play, "hold_drill", "deferred")
    play.paused_dags.add("drs_wiki")
    report = sweeps.sweep()
    assert the_finding(report, "open record")["remedy"] == "Unpause the DAG."


def test_a_dry_run_changes_nothing(play: Stage, sweeps: Sweeps) -> None:
    run = halted(play, "hold_drill", "deferred")
    sweeps.delete(run)
    before = wiki_record(play)
    play.simulator.advance(LATER)
    report = sweeps.sweep(dry_run=True)
    found = the_finding(report, "orphaned record")
    assert (found["action"], report["dryRun"]) == ("would close", True)
    assert "it would be CANCELLED" in found["reason"]
    assert wiki_record(play) == before


def test_a_table_that_cannot_be_read_fails_the_task_and_nothing_else(play: Stage, sweeps: Sweeps) -> None:
    play.simulator.inject("*", kind="error", code="InternalServerError", status=500, service="dynamodb")
    report = sweeps.sweep()
    assert "history table" in str(sweeps.error)
    assert [row["state"] for row in report["targets"]] == ["ok"]


def test_a_record_that_others_keep_writing_is_told_and_left(
    play: Stage, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps.delete(halted(play, "hold_drill", "deferred"))
    play.simulator.advance(LATER)
    monkeypatch.setattr(store, "TRIES", 0)
    (failure,) = sweeps.sweep()["failures"]
    assert "changed under each" in failure
    assert wiki_record(play)["status"] == "PAUSED"


def test_a_second_sweep_finds_nothing(play: Stage, sweeps: Sweeps) -> None:
    sweeps.delete(halted(play, "hold_drill", "deferred"))
    play.simulator.advance(LATER)
    sweeps.sweep()
    after = wiki_record(play)
    report = sweeps.sweep()
    assert (report["recordsOpen"], wiki_record(play)) == (0, after)


@pytest.mark.drs_scenario(history=False)
def test_without_a_history_only_instances_are_swept(play: Stage, sweeps: Sweeps) -> None:
    report = sweeps.sweep()
    assert (sweeps.error, report["history"]) == (None, False)
    assert report["targets"] == [
        {"accountId": "111122223333", "region": "eu-west-1", "state": "ok", "drillInstances": 0}
    ]


FORGED = {"verdict": {"result": "passed", "by": "nobody"}}


@pytest.mark.parametrize("how", ["changed", "unsigned", "signature of another run"])
def test_trap_37_an_end_that_finalize_did_not_tell_never_reaches_the_table(
    play: Stage, sweeps: Sweeps, how: str
) -> None:
    told = play.plan_run("wiki").approve_everything()
    assert told.go() == "success"
    signature = told.xcom("finalize", "execution_record_signature")
    run = halted(play, "hold_drill", "deferred")
    (before,) = DynamoDbHistory(play.simulator.client("dynamodb"), TABLE).by_status(ExecutionStatus.PAUSED)
    end = {**told.record, **{name: before[name] for name in ("executionId", "planId", "attempt")}, **FORGED}
    run.xcoms.set("finalize", "execution_record", end)
    if how == "signature of another run":
        run.xcoms.set("finalize", "execution_record_signature", signature)
    elif how == "changed":
        run.xcoms.set("finalize", "execution_record_signature", {**signature, "mac": "00" * 32})
    sweeps.end(run, "failed")
    play.simulator.advance(LATER)
    report = sweeps.sweep()
    record = play.stored(before["executionId"], "wiki")
    assert (record["status"], record["verdict"]["result"]) == ("FAILED", "not verified")
    assert "told no end" in record["errorMessage"]
    assert the_finding(report, "orphaned record")["action"] == "closed"
    assert "execution_end" in str(sweeps.error)
    assert before["executionId"] in str(sweeps.error)


def test_a_changed_end_is_closed_without_it(play: Stage, sweeps: Sweeps) -> None:
    run = play.plan_run("wiki").approve_everything()
    fault = {"kind": "error", "code": "InternalServerError", "status": 500, "service": "dynamodb"}
    run.when("cleanup_drill", "success", lambda: play.simulator.inject("*", **fault))
    run.when("finalize", "success", play.simulator.clear_faults)
    assert run.go() == "success"
    run.xcoms.set("finalize", "execution_record", {**run.record, **FORGED})
    play.simulator.advance(LATER)
    sweeps.sweep()
    assert wiki_record(play)["verdict"].get("by") != "nobody"
    assert "its content was changed" in str(sweeps.error)


@pytest.mark.parametrize(
    "strange",
    [
        {"waves": ["a text"]},
        {"dagId": "theirs", "dagRunId": "theirs", "triggerTime": {"at": 1}},
    ],
)
def test_a_strange_record_does_not_hide_the_others(
    play: Stage, sweeps: Sweeps, strange: dict[str, Any]
) -> None:
    sweeps.delete(halted(play, "hold_drill", "deferred"))
    own = wiki_record(play)
    item = {"executionId": "0-theirs", "planId": "theirs", "status": "PAUSED", "startTime": 1000, **strange}
    play.simulator.client("dynamodb").put_item(TableName=TABLE, Item=to_item(item))
    play.simulator.advance(LATER)
    report = sweeps.sweep()
    assert play.stored(own["executionId"], "wiki")["status"] == "CANCELLED"
    assert the_finding(report, "orphaned record")["executionId"] == own["executionId"]
    assert all("0-theirs" in text for text in report["failures"])


def test_an_own_record_that_cannot_be_read_is_told_and_the_others_are_swept(
    play: Stage, sweeps: Sweeps
) -> None:
    spoilt = halted(play, "hold_drill", "deferred", run_id="CHG-1", step_seconds=600)
    first = wiki_record(play)
    sweeps.delete(spoilt)
    changed = {**first, "waves": [{**first["waves"][0], "status": "IN_PROGRESS"}]}
    play.simulator.client("dynamodb").put_item(TableName=TABLE, Item=to_item(changed))
    other = halted(play, "hold_drill", "deferred", run_id="CHG-2", step_seconds=600)
    sweeps.delete(other)
    play.simulator.advance(LATER)
    report = sweeps.sweep()
    assert the_finding(report, "orphaned record")["action"] == "closed"
    assert play.stored(first["executionId"], "wiki")["status"] == "PAUSED"
    (failure,) = report["failures"]
    assert first["executionId"] in failure
    assert "IN_PROGRESS" in failure
    assert "IN_PROGRESS" in str(sweeps.error)


def test_a_sweep_that_has_nothing_to_look_at_is_no_success(
    sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No table, and no plan that names an account: told, instead of a green run that looked at nothing."""
    monkeypatch.setenv("AIRFLOW__DRS__HISTORY_CONNECTION", "")
    for file in sweeps.plans.iterdir():
        file.unlink()
    report = sweeps.sweep()
    assert "nothing was looked at" in report["failures"][0]
    assert isinstance(sweeps.error, SweepIncompleteError)
    sweeps.know("wiki")
    assert sweeps.sweep()["failures"] == []
    assert sweeps.error is None
