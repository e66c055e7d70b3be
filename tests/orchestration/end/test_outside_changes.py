"""Instances that are replaced or terminated from outside after enrichment are noticed before the end (trap 33, 36)."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.hooks.ec2.ec2_api import Ec2Api
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import world

WAVE = "wave_1_everything"
ENRICH = f"{WAVE}.enrich"
TAGS = {"ExecutionId": "e-other", "ExecutionType": "RECOVERY", "PlanName": "intranet"}

pytestmark = pytest.mark.drs_scenario(world())


def instance(run: PlanRun, server: str, wave: str = WAVE) -> str:
    rows = run.xcom(f"{wave}.enrich", keys.WAVE_RESULT)["serverStatuses"]
    return str(next(row["instanceId"] for row in rows if row["sourceServerId"] == server))


def terminate(play: Stage, *instances: str) -> None:
    """Terminate in EC2, as somebody in the console does."""
    play.simulator.client("ec2").terminate_instances(InstanceIds=list(instances))


def launch(play: Stage, *servers: str, **fields: Any) -> str:
    """Launch again from outside, to the end; DRS replaces the instances."""
    chosen = [{"sourceServerID": server} for server in servers]
    job = play.simulator.client("drs").start_recovery(sourceServers=chosen, isDrill=True, **fields)["job"]
    play.simulator.advance(3600)
    return str(job["jobID"])


def drilled(play: Stage, given: Any = None, **conf: Any) -> PlanRun:
    return play.plan_run(given or plan(), conf).approve_everything()


def row(run: PlanRun, server: str, wave: str = "everything") -> dict[str, Any]:
    return next(item for item in run.wave(wave)["serverStatuses"] if item["sourceServerId"] == server)


def test_trap_33_a_drill_whose_instances_were_replaced_while_it_was_held_is_not_passed(play: Stage) -> None:
    run = drilled(play)
    began: list[str] = []
    run.when(keys.HOLD_DRILL, "deferred", lambda: began.append(launch(play, *WIKI, tags=TAGS)))
    assert run.go() == "failed"
    (job,) = began
    told = f"was replaced: job {job} of RECOVERY of intranet (execution e-other) launched the server again at"
    assert run.outline().status == "FAILED"
    assert run.outline().waves == {"everything": "FAILED"}
    assert told in run.outline().error
    for server in WIKI:
        assert told in row(run, server)["error"]
        assert instance(run, server) in row(run, server)["error"]
    verdict = run.record["verdict"]
    assert (verdict["result"], verdict["by"]) == ("not verified", "dr-approver-1")
    assert "The answer was passed" in verdict["notes"]
    assert run.xcom(keys.HOLD_DRILL, keys.GATE_DECISION)["payload"]["verdict"]["result"] == "not verified"
    assert run.stored["status"] == "FAILED"
    assert run.stored["verdict"] == verdict
    assert play.events("instancesLost")
    there = [state for state in play.instances().values() if state == "running"]
    assert len(there) == len(WIKI), "the other one's instances are not touched"


@pytest.mark.drs_scenario(world({WIKI[0]: {}}))
def test_trap_36_one_instance_that_was_terminated_fails_its_server_with_ec2_s_reason(play: Stage) -> None:
    given = plan(
        {"name": "everything", "servers": WIKI, "optional": {"servers": [WIKI[0]]}},
    )
    run = drilled(play, given)
    run.when(keys.HOLD_DRILL, "deferred", lambda: terminate(play, instance(run, WIKI[0])))
    assert run.go() == "success", run.outline()
    assert run.outline().status == "PARTIAL", "the wave's criteria are met: every critical server is there"
    lost = row(run, WIKI[0])
    assert f"{instance(run, WIKI[0])} was terminated from outside" in lost["error"]
    assert "error" not in row(run, WIKI[1])
    assert run.record["verdict"]["result"] == "not verified"


def test_trap_36_a_loss_between_verdict_and_cleanup_is_noticed_by_the_cleanup(play: Stage) -> None:
    run = drilled(play)
    run.when(keys.HOLD_DRILL, "success", lambda: terminate(play, instance(run, WIKI[0])))
    assert run.go() == "failed"
    assert run.xcom(keys.HOLD_DRILL, keys.GATE_DECISION)["payload"]["verdict"]["result"] == "passed"
    assert run.outline().status == "FAILED"
    assert "terminated from outside" in row(run, WIKI[0])["error"]
    assert "error" not in row(run, WIKI[1]), "what the cleanup itself terminates is not lost"
    assert run.record["verdict"]["result"] == "not verified"


@pytest.mark.parametrize("keep", [False, True], ids=["a RECOVERY", "a drill that keeps its instances"])
def test_trap_36_finalize_notices_what_no_cleanup_looks_at(play: Stage, keep: bool) -> None:
    given = two_waves()
    conf = {"cleanup": "keep"} if keep else recovery_of(given)
    run = drilled(play, given, **conf)
    run.when(
        "wave_2_second.enrich", "success", lambda: terminate(play, instance(run, WIKI[0], "wave_1_first"))
    )
    assert run.go() == "failed"
    assert run.outline().status == "PARTIAL"
    assert run.outline().waves == {"first": "FAILED", "second": "COMPLETED"}
    assert "terminated from outside" in run.outline().error


def test_trap_36_a_later_attempt_sees_what_was_lost_of_the_one_before(play: Stage) -> None:
    given = two_waves()
    run = drilled(play, given, **recovery_of(given))
    run.when("wave_2_second.wait_for_recovery", "deferred", lambda: run.mark_success("wave_2_second.enrich"))
    run.go()
    assert run.outline().waves == {"first": "COMPLETED", "second": "FAILED"}
    terminate(play, instance(run, WIKI[0], "wave_1_first"))
    run.clear("wave_2_second")
    assert run.go() == "failed"
    assert run.outline().waves == {"first": "FAILED", "second": "COMPLETED"}
    assert run.stored["attempts"][0]["status"] == "PARTIAL"


@pytest.mark.parametrize(
    "cleared", [keys.CLEANUP_DRILL, keys.FINALIZE, WAVE], ids=["cleanup", "finalize", "the wave"]
)
def test_what_a_cleanup_terminated_is_not_lost_whatever_is_cleared_later(play: Stage, cleared: str) -> None:
    run = drilled(play)
    assert run.go() == "success"
    assert run.outline().status == "COMPLETED"
    run.clear(cleared)
    assert run.go() == "success", run.outline()
    assert run.outline().status == "COMPLETED"
    assert run.record["attempt"] == 2
    assert play.events("instancesLost") == []


def test_a_verdict_that_is_given_again_after_the_cleanup_blames_nobody(play: Stage) -> None:
    """What the drill's own cleanup has terminated was there when people tested it."""
    run = drilled(play)
    assert run.go() == "success"
    run.clear(keys.HOLD_DRILL)
    assert run.go() == "success", run.outline()
    told = run.xcom(keys.HOLD_DRILL, keys.GATE_DECISION)["payload"]["verdict"]
    for verdict in (told, run.record["verdict"]):
        assert (verdict["result"], verdict.get("notes")) == ("passed", None)
    assert play.events("instancesLost") == []


