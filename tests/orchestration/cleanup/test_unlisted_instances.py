"""What a failed launch leaves in EC2, and DRS does not list, is named and never touched (trap 8, 36)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from drs_provider import keys
from drs_provider.rules.drs.unlisted import JOB_TAG
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import ACCOUNT, REGION, Stage
from tests.harness.worlds import NETWORK, world
from tests.operators.test_degraded import SENT, notification
from tests.orchestration.cleanup.test_pre_provisioned import tag
from tests.orchestration.cleanup.test_steps import deny

CLEANUP = keys.CLEANUP_DRILL
HOLD = keys.HOLD_DRILL
LAUNCHED, LEFT = WIKI
REMEDY = "terminate them in EC2"
OPTIONAL = {"name": "everything", "servers": WIKI, "optional": {"servers": [LEFT]}}


def denied(*actions: str) -> dict[str, Any]:
    """Return a world whose caller lacks rights; only the second wiki server has several disks."""
    region = {"servers": ["all"], "networks": {"drill": NETWORK}}
    servers = {LAUNCHED: {"disks": [8]}, LEFT: {"disks": [8, 100]}}
    return world(servers, accounts={ACCOUNT: {"regions": {REGION: region}, "deny": list(actions)}})


pytestmark = pytest.mark.drs_scenario(denied("ec2:DetachVolume"))


def drill(play: Stage, *waves: dict[str, Any], **conf: Any) -> PlanRun:
    sends = [notification("RecordingNotifier", ["finished"], channel="ops")]
    SENT.clear()
    made = plan(*waves, notifications=sends)
    return play.plan_run(made, {"preflight": "warn", **conf}).approve_everything()


def alive(play: Stage) -> str:
    (instance,) = [key for key, state in play.instances().items() if state != "terminated"]
    return instance


def is_named(play: Stage, run: PlanRun, status: str) -> None:
    """By record, table, report and message alike; and nobody terminated anything but through DRS."""
    left = alive(play)
    assert len(play.instances()) == 2
    for record in (run.record, run.stored):
        assert record["status"] == status
        assert record["cleanup"]["action"] == "incomplete"
        (row,) = record["cleanup"]["left"]
        assert row["instances"] == [left]
        for text in (row["why"], record["errorMessage"]):
            assert left in text
            assert REMEDY in text
    assert left in next(play.reports.rglob("report-*.html")).read_text().split("What went wrong")[1]
    assert left in SENT[-1]["summary"]
    assert play.simulator.calls("TerminateInstances", service="ec2") == []


def test_trap_08_a_drill_names_what_its_failed_launch_left(play: Stage) -> None:
    run = drill(play)
    assert run.go() == "failed"
    assert run.states[CLEANUP] == "failed"
    is_named(play, run, "FAILED")
    left = alive(play)
    assert left in run.wave("everything", run.stored)["serverStatuses"][1]["error"]
    play.simulator.client("ec2").terminate_instances(InstanceIds=[left])
    run.clear(CLEANUP)
    run.go()
    assert run.record["cleanup"]["action"] == "terminated"
    assert REMEDY not in run.record["errorMessage"]


@pytest.mark.drs_scenario(denied("ec2:DeleteVolume"))
def test_trap_08_a_wave_that_is_met_all_the_same_leaves_the_drill_red(play: Stage) -> None:
    """The terminate job fails too: it deletes volumes."""
    run = drill(play, OPTIONAL)
    assert run.go() == "failed"
    assert run.wave("everything", run.stored)["status"] == "COMPLETED"
    assert run.stored["status"] == "PARTIAL"
    (row,) = run.stored["cleanup"]["left"]
    assert row["instances"] == sorted(play.instances())


@pytest.mark.parametrize("by", ["cleanup", "finalize"])
def test_trap_08_an_optional_server_that_was_left_makes_the_run_red(play: Stage, by: str) -> None:
    run = drill(play, OPTIONAL)
    if by == "finalize":
        run.when(CLEANUP, "failed", lambda: run.set_state(CLEANUP, "success"))
    assert run.go() == "failed"
    is_named(play, run, "PARTIAL")


def test_trap_08_finalize_looks_itself_if_the_cleanup_did_not_run(play: Stage) -> None:
    run = drill(play, OPTIONAL)
    run.when(HOLD, "success", lambda: run.set_state(CLEANUP, "success"))
    assert run.go() == "failed"
    (row,) = run.stored["cleanup"]["left"]
    assert row["instances"] == sorted(play.instances())
    assert REMEDY in run.stored["errorMessage"]


def deny_by_job(play: Stage) -> None:
    """Refuse only what asks EC2 for the instances of jobs."""
    deny(play, "DescribeInstances", service="ec2", containing=quote(f"tag:{JOB_TAG}"))


def test_what_ec2_cannot_tell_is_not_taken_for_nothing(play: Stage) -> None:
    run = drill(play, OPTIONAL)
    run.when(HOLD, "success", lambda: deny_by_job(play))
    run.when(CLEANUP, "failed", play.simulator.clear_faults)
    assert run.go() == "failed"
    assert sorted(play.instances().values()) == ["running", "terminated"]
    assert run.stored["cleanup"]["action"] == "incomplete"
    assert "DescribeInstances" in run.stored["errorMessage"]


def test_trap_36_a_recovery_names_it_in_the_servers_error(play: Stage) -> None:
    made = plan()
    run = play.plan_run(made, recovery_of(made, preflight="warn"), user="dr-lead").approve_everything()
    assert run.go() == "failed"
    left = next(
        row["error"]
        for row in run.wave("everything", run.stored)["serverStatuses"]
        if row["sourceServerId"] == LEFT
    )
    (instance,) = [key for key in play.instances() if key in left]
    assert "left in EC2" in left
    assert "ec2:DetachVolume" in left
    assert instance in run.stored["errorMessage"]
    assert set(play.instances().values()) == {"running"}
    assert play.simulator.calls("TerminateInstances", service="ec2") == []


def by_tag(play: Stage, instance: str) -> None:
    tag(play, instance)


def by_setting(play: Stage, instance: str) -> None:
    play.simulator.client().update_launch_configuration(
        sourceServerID=LEFT, launchIntoInstanceProperties={"launchIntoEC2InstanceID": instance}
    )


@pytest.mark.parametrize("marked", [by_tag, by_setting])
def test_trap_39_an_instance_that_existed_before_is_not_named_as_the_drills(
    play: Stage, marked: Callable[[Stage, str], None]
) -> None:
    run = drill(play, OPTIONAL)

    def mark() -> None:
        (known,) = play.simulator.client().describe_recovery_instances()["items"]
        (left,) = play.instances().keys() - {known["ec2InstanceID"]}
        marked(play, left)

    run.when("wave_1_everything.wait_for_recovery", "success", mark)
    assert run.go() == "success"
    assert "left" not in run.stored["cleanup"]


@pytest.mark.drs_scenario(world())
def test_a_drill_whose_servers_were_all_launched_does_not_ask(play: Stage) -> None:
    deny_by_job(play)
    run = play.drill(plan())
    assert run.record["status"] == "COMPLETED"
    assert run.stored["cleanup"]["action"] == "terminated"
    assert "left" not in run.stored["cleanup"]


@pytest.mark.drs_scenario(denied("ec2:RunInstances"))
def test_a_launch_that_ends_without_a_word_hints_at_missing_rights(play: Stage) -> None:
    run = drill(play)
    assert run.go() == "failed"
    assert "docs/iam.md" in run.stored["errorMessage"]
    assert play.instances() == {}
    assert "left" not in run.stored["cleanup"]
