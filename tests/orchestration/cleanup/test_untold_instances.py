"""A server that is LAUNCHED without a word of its instance counts as having one (trap 8, 33)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.rules.drs.unlisted import JOB_TAG
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.worlds import ALWAYS, ONCE, world
from tests.orchestration.cleanup.test_steps import deny

CLEANUP = keys.CLEANUP_DRILL
HOLD = keys.HOLD_DRILL
WAVE = "wave_1_everything"
WAIT = f"{WAVE}.wait_for_recovery"
TOLD, UNTOLD = WIKI
OPTIONAL = {"name": "everything", "servers": WIKI, "optional": {"servers": [UNTOLD]}}

pytestmark = pytest.mark.drs_scenario(world({UNTOLD: {"untold": True}}))


def drill(play: Stage, **conf: Any) -> PlanRun:
    return play.plan_run(plan(OPTIONAL), conf).approve_everything()


def untold(play: Stage) -> str:
    """Return the instance that EC2 has and that DRS does not list."""
    listed = {row["ec2InstanceID"] for row in play.simulator.client().describe_recovery_instances()["items"]}
    there = {key for key, state in play.instances().items() if state != "terminated"}
    (instance,) = there - listed
    return instance


def untag(play: Stage) -> None:
    play.simulator.client("ec2").delete_tags(Resources=sorted(play.instances()), Tags=[{"Key": JOB_TAG}])


def silent(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no log tell an instance from now on: recorded by nobody, but DRS promises nothing."""
    read = DrsApi.job_log

    def told(api: DrsApi, job_id: str) -> list[dict[str, Any]]:
        rows = read(api, job_id)
        for row in rows:
            row.get("eventData", {}).pop("targetInstanceID", None)
        return rows

    monkeypatch.setattr(DrsApi, "job_log", told)


def terminated(play: Stage, but: Iterable[str] = ()) -> bool:
    return {state for key, state in play.instances().items() if key not in but} <= {"terminated"}


def test_trap_08_what_only_ec2_s_tags_tell_is_named_and_not_touched(play: Stage) -> None:
    run = drill(play)
    assert run.go() == "failed"
    left = untold(play)
    assert terminated(play, but=[left])
    (row,) = run.stored["cleanup"]["left"]
    assert row["instances"] == [left]
    for text in (run.failure(CLEANUP), run.stored["errorMessage"], row["why"]):
        assert left in text
        assert "terminate them in EC2" in text
    assert run.stored["status"] == "PARTIAL"
    error = run.wave("everything", run.stored)["serverStatuses"][1]["error"]
    assert left in error
    assert play.simulator.calls("TerminateInstances", service="ec2") == []
    play.simulator.client("ec2").terminate_instances(InstanceIds=[left])
    play.simulator.advance(7200)  # EC2 forgets it
    run.clear(CLEANUP)
    run.go()
    assert run.stored["cleanup"]["action"] == "terminated"


def test_trap_08_what_nothing_tells_is_named_and_the_drill_is_not_green(play: Stage) -> None:
    run = drill(play)
    began: list[float] = []

    def begin() -> None:
        untag(play)
        began.append(play.now())

    run.when(HOLD, "success", begin)
    assert run.go() == "failed"
    assert play.now() - began[0] < 3600, "it does not hang"
    (row,) = run.stored["cleanup"]["left"]
    (job,) = play.jobs()
    for text in (run.failure(CLEANUP), run.stored["errorMessage"], row["why"]):
        assert f"{UNTOLD} (job {job.job_id})" in text
        assert TOLD not in text
    assert terminated(play, but=[untold(play)])
    assert run.stored["cleanup"]["action"] == "incomplete"


def test_trap_08_finalize_does_not_take_it_for_nothing_either(play: Stage) -> None:
    run = drill(play)
    run.when(HOLD, "success", lambda: (untag(play), run.set_state(CLEANUP, "success")))
    assert run.go() == "failed"
    (row,) = run.stored["cleanup"]["left"]
    assert UNTOLD in row["why"]


@pytest.mark.drs_scenario(world())
def test_an_instance_that_drs_lists_late_is_waited_for(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    silent(play, monkeypatch)
    listed, hidden = DrsApi.recovery_instances, 3

    def late(api: DrsApi, *args: Any, **kwargs: Any) -> Any:
        nonlocal hidden
        if run.running == CLEANUP and hidden:
            hidden -= 1
            return []
        return listed(api, *args, **kwargs)

    monkeypatch.setattr(DrsApi, "recovery_instances", late)
    run = drill(play)
    assert run.go() == "success"
    assert terminated(play)


@pytest.mark.drs_scenario(world())
@pytest.mark.parametrize("dies", [False, True], ids=["straight on", "its worker dies"])
def test_what_the_cleanup_terminated_is_no_false_alarm_when_drs_and_ec2_forget_it(
    play: Stage, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    silent(play, monkeypatch)
    run = drill(play)
    run.when(HOLD, "success", lambda: untag(play))
    if dies:
        play.kill_worker("TerminateRecoveryInstances", after=True)
    run.when(CLEANUP, "up_for_retry" if dies else "deferred", lambda: play.simulator.advance(7200))
    assert run.go() == "success", run.outline()
    assert run.stored["status"] == "COMPLETED"
    assert "left" not in run.stored["cleanup"]
    run.clear(CLEANUP)
    assert run.go() == "success"


@pytest.mark.parametrize("tags", [True, False], ids=["tags tell it", "nothing tells it"])
def test_trap_33_it_is_not_launched_again_while_it_may_run(play: Stage, tags: bool) -> None:
    made = plan(OPTIONAL)
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    run.go()
    before = play.instances()
    if not tags:
        untag(play)
    run.clear(WAVE)
    run.go()
    assert len(play.simulator.calls("StartRecovery")) == 1
    assert play.instances() == before
    error = run.wave("everything", run.stored)["serverStatuses"][1]["error"]
    assert "does not launch the server again" in error


def test_an_instance_that_tags_tell_and_that_is_gone_is_launched_again(play: Stage) -> None:
    made = plan(OPTIONAL)
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    run.go()
    play.simulator.client("ec2").terminate_instances(InstanceIds=[untold(play)])
    run.clear(WAVE)
    run.go()
    assert play.launched_servers() == [TOLD, UNTOLD, UNTOLD]


def test_trap_33_without_an_answer_of_ec2_s_tags_nothing_is_started(play: Stage) -> None:
    made = plan(OPTIONAL)
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    run.go()
    deny(play, "DescribeInstances", service="ec2")
    run.clear(WAVE)
    assert run.go() == "failed"
    assert len(play.simulator.calls("StartRecovery")) == 1


@pytest.mark.drs_scenario(world({TOLD: {"fail": ONCE}, UNTOLD: {"untold": True}}))
def test_a_server_beside_it_that_failed_is_launched_again(play: Stage) -> None:
    made = plan(OPTIONAL)
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    assert run.go() == "failed"
    run.clear(WAVE)
    run.go()
    assert play.launched_servers() == [TOLD, TOLD, UNTOLD]
    assert run.stored["status"] == "PARTIAL"


@pytest.mark.drs_scenario(world({UNTOLD: {"fail": ALWAYS}}))
def test_a_drill_that_was_cleaned_up_is_launched_again_though_no_log_tells(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent(play, monkeypatch)
    run = drill(play)
    run.when(HOLD, "success", lambda: untag(play))
    run.go()
    assert run.stored["cleanup"]["action"] == "terminated"
    run.clear(keys.PREPARE)
    run.go()
    assert play.launched_servers() == [TOLD, TOLD, UNTOLD, UNTOLD]
    assert terminated(play)
