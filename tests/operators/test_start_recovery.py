"""The reconciling start: lost answers, busy servers, quotas, retries; never a second job for a server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.plan_run import PlanRun
from tests.harness.plans import DATABASES, WIKI, plan, two_waves
from tests.harness.stage import ACCOUNT, REGION, Stage
from tests.harness.worlds import ONCE, world

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)

START = "wave_1_everything.start_recovery"


def starts(play: Stage) -> int:
    """How many StartRecovery calls reached DRS."""
    return len(play.simulator.calls("StartRecovery"))


def test_trap_16_an_answer_that_is_lost_starts_no_second_job(play: Stage) -> None:
    play.simulator.inject("StartRecovery", kind="reset", after=True, times=1)
    run = play.drill(plan())
    assert run.record["status"] == "COMPLETED"
    assert play.launched_servers() == sorted(WIKI)
    assert starts(play) == 1


def test_trap_16_an_answer_that_is_cut_off_starts_no_second_job(play: Stage) -> None:
    play.simulator.inject("StartRecovery", kind="truncate", times=1)
    run = play.drill(plan())
    assert run.record["status"] == "COMPLETED"
    assert play.launched_servers() == sorted(WIKI)


def test_trap_16_a_call_that_never_arrived_is_made_again(play: Stage) -> None:
    play.simulator.inject("StartRecovery", kind="reset", after=False, times=1)
    run = play.drill(plan())
    assert run.record["status"] == "COMPLETED"
    assert play.launched_servers() == sorted(WIKI)
    assert starts(play) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_trap_16_a_worker_that_dies_around_the_call_starts_no_second_job(play: Stage, after: bool) -> None:
    play.kill_worker("StartRecovery", after=after)
    run = play.drill(plan())
    assert run.record["status"] == "COMPLETED"
    assert run.ran(START) == 2
    assert play.launched_servers() == sorted(WIKI)
    assert starts(play) == 1


def test_trap_16_a_job_without_tags_is_known_by_its_intent(play: Stage) -> None:
    play.kill_worker("StartRecovery", after=True)
    run = play.plan_run(plan()).approve_everything()

    def lose_tags() -> None:
        for job in play.jobs():
            job.tags.clear()
            job.touch()

    run.when(START, "up_for_retry", lose_tags)
    assert run.go() == "success"
    assert play.launched_servers() == sorted(WIKI)
    assert set(play.instances().values()) == {"terminated"}


def test_a_retry_after_the_jobs_are_told_adopts_them(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("wave_1_everything.wait_for_recovery", "deferred", lambda: run.clear(START))
    assert run.go() == "success"
    assert run.ran(START) == 2
    assert starts(play) == 1
    assert play.launched_servers() == sorted(WIKI)


def test_throttling_only_delays(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()

    def throttle() -> None:
        for operation in ("StartRecovery", "DescribeJobs"):
            play.simulator.inject(
                operation, kind="error", code="ThrottlingException", message="slow down", status=429, times=3
            )

    run.when("prepare", "success", throttle)
    assert run.go() == "success"
    assert play.launched_servers() == sorted(WIKI)


def busy_after_prepare(play: Stage, run: PlanRun, server: str) -> None:
    """Let somebody else start a job for a server between preflight and the first wave."""
    drs = play.simulator.client()
    run.when(
        "prepare",
        "success",
        lambda: drs.start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=True),
    )


def test_trap_29_a_server_in_somebody_elses_job_is_waited_for(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    busy_after_prepare(play, run, WIKI[0])
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    assert play.events("waveQueued")
    foreign, beside, behind = play.jobs()
    assert [server.server_id for server in beside.servers] == [WIKI[1]]
    assert [server.server_id for server in behind.servers] == [WIKI[0]]
    assert foreign.ended_at <= behind.created_at


def test_the_queue_timeout_names_the_blocker_and_what_runs(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__QUEUE_POLL_SECONDS", "200")
    made = plan({"name": "everything", "servers": WIKI, "queue_timeout_minutes": 5})
    run = play.plan_run(made).approve_everything()
    busy_after_prepare(play, run, WIKI[0])
    assert run.go() == "failed"
    foreign, own = play.jobs()
    assert foreign.job_id in run.failure(START)
    record = run.record
    assert record["status"] == "FAILED"
    assert foreign.job_id in record["errorMessage"]
    assert [job["jobId"] for job in run.wave("everything", record)["jobs"]] == [own.job_id]
    states = {
        instance.server_id: play.instances()[instance.instance_id]
        for instance in play.simulator.region(ACCOUNT, REGION).instances.values()
    }
    assert states == {WIKI[0]: "running"}, "only the other one's instance is left"


def test_stopped_while_part_of_a_wave_waits_the_running_job_is_named(play: Stage) -> None:
    run = play.plan_run(plan(), {"cleanup": "keep"}).approve_everything()
    busy_after_prepare(play, run, WIKI[0])
    run.when(START, "scheduled", lambda: run.when(START, "deferred", run.mark_failed))
    assert run.go() == "failed"
    _, own = play.jobs()
    assert run.record["status"] == "CANCELLED"
    assert own.job_id in run.record["errorMessage"]


@pytest.mark.drs_scenario(world(quotas={"jobs": 1}))
def test_a_full_quota_is_waited_for(play: Stage) -> None:
    drs = play.simulator.client()
    run = play.plan_run(plan()).approve_everything()
    run.when(
        "prepare",
        "success",
        lambda: drs.start_recovery(sourceServers=[{"sourceServerID": DATABASES[0]}], isDrill=True),
    )
    assert run.go() == "success"
    assert play.events("waveQueued")
    foreign, own = play.jobs()
    assert foreign.ended_at <= own.created_at


def test_a_refused_start_fails_the_wave_with_drs_words(play: Stage) -> None:
    play.simulator.inject(
        "StartRecovery", kind="error", code="ValidationException", message="no launch template", status=400
    )
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    assert "no launch template" in run.record["errorMessage"]
    assert run.wave("everything")["status"] == "FAILED"
    assert play.jobs() == []


def test_a_missing_right_fails_at_once_and_names_it(play: Stage) -> None:
    play.simulator.inject(
        "StartRecovery",
        kind="error",
        code="AccessDeniedException",
        message="User is not authorized to perform drs:StartRecovery",
        status=403,
    )
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    assert "StartRecovery" in run.record["errorMessage"]
    assert run.ran(START) == 1


def test_the_intent_is_stored_before_the_call(play: Stage) -> None:
    play.kill_worker("StartRecovery")
    run = play.plan_run(plan()).approve_everything()
    stored: list[Any] = []
    run.when(START, "up_for_retry", lambda: stored.append(run.stores[START]["start_intents"]))
    assert run.go() == "success"
    (sealed,) = stored
    (intent,) = sealed["payload"]["intents"]
    assert sorted(intent["servers"]) == sorted(WIKI)
    assert intent["job_id"] is None


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ONCE}}))
def test_trap_35_only_what_failed_is_launched_again(play: Stage) -> None:
    run = play.plan_run(two_waves(), {"cleanup": "keep"}).approve_everything()
    assert run.go() == "failed"
    assert run.outline().waves == {"first": "COMPLETED", "second": "FAILED"}
    assert run.record["status"] == "PARTIAL"
    first_end = run.record["endTime"]

    run.clear("wave_2_second")
    assert run.go() == "success"
    record = run.record
    assert record["status"] == "COMPLETED"
    assert [row["status"] for row in record["attempts"]] == ["PARTIAL", "COMPLETED"]
    assert record["attempts"][0]["endTime"] == first_end
    assert record["attempts"][0]["reportUri"] != record["attempts"][1]["reportUri"]
    assert play.launched_servers() == [WIKI[0], WIKI[1], WIKI[1]]
    (row,) = run.wave("second", record)["serverStatuses"]
    assert row["launchStatus"] == "LAUNCHED"
