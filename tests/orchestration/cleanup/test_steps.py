"""A drill's cleanup leaves nothing alive without telling, whatever happened just before it."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.orchestration.launch.start import Start
from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage
from tests.harness.worlds import world

START = "wave_1_everything.start_recovery"
WAIT = "wave_1_everything.wait_for_recovery"
LATE = world(visibility_delay_seconds=100)


def terminated(play: Stage, **place: str) -> bool:
    return set(play.instances(**place).values()) == {"terminated"}


@pytest.mark.drs_scenario(LATE)
def test_trap_15_stopped_between_the_call_and_its_answer(play: Stage) -> None:
    play.kill_worker("StartRecovery", after=True)
    run = play.plan_run(plan()).approve_everything()
    run.when(START, "up_for_retry", run.mark_failed)
    assert run.go() == "failed"
    assert run.record["status"] == "CANCELLED"
    assert len(play.instances()) == 2
    assert terminated(play)


@pytest.mark.drs_scenario(LATE)
def test_trap_15_stopped_before_the_job_shows(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(START, "success", run.mark_failed)
    assert run.go() == "failed"
    assert len(play.instances()) == 2
    assert terminated(play)


def test_trap_15_a_task_that_was_stopped_calls_no_more(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process lives on until its next heartbeat, and the cleanup runs beside it."""
    run = play.plan_run(plan()).approve_everything()
    intend = Start._intend

    def stopped_after(start: Start, servers: tuple[str, ...]) -> Any:
        intent = intend(start, servers)
        run.mark_failed()
        run.rows[START].tries_left = 0
        return intent

    monkeypatch.setattr(Start, "_intend", stopped_after)
    assert run.go() == "failed"
    assert play.simulator.calls("StartRecovery") == []
    assert run.record["status"] == "CANCELLED"
    assert run.xcom(START, "failure") is None


def deny(play: Stage, operation: str, **where: str) -> None:
    play.simulator.inject(
        operation,
        kind="error",
        code="AccessDeniedException" if where.get("service") != "ec2" else "UnauthorizedOperation",
        message=f"not authorized to perform {operation}",
        status=403,
        **where,
    )


@pytest.mark.drs_scenario("shop_two_regions")
def test_what_is_wrong_in_one_account_leaves_nothing_alive_in_another(play: Stage) -> None:
    run = play.plan_run("shop_two_regions").approve_everything()
    run.when("hold_drill", "success", lambda: deny(play, "*", account="111122223333", region="eu-west-1"))
    assert run.go() == "failed"
    assert terminated(play, account="222233334444", region="eu-central-1")
    message = run.failure("cleanup_drill")
    assert "111122223333" in message
    assert "not authorized" in message
    assert "222233334444" not in message


def test_trap_39_without_ec2_nobody_knows_what_existed_before_and_nothing_is_terminated(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: deny(play, "DescribeInstances", service="ec2"))
    run.when("cleanup_drill", "failed", play.simulator.clear_faults)
    assert run.go() == "failed"
    assert not play.simulator.calls("TerminateRecoveryInstances")
    assert "DescribeInstances" in run.failure("cleanup_drill")
    run.clear("cleanup_drill")
    assert run.go() == "success"
    assert terminated(play)


def test_an_instance_that_drs_does_not_list_yet_is_waited_for(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play.plan_run(plan()).approve_everything()
    listed, hidden = DrsApi.recovery_instances, 3

    def late(api: DrsApi, *args: Any, **kwargs: Any) -> Any:
        nonlocal hidden
        if run.running == "cleanup_drill" and hidden:
            hidden -= 1
            return []
        return listed(api, *args, **kwargs)

    monkeypatch.setattr(DrsApi, "recovery_instances", late)
    assert run.go() == "success"
    assert terminated(play)
    assert run.record["cleanup"]["terminated"] == sorted(play.instances())


def take_out_of_drs(play: Stage, instance: str) -> None:
    drs = play.simulator.client()
    drs.disconnect_recovery_instance(recoveryInstanceID=instance)
    drs.delete_recovery_instance(recoveryInstanceID=instance)


@pytest.mark.parametrize("by", ["cleanup", "finalize"])
def test_trap_08_what_people_took_out_of_drs_is_left_named_and_not_waited_for(play: Stage, by: str) -> None:
    """DRS does not list it any more, and cannot terminate it: only the job's log tells of it."""
    run = play.plan_run(plan(), step_seconds=60).approve_everything()
    kept: list[str] = []
    begun: list[float] = []

    def take_out() -> None:
        kept.append(min(play.instances()))
        take_out_of_drs(play, kept[0])
        begun.append(play.now())

    run.when("hold_drill", "success", take_out)
    if by == "finalize":
        run.when("cleanup_drill", "deferred", lambda: run.mark_success("cleanup_drill"), after_steps=8)
    assert run.go() == "failed"
    assert play.instances().pop(kept[0]) == "running"
    assert sorted(play.instances().values()) == ["running", "terminated"]
    (row,) = run.stored["cleanup"]["left"]
    assert row["instances"] == kept
    texts = [row["why"], run.stored["errorMessage"]]
    if by == "cleanup":
        assert run.record["cleanup"]["remaining"] == kept
        assert 300 < play.now() - begun[0] < 3600
        texts.append(run.failure("cleanup_drill"))
    for text in texts:
        assert f"DRS does not list them as the drill's: {kept[0]};" in text
        assert "terminate them in EC2 by hand" in text
    assert play.simulator.calls("TerminateInstances", service="ec2") == []
    play.simulator.client("ec2").terminate_instances(InstanceIds=kept)
    run.clear("cleanup_drill")
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"


def test_what_drs_lists_again_within_the_settling_time_is_terminated(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play.plan_run(plan(), step_seconds=60).approve_everything()
    listed, hidden_until = DrsApi.recovery_instances, []

    def late(api: DrsApi, *args: Any, **kwargs: Any) -> Any:
        if run.running == "cleanup_drill" and play.now() < (hidden_until or [play.now() + 280])[0]:
            hidden_until[:] = hidden_until or [play.now() + 280]
            return []
        return listed(api, *args, **kwargs)

    monkeypatch.setattr(DrsApi, "recovery_instances", late)
    assert run.go() == "success"
    assert terminated(play)


def test_a_log_that_cannot_be_read_is_not_needed_where_drs_told_every_instance(play: Stage) -> None:
    """What DRS listed once is remembered, and EC2 proves that it is gone."""
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: deny(play, "DescribeJobLogItems"))
    assert run.go() == "success"
    assert terminated(play)


def test_a_busy_server_of_ours_does_not_keep_the_others_alive(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    drs = play.simulator.client()

    def relaunch() -> None:
        drs.start_recovery(sourceServers=[{"sourceServerID": WIKI[0]}], isDrill=True)

    run.when("hold_drill", "success", relaunch)
    assert run.go() == "success"
    (terminate,) = play.jobs("TERMINATE")
    foreign = next(job for job in play.jobs() if len(job.servers) == 1)
    assert foreign.ended_at is None or terminate.created_at < foreign.ended_at
