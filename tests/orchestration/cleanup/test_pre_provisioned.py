"""An instance that existed before a drill is neither overwritten nor terminated, whatever is set when (trap 39)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.sweeps import Sweeps, sweeps
from tests.harness.worlds import world
from tests.orchestration.sweep.test_instances import OLD, alive, kinds, left_behind

__all__ = ["sweeps"]

CLEANUP = "cleanup_drill"
START = "wave_1_everything.start_recovery"


def instance_of(play: Stage, server: str) -> str:
    (row,) = play.simulator.client().describe_recovery_instances(filters={"sourceServerIDs": [server]})[
        "items"
    ]
    return str(row["recoveryInstanceID"])


def set_into(play: Stage, server: str, instance: str) -> None:
    """Set the instance that a server is launched into; an empty text is none."""
    properties = {"launchIntoEC2InstanceID": instance} if instance else {}
    play.simulator.client().update_launch_configuration(
        sourceServerID=server, launchIntoInstanceProperties=properties
    )


def tag(play: Stage, instance: str) -> None:
    tags = [{"Key": "AWSDRS", "Value": "AllowLaunchingIntoThisInstance"}]
    play.simulator.client("ec2").create_tags(Resources=[instance], Tags=tags)


def unreadable(play: Stage, *, times: int | None = None, **error: Any) -> None:
    fields = {"code": "AccessDeniedException", "message": "not authorized", "status": 403, **error}
    play.simulator.inject("GetLaunchConfiguration", kind="error", times=times, **fields)


def kept_is_told(play: Stage, run: Any, kept: str) -> None:
    states = play.instances()
    assert states.pop(kept) == "running"
    assert list(states.values()) == ["terminated"]
    message = run.failure(CLEANUP)
    assert f"pre-provisioned instances {kept}" in message
    assert "by hand" in message
    report = run.record["cleanup"]
    assert report["action"] == "incomplete"
    assert report["preProvisioned"] == [kept]
    assert report["terminated"] == list(states)
    assert report["remaining"] == []


@pytest.mark.parametrize("by", ["setting", "tag"])
def test_trap_39_an_instance_that_was_launched_into_is_not_terminated(play: Stage, by: str) -> None:
    """By the tag alone: the setting was changed after the launch."""
    run = play.plan_run(plan()).approve_everything()

    def mark() -> None:
        kept = instance_of(play, WIKI[0])
        set_into(play, WIKI[0], kept) if by == "setting" else tag(play, kept)

    run.when("hold_drill", "success", mark)
    assert run.go() == "failed"
    kept_is_told(play, run, instance_of(play, WIKI[0]))


def test_trap_39_the_setting_of_another_server_counts_too(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: set_into(play, WIKI[1], instance_of(play, WIKI[0])))
    assert run.go() == "failed"
    kept_is_told(play, run, instance_of(play, WIKI[0]))


def test_trap_39_what_was_kept_once_is_kept_until_people_took_it_out_of_drs(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: set_into(play, WIKI[0], instance_of(play, WIKI[0])))
    assert run.go() == "failed"
    kept, drs = instance_of(play, WIKI[0]), play.simulator.client()
    set_into(play, WIKI[0], "")
    run.clear(CLEANUP)
    assert run.go() == "failed"
    assert play.instances()[kept] == "running"
    drs.disconnect_recovery_instance(recoveryInstanceID=kept)
    drs.delete_recovery_instance(recoveryInstanceID=kept)
    run.clear(CLEANUP)
    assert run.go() == "success"
    assert play.instances()[kept] == "running"
    assert run.record["cleanup"]["preProvisioned"] == [kept]


def test_trap_39_without_the_launch_configuration_nothing_of_the_server_is_terminated(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: unreadable(play))
    run.when(CLEANUP, "failed", play.simulator.clear_faults)
    assert run.go() == "failed"
    assert set(play.instances().values()) == {"running"}
    assert run.record["cleanup"]["remaining"] == sorted(play.instances())
    message = run.failure(CLEANUP)
    assert f"launch configuration of {WIKI[0]}" in message
    assert "GetLaunchConfiguration was denied" in message
    run.clear(CLEANUP)
    assert run.go() == "success"
    assert set(play.instances().values()) == {"terminated"}


def test_one_launch_configuration_that_cannot_be_read_keeps_no_other_instance_alive(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: unreadable(play, times=1))
    assert run.go() == "success"
    assert set(play.instances().values()) == {"terminated"}
    assert len(play.jobs("TERMINATE")) == 2


def test_a_launch_configuration_that_cannot_be_read_now_is_read_later(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    fault = {"code": "InternalServerException", "message": "try again", "status": 500}
    # More than botocore's own attempts for both servers.
    run.when("hold_drill", "success", lambda: unreadable(play, times=30, **fault))
    assert run.go() == "success"
    assert set(play.instances().values()) == {"terminated"}


def test_trap_39_a_sweep_tells_an_instance_by_its_tag(play: Stage, sweeps: Sweeps) -> None:
    left_behind(play, sweeps)
    tag(play, instance_of(play, WIKI[0]))
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("pre-provisioned instance", "left"), ("outlived drill instance", "left")}
    assert len(alive(play)) == 2


PREPARED = world({WIKI[0]: {"launch": {"into_instance": True}}})


@pytest.mark.drs_scenario(PREPARED)
def test_trap_39_a_drill_does_not_launch_into_what_was_set_behind_preflight(play: Stage) -> None:
    drs = play.simulator.client()
    configuration = drs.get_launch_configuration(sourceServerID=WIKI[0])
    prepared = configuration["launchIntoInstanceProperties"]["launchIntoEC2InstanceID"]
    set_into(play, WIKI[0], "")
    run = play.plan_run(plan()).approve_everything()
    run.when("prepare", "success", lambda: set_into(play, WIKI[0], prepared))
    assert run.go() == "failed"
    assert play.simulator.calls("StartRecovery") == []
    assert play.instances() == {prepared: "stopped"}
    message = run.failure(START)
    assert WIKI[0] in message
    assert prepared in message
    assert "launch settings" in message


@pytest.mark.drs_scenario(PREPARED)
def test_a_recovery_launches_into_its_instance(play: Stage) -> None:
    made = plan({"name": "everything", "servers": WIKI[:1]})
    run = play.plan_run(made, recovery_of(made)).approve_everything()
    assert run.go() == "success"
    assert list(play.instances().values()) == ["running"]


def test_a_drill_that_cannot_look_before_its_launch_does_not_start(play: Stage) -> None:
    run = play.plan_run(plan(), {"preflight": "warn"}).approve_everything()
    run.when("prepare", "success", lambda: unreadable(play))
    assert run.go() == "failed"
    assert play.simulator.calls("StartRecovery") == []
    assert "GetLaunchConfiguration was denied" in run.failure(START)