def test_a_cleanup_whose_worker_dies_after_it_terminated_blames_nobody(play: Stage) -> None:
    play.kill_worker("TerminateRecoveryInstances", after=True)
    run = drilled(play)
    assert run.go() == "success", run.outline()
    assert run.outline().status == "COMPLETED"
    assert play.events("instancesLost") == []


def test_trap_37_what_the_cleanup_saw_cannot_be_forged(play: Stage) -> None:
    run = drilled(play)

    def forge() -> None:
        stored = run.xcom(keys.PREPARE, keys.INSTANCES_SEEN)
        lost = stored["lost"]
        run.xcoms.set(
            keys.PREPARE, keys.INSTANCES_SEEN, {**stored, "there": [*stored["there"], *lost], "lost": {}}
        )

    run.when(keys.HOLD_DRILL, "success", lambda: terminate(play, instance(run, WIKI[0])))
    run.when(keys.CLEANUP_DRILL, "success", forge)
    assert run.go() == "failed"
    assert run.outline().waves == {"everything": "FAILED"}
    assert "evidence 'instances_seen' does not verify" in run.outline().error
    for server in WIKI:
        told = f"{instance(run, server)} was there when the cleanup began is not known"
        assert told in row(run, server)["error"]


def spoil(run: PlanRun, task_id: str, key: str) -> None:
    run.xcoms.set(task_id, key, {**run.xcom(task_id, key), "forged": True})


