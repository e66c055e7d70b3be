"""Ends that tell the truth: what runs although a start failed, what was not there although nobody could look."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.orchestration.prepare.freezer import Freezer
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.worlds import world

START = "wave_1_everything.start_recovery"
WAIT = "wave_1_everything.wait_for_recovery"
ENRICH = "wave_1_everything.enrich"


def without_ec2_in_enrich(play: Stage, run: PlanRun) -> None:
    def break_ec2() -> None:
        play.simulator.inject(
            "DescribeInstances", service="ec2", kind="error", code="InternalError", status=500
        )

    run.when(WAIT, "success", break_ec2)
    run.when(ENRICH, "success", play.simulator.clear_faults)


def test_trap_23_a_drill_whose_instances_were_cleaned_up_since_is_completed(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    without_ec2_in_enrich(play, run)
    assert run.go() == "success"
    assert set(play.instances().values()) == {"terminated"}
    assert run.stored["status"] == "COMPLETED"
    assert not [row for row in run.wave("everything", run.stored)["serverStatuses"] if "error" in row]


@pytest.mark.drs_scenario(world({WIKI[0]: {"no_instance": True}}))
def test_trap_36_a_wave_that_turns_out_to_lack_an_instance_has_failed(play: Stage) -> None:
    run = play.plan_run(plan(), {"cleanup": "keep"}).approve_everything()

    def nobody_can_look() -> None:
        for service, operation in (("ec2", "DescribeInstances"), ("drs", "DescribeRecoveryInstances")):
            play.simulator.inject(operation, service=service, kind="error", code="InternalError", status=500)

    run.when(WAIT, "deferred", nobody_can_look)
    run.when(ENRICH, "success", play.simulator.clear_faults)
    assert run.go() == "failed"
    assert run.states[ENRICH] == "success"
    assert run.wave("everything", run.stored)["status"] == "FAILED"
    assert "EC2 has no instance" in run.stored["errorMessage"]
    assert run.stored["status"] == "FAILED"


@pytest.mark.drs_scenario(world({WIKI[0]: {"no_instance": True}}))
def test_trap_36_a_missing_right_to_read_logs_hides_no_missing_instance(play: Stage) -> None:
    play.simulator.inject(
        "DescribeJobLogItems", kind="error", code="AccessDeniedException", message="no", status=403
    )
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    assert "EC2 has no instance" in run.stored["errorMessage"]


def no_log(play: Stage, job_id: str = "", code: str = "ResourceNotFoundException") -> None:
    message = f"Job with Id: '{job_id}' was not found"
    play.simulator.inject("DescribeJobLogItems", code=code, message=message, containing=job_id)


def test_logs_that_do_not_exist_end_no_run(play: Stage) -> None:
    no_log(play)
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
@pytest.mark.drs_scenario(
    world(
        {WIKI[1]: {"fail": {"at": "LAUNCH_FAILED", "error": "no capacity"}}},
        quotas={"servers_per_job": 1},
        visibility_delay_seconds=0,
    )
)
def test_a_log_that_cannot_be_read_hides_no_other_one(play: Stage, code: str) -> None:
    run = play.plan_run(plan()).approve_everything()

    def lose_the_log_of_what_went_well() -> None:
        (job,) = [job for job in play.jobs() if job.servers[0].server_id == WIKI[0]]
        no_log(play, job.job_id, code)

    run.when(START, "success", lose_the_log_of_what_went_well)
    assert run.go() == "failed"
    rows = {row["sourceServerId"]: row for row in run.wave("everything", run.stored)["serverStatuses"]}
    assert "no capacity" in rows[WIKI[1]]["error"]
    assert "error" not in rows[WIKI[0]]


@pytest.mark.drs_scenario(world(quotas={"servers_per_job": 1}, visibility_delay_seconds=0))
def test_trap_15_a_start_that_fails_half_way_names_what_runs(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan(recovery={"initiators": ["dr-lead"], "approvers": ["dr-approver-1"]})
    run = play.plan_run(made, recovery_of(made), user="dr-lead").answer("gate_1", "Approve")
    start = DrsApi.start_recovery

    def refused_twice(api: DrsApi, servers: dict[str, str | None], **arguments: Any) -> Any:
        if play.jobs():
            error = {"Error": {"Code": "ValidationException", "Message": "no launch template"}}
            raise ClientError(error, "StartRecovery")
        return start(api, servers, **arguments)

    monkeypatch.setattr(DrsApi, "start_recovery", refused_twice)
    assert run.go() == "failed"
    (job,) = play.jobs()
    wave = run.wave("everything", run.stored)
    assert "no launch template" in run.stored["errorMessage"]
    assert job.job_id in run.stored["errorMessage"]
    assert [row["jobId"] for row in wave["jobs"]] == [job.job_id]


def test_a_drill_whose_frozen_plan_is_lost_does_not_end_its_cleanup_green(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play.plan_run(plan()).approve_everything()

    def lost(freezer: Freezer) -> bool:
        raise ConnectionError("the database is down")

    def clear_everything() -> None:
        monkeypatch.setattr(Freezer, "publish_again", lost)
        run.clear("prepare")

    run.when(WAIT, "deferred", clear_everything)
    assert run.go() == "failed"
    assert run.states["prepare"] == "failed"
    assert run.states["cleanup_drill"] == "failed"
    assert "may still exist" in run.record["errorMessage"]


def test_a_frozen_plan_is_there_again_before_prepare_can_fail(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play.plan_run(plan()).approve_everything()

    def clear_everything() -> None:
        play.simulator.inject(service="dynamodb", kind="error", status=500)
        monkeypatch.setattr("drs_provider.plan_tasks.prepare.PlanPrepareOperator._resume", fail)
        run.clear("prepare")

    def fail(*_: Any) -> Any:
        raise ConnectionError("whatever")

    run.when(WAIT, "deferred", clear_everything)
    assert run.go() == "failed"
    assert run.states["prepare"] == "failed"
    assert run.states["cleanup_drill"] == "success"
    assert set(play.instances().values()) == {"terminated"}


LATE = world(visibility_delay_seconds=100)
SENT = "a job may have been started: StartRecovery was sent at "


def no_aws(play: Stage) -> None:
    for service in ("drs", "ec2"):
        play.simulator.inject("*", service=service, code="AccessDeniedException", message="no", status=403)


@pytest.mark.drs_scenario(LATE)
@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("cleared", [True, False])
def test_trap_15_a_start_that_was_stopped_before_its_job_shows_is_told(
    play: Stage, readable: bool, cleared: bool
) -> None:
    """By its intent; where its own XComs are gone, because its next try had just begun, by the intent's copy."""
    made = plan()
    play.kill_worker("StartRecovery", after=True)
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()

    def stop() -> None:
        if cleared:
            run.xcoms.clear_task(START)
        if not readable:
            no_aws(play)
        run.mark_failed()
        run.set_state(START, "failed")

    run.when(START, "up_for_retry", stop)
    assert run.go() == "failed"
    assert len(play.jobs()) == 1
    for text in (run.stored["errorMessage"], run.wave("everything", run.stored)["errorMessage"]):
        assert SENT in text
        for server in WIKI:
            assert server in text
        assert ("DRS shows no job of it" if readable else "DRS cannot be asked") in text
    assert run.stored["status"] in ("CANCELLED", "FAILED")


