"""Drill instances that have outlived their time are found, and terminated only where they are ours and it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.plan.model import Plan
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of, two_waves
from tests.harness.stage import ACCOUNT, REGION, TABLE, Stage
from tests.harness.sweeps import Sweeps, sweeps

__all__ = ["sweeps"]

OLD = 13 * 3600.0
KEPT = plan(drill={"cleanup": "keep"})
YOUNG_TIME = 6 * 3600.0


def left_behind(play: Stage, sweeps: Sweeps, made: Plan | None = None) -> PlanRun:
    """Return a drill that is over without having cleaned up: its scheduler died while people tested."""
    made = made or plan()
    sweeps.know(made)
    run = play.plan_run(made).approve_everything()
    run.go_until("hold_drill")
    sweeps.end(run)
    return run


def alive(play: Stage, **place: str) -> list[str]:
    return [key for key, state in play.instances(**place).items() if state == "running"]


def kinds(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(item["kind"], item["action"]) for item in report["findings"] if "instance" in item["kind"]}


def before_it_terminates(play: Stage, act: Callable[[], Any]) -> None:
    """Let something happen once a sweep has read launch configurations: after its look, before any termination."""

    def look(operation: str) -> None:
        if operation == "DescribeJobs" and play.simulator.calls("GetLaunchConfiguration"):
            act()

    play.simulator.clear_calls()
    play._before_call.append(look)


def test_by_default_they_are_only_reported(play: Stage, sweeps: Sweeps) -> None:
    run = left_behind(play, sweeps)
    play.simulator.advance(OLD)
    report = sweeps.sweep()
    assert sweeps.error is None
    assert kinds(report) == {("outlived drill instance", "left")}
    assert len(alive(play)) == 2
    found = report["findings"][-1]
    assert found["subject"].startswith(f"{ACCOUNT}/{REGION} i-")
    assert "allowed are 12" in found["reason"]
    assert run.dag_run.run_id in found["reason"]
    assert "terminate" in found["remedy"]
    assert report["targets"] == [{"accountId": ACCOUNT, "region": REGION, "state": "ok", "drillInstances": 2}]


def test_a_young_one_is_no_finding(play: Stage, sweeps: Sweeps) -> None:
    left_behind(play, sweeps)
    play.simulator.advance(YOUNG_TIME)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == set()
    assert len(alive(play)) == 2


@pytest.mark.parametrize("how", ["asked", "option"])
def test_they_are_terminated_where_it_is_wanted(
    play: Stage, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    left_behind(play, sweeps)
    play.simulator.advance(OLD)
    if how == "option":
        monkeypatch.setenv("AIRFLOW__DRS__SWEEP_TERMINATE", "True")
    report = sweeps.sweep(**({"terminate": True} if how == "asked" else {}))
    assert sweeps.error is None
    assert kinds(report) == {("outlived drill instance", "terminated")}
    assert set(play.instances().values()) == {"terminated"}
    assert report["complete"] is True
    assert len(play.jobs("TERMINATE")) == 1


def test_those_of_a_deleted_run_are_terminated_by_their_record(play: Stage, sweeps: Sweeps) -> None:
    sweeps.delete(left_behind(play, sweeps))
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert sweeps.error is None
    assert kinds(report) == {("outlived drill instance", "terminated")}
    assert set(play.instances().values()) == {"terminated"}


@pytest.mark.drs_scenario(history=False)
def test_without_a_history_the_run_itself_proves_whose_they_are(play: Stage, sweeps: Sweeps) -> None:
    left_behind(play, sweeps)
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("outlived drill instance", "terminated")}


@pytest.mark.drs_scenario(history=False)
def test_without_run_and_record_nothing_is_proven(play: Stage, sweeps: Sweeps) -> None:
    sweeps.delete(left_behind(play, sweeps))
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("drill instance of unproven origin", "left")}
    assert len(alive(play)) == 2


def test_those_of_another_airflow_are_only_reported(
    play: Stage, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(play, sweeps)
    monkeypatch.setenv("AIRFLOW__DRS__DEPLOYMENT_ID", "another")
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("drill instance of unproven origin", "left")}
    assert len(alive(play)) == 2


def test_trap_19_a_foreign_drill_and_a_live_instance_are_never_touched(play: Stage, sweeps: Sweeps) -> None:
    drs = play.simulator.client()
    drs.start_recovery(sourceServers=[{"sourceServerID": WIKI[0]}], isDrill=True)
    drs.start_recovery(sourceServers=[{"sourceServerID": WIKI[1]}], isDrill=False)
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("foreign drill instance", "left")}
    assert report["targets"][0]["drillInstances"] == 1
    assert len(alive(play)) == 2
    assert play.jobs("TERMINATE") == []


def test_those_of_a_running_execution_are_never_touched(play: Stage, sweeps: Sweeps) -> None:
    run = left_behind(play, sweeps)
    sweeps.run_states[run.dag_run.run_id] = "running"
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("old drill instance of a running execution", "left")}
    assert len(alive(play)) == 2


def test_what_was_kept_on_purpose_goes_only_if_a_person_asks(
    play: Stage, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps.know(KEPT)
    play.drill(KEPT)
    play.simulator.advance(OLD)
    monkeypatch.setenv("AIRFLOW__DRS__SWEEP_TERMINATE", "True")
    report = sweeps.sweep()
    assert kinds(report) == {("kept drill instance", "left")}
    assert len(alive(play)) == 2
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("kept drill instance", "terminated")}
    assert set(play.instances().values()) == {"terminated"}


def test_trap_37_a_cleanup_that_somebody_wrote_leaves_the_instances_alone(
    play: Stage, sweeps: Sweeps
) -> None:
    run = left_behind(play, sweeps)
    run.xcoms.set("cleanup_drill", "cleanup", {"action": "kept"})
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert len(alive(play)) == 2
    assert play.jobs("TERMINATE") == []
    assert "its instances were left alone: the evidence 'cleanup_report'" in report["failures"][0]
    assert "cleanup_report" in str(sweeps.error)


def test_trap_37_what_a_wave_that_was_changed_launched_is_left_and_told(play: Stage, sweeps: Sweeps) -> None:
    run = left_behind(play, sweeps, two_waves())
    run.xcoms.set(keys.PREPARE, keys.frozen_wave_key(2), {"forged": True})
    play.simulator.advance(OLD)
    sweeps.sweep(terminate=True)
    assert len(alive(play)) == 1
    assert "are not all terminated: wave 2" in str(sweeps.error)
    assert "evidence 'frozen_wave' does not verify" in str(sweeps.error)


def test_what_bears_the_tags_of_a_recovery_is_never_touched(play: Stage, sweeps: Sweeps) -> None:
    made = plan()
    sweeps.know(made)
    run = play.plan_run(made, recovery_of(made)).approve_everything()
    assert run.go() == "success"
    tags = {name: play.jobs()[0].tags[name] for name in ("ExecutionId", "PlanName")}
    drs = play.simulator.client("drs")
    drs.start_recovery(sourceServers=[{"sourceServerID": WIKI[0]}], isDrill=True, tags=tags)
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("outlived drill instance", "left")}
    assert len(alive(play)) == 2
    assert play.jobs("TERMINATE") == []


def test_a_dry_run_tells_what_it_would_do(play: Stage, sweeps: Sweeps) -> None:
    left_behind(play, sweeps)
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True, dry_run=True)
    assert kinds(report) == {("outlived drill instance", "would terminate")}
    assert play.jobs("TERMINATE") == []


def test_trap_39_a_pre_provisioned_instance_is_never_terminated(play: Stage, sweeps: Sweeps) -> None:
    left_behind(play, sweeps)
    (first, _) = sorted(play.instances())
    drs = play.simulator.client()
    (row,) = drs.describe_recovery_instances(filters={"recoveryInstanceIDs": [first]})["items"]
    drs.update_launch_configuration(
        sourceServerID=row["sourceServerID"],
        launchIntoInstanceProperties={"launchIntoEC2InstanceID": first},
    )
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("pre-provisioned instance", "left"), ("outlived drill instance", "left")}
    assert len(alive(play)) == 2


def test_a_run_that_begins_anew_keeps_its_instances(play: Stage, sweeps: Sweeps) -> None:
    run = left_behind(play, sweeps)
    play.simulator.advance(OLD)
    before_it_terminates(play, lambda: sweeps.run_states.update({run.dag_run.run_id: "running"}))
    sweeps.sweep(terminate=True)
    assert len(alive(play)) == 2
    assert "not all terminated" in str(sweeps.error)


def test_a_run_that_began_anew_and_ended_again_keeps_its_young_instances(play: Stage, sweeps: Sweeps) -> None:
    run = left_behind(play, sweeps)
    play.simulator.advance(OLD)
    before_it_terminates(play, lambda: setattr(run.dag_run, "clear_number", 1))
    sweeps.sweep(terminate=True)
    assert len(alive(play)) == 2
    assert play.jobs("TERMINATE") == []
    assert "has changed meanwhile" in str(sweeps.error)


def test_an_attempt_that_began_while_its_cleanup_waited_keeps_its_instances(
    play: Stage, sweeps: Sweeps
) -> None:
    run = left_behind(play, sweeps)
    play.simulator.advance(OLD)
    fault = {"kind": "error", "code": "ConflictException", "message": "busy", "status": 409, "times": 1}
    play.simulator.inject("TerminateRecoveryInstances", **fault)

    def clear(operation: str) -> None:
        if play.simulator.calls("TerminateRecoveryInstances"):
            run.dag_run.clear_number = 1

    play._before_call.append(clear)
    sweeps.sweep(terminate=True)
    assert len(alive(play)) == 2
    assert "it began anew meanwhile (attempt 2)" in str(sweeps.error)


def test_a_drill_whose_record_is_strange_keeps_its_instances_and_hides_nothing(
    play: Stage, sweeps: Sweeps
) -> None:
    run = left_behind(play, sweeps)
    client = play.simulator.client("dynamodb")
    (item,) = client.scan(TableName=TABLE, FilterExpression="attribute_exists(dagId)")["Items"]
    client.put_item(TableName=TABLE, Item={**item, "triggerTime": {"S": "yesterday"}})
    sweeps.delete(run)
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("drill instance of an execution that could not be asked", "left")}
    assert len(alive(play)) == 2
    assert "cannot be read as one of" in str(sweeps.error)


def test_a_sweep_that_was_stopped_terminates_nothing(play: Stage, sweeps: Sweeps) -> None:
    left_behind(play, sweeps)
    play.simulator.advance(OLD)
    sweeps.own_state = "failed"
    sweeps.sweep(terminate=True)
    assert len(alive(play)) == 2
    assert "was stopped meanwhile" in str(sweeps.error)


def test_a_conflict_is_tried_again(play: Stage, sweeps: Sweeps) -> None:
    left_behind(play, sweeps)
    play.simulator.advance(OLD)
    play.simulator.inject(
        "TerminateRecoveryInstances",
        kind="error",
        code="ConflictException",
        message="busy",
        status=409,
        times=1,
    )
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("outlived drill instance", "terminated")}
    assert set(play.instances().values()) == {"terminated"}


@pytest.mark.drs_scenario("shop_two_regions")
def test_one_broken_target_does_not_stop_the_others(play: Stage, sweeps: Sweeps) -> None:
    sweeps.know("shop_two_regions")
    run = play.plan_run("shop_two_regions").approve_everything()
    run.go_until("hold_drill")
    sweeps.end(run)
    play.simulator.advance(OLD)
    play.simulator.inject(
        "DescribeRecoveryInstances",
        kind="error",
        code="AccessDeniedException",
        message="not authorized",
        status=403,
        account=ACCOUNT,
        region=REGION,
    )
    report = sweeps.sweep()
    states = {row["accountId"]: row["state"] for row in report["targets"]}
    assert states == {ACCOUNT: "failed", "222233334444": "ok"}
    assert "not authorized" in str(sweeps.error)
    instances = [item["subject"] for item in report["findings"] if "instance" in item["kind"]]
    assert {subject.split("/")[0] for subject in instances} == {"222233334444"}


@pytest.mark.drs_scenario("shop_two_regions")
def test_only_the_targets_that_are_asked_for_are_cleaned(play: Stage, sweeps: Sweeps) -> None:
    sweeps.know("shop_two_regions")
    run = play.plan_run("shop_two_regions").approve_everything()
    run.go_until("hold_drill")
    sweeps.end(run)
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True, targets=["222233334444/eu-central-1"])
    assert sweeps.error is None
    assert [row["accountId"] for row in report["targets"]] == ["222233334444"]
    assert alive(play, account="222233334444", region="eu-central-1") == []
    assert len(alive(play)) == 4


def test_a_target_that_no_plan_names_is_refused(play: Stage, sweeps: Sweeps) -> None:
    sweeps.sweep(targets=["999999999999"])
    assert "no plan has a target that fits 999999999999; known are 111122223333/eu-west-1" in str(
        sweeps.error
    )


def test_an_unknown_parameter_is_refused(play: Stage, sweeps: Sweeps) -> None:
    sweeps.sweep(force=True)
    assert "`force` is no parameter of a sweep" in str(sweeps.error)


def test_a_plan_file_that_does_not_load_hides_nothing(play: Stage, sweeps: Sweeps) -> None:
    (sweeps.plans / "broken.yaml").write_text("name: [", encoding="utf-8")
    report = sweeps.sweep()
    assert "broken.yaml" in str(sweeps.error)
    assert [row["state"] for row in report["targets"]] == ["ok"]
