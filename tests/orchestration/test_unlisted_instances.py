"""An instance that a failed launch leaves in EC2, and that DRS does not list, is named and never touched (trap 8, 36)."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import ACCOUNT, REGION, Stage
from tests.harness.worlds import NETWORK, world
from tests.operators.test_degraded import SENT, notification
from tests.orchestration.test_review_cleanup import deny

CLEANUP = keys.CLEANUP_DRILL
LAUNCHED, LEFT = WIKI
REMEDY = "terminate them in EC2"


def denied(*actions: str, **special: Any) -> dict[str, Any]:
    """Return a world whose caller lacks rights; only the second wiki server has several disks."""
    region = {"servers": ["all"], "networks": {"drill": NETWORK}}
    servers = {LAUNCHED: {"disks": [8]}, LEFT: {"disks": [8, 100], **special}}
    return world(servers, accounts={ACCOUNT: {"regions": {REGION: region}, "deny": list(actions)}})


pytestmark = pytest.mark.drs_scenario(denied("ec2:DetachVolume"))


def drill(play: Stage, **fields: Any) -> PlanRun:
    return play.plan_run(plan(**fields), {"preflight": "warn"}).approve_everything()


def alive(play: Stage) -> str:
    (instance,) = [key for key, state in play.instances().items() if state != "terminated"]
    return instance


def is_named(run: PlanRun, instance: str, status: str = "FAILED") -> None:
    for record in (run.record, run.stored):
        assert record["status"] == status
        assert record["cleanup"]["action"] == "incomplete"
        (row,) = record["cleanup"]["left"]
        assert row["instances"] == [instance]
        for text in (row["why"], record["errorMessage"]):
            assert instance in text
            assert REMEDY in text


def test_trap_08_a_drill_names_what_its_failed_launch_left(play: Stage) -> None:
    run = drill(play, notifications=[notification("RecordingNotifier", ["finished"], channel="ops")])
    SENT.clear()
    assert run.go() == "failed"
    left = alive(play)
    is_named(run, left)
    assert run.states[CLEANUP] == "failed"
    assert len(play.instances()) == 2
    assert left in SENT[-1]["summary"]
    # DRS's own way is the only one, and it does not know this instance.
    assert play.simulator.calls("TerminateInstances") == []
    (terminate,) = play.jobs("TERMINATE")

    play.simulator.client("ec2").terminate_instances(InstanceIds=[left])
    run.clear(CLEANUP)
    run.go()
    assert run.record["cleanup"]["action"] == "terminated"
    assert "left" not in run.record["cleanup"]