@pytest.mark.drs_scenario(LATE)
def test_trap_15_jobs_that_the_start_told_are_in_the_record_of_an_aws_that_cannot_be_read(
    play: Stage,
) -> None:
    made = plan()
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    run.when(START, "success", lambda: (no_aws(play), run.mark_failed()))
    assert run.go() == "failed"
    (job,) = play.jobs()
    (row,) = run.wave("everything", run.stored)["jobs"]
    assert (row["jobId"], row["status"], row["attempt"]) == (job.job_id, "PENDING", 1), "as it was told last"
    assert row["startTime"] > 0
    assert f"still running: {job.job_id}" in run.stored["errorMessage"]
    assert SENT not in run.stored["errorMessage"]


@pytest.mark.drs_scenario(world(quotas={"jobs": 1, "servers_per_job": 1}, visibility_delay_seconds=0))
def test_trap_15_a_start_that_told_part_of_its_jobs_names_the_others_too(play: Stage) -> None:
    made = plan()
    play.kill_worker("StartRecovery", after=True, nth=2)
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()

    def stop() -> None:
        run.mark_failed()
        run.set_state(START, "failed")

    run.when(START, "up_for_retry", stop)
    assert run.go() == "failed"
    jobs = [job.job_id for job in play.jobs()]
    assert len(jobs) == 2
    assert sorted(row["jobId"] for row in run.wave("everything", run.stored)["jobs"]) == sorted(jobs)


@pytest.mark.drs_scenario(LATE)
@pytest.mark.parametrize("readable", [True, False])
def test_trap_08_an_earlier_cleanup_says_nothing_of_a_later_start_whose_job_does_not_show(
    play: Stage, readable: bool
) -> None:
    play.kill_worker("StartRecovery", after=True, nth=2)
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "success"
    run.clear("wave_1_everything")

    def stop() -> None:
        if not readable:
            no_aws(play)
        run.mark_failed()
        run.set_state(START, "failed")
        run.set_state("cleanup_drill", "skipped")

    run.when(START, "up_for_retry", stop)
    assert run.go() == "failed"
    assert len(play.jobs()) == 2
    assert run.record["attempt"] == 2
    report = run.stored["cleanup"]
    assert (report["action"], report["attempt"]) == ("incomplete", 2)
    assert report["left"]
    assert SENT in run.stored["errorMessage"]