def test_trap_37_what_the_cleanup_saw_is_no_ground_once_it_was_changed(play: Stage) -> None:
    """The drill's own cleanup terminated the instances: nobody says that it was done from outside."""
    run = drilled(play)
    run.when(keys.CLEANUP_DRILL, "success", lambda: spoil(run, keys.PREPARE, keys.INSTANCES_SEEN))
    assert run.go() == "failed"
    assert run.outline().status == "FAILED"
    for record in (run.record, run.stored):
        assert "from outside" not in str(record)
        assert "evidence 'instances_seen' does not verify" in record["errorMessage"]
        assert record["verdict"]["result"] == "not verified"
        assert "instances_seen" in record["verdict"]["notes"]
    for server in WIKI:
        told = f"{instance(run, server)} was there when the cleanup began is not known"
        assert told in row(run, server)["error"]
    assert play.events("instancesLost") == []


def test_trap_37_a_changed_report_of_the_cleanup_takes_nothing_from_what_it_saw(play: Stage) -> None:
    run = drilled(play)
    run.when(keys.CLEANUP_DRILL, "success", lambda: spoil(run, keys.CLEANUP_DRILL, keys.CLEANUP))
    assert run.go() == "failed"
    assert run.outline().waves == {"everything": "COMPLETED"}
    assert "from outside" not in str(run.record)
    assert "evidence 'cleanup_report' does not verify" in run.outline().error


@pytest.mark.parametrize("intact", [True, False])
def test_without_what_it_saw_the_cleanups_report_tells_what_was_there(play: Stage, intact: bool) -> None:
    """Of a cleanup that an earlier version began."""
    run = drilled(play)

    def forget() -> None:
        run.xcoms.set(keys.PREPARE, keys.INSTANCES_SEEN, None)
        if not intact:
            spoil(run, keys.CLEANUP_DRILL, keys.CLEANUP)

    run.when(keys.CLEANUP_DRILL, "success", forget)
    assert run.go() == ("success" if intact else "failed")
    assert "from outside" not in str(run.record)
    assert run.outline().status == ("COMPLETED" if intact else "FAILED")


def test_an_ec2_that_cannot_answer_is_flagged_and_nothing_is_invented(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = plan()
    run = drilled(play, given, **recovery_of(given))

    def unanswered(*_: Any) -> Any:
        raise AWS_ERRORS[0]

    run.when(ENRICH, "success", lambda: monkeypatch.setattr(Ec2Api, "instances", unanswered))
    assert run.go() == "success"
    assert run.outline().status == "COMPLETED"
    assert run.wave("everything")["enrichmentIncomplete"] is True


def test_an_ec2_that_cannot_answer_a_verdict_is_told_with_it(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = drilled(play)

    def unanswered(*_: Any) -> Any:
        raise AWS_ERRORS[0]

    with monkeypatch.context() as broken:
        run.when(
            keys.HOLD_DRILL,
            "deferred",
            lambda: broken.setattr(Ec2Api, "instances", unanswered),
        )
        run.when(keys.HOLD_DRILL, "success", broken.undo)
        assert run.go() == "success"
    assert run.record["verdict"]["result"] == "passed"
    assert "could not be asked" in run.record["verdict"]["unchecked"]
