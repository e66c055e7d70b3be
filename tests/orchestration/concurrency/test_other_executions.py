"""Two executions on the same servers, also where no plan file is shared: real tasks, one simulator (trap 40)."""

from __future__ import annotations

from pathlib import Path

import pytest

from drs_provider import keys
from drs_provider.preflight.catalog import KINDS
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.worlds import world

pytestmark = pytest.mark.drs_scenario("three_tier")

WAVE = "wave_1_everything"
PLAN = plan()
HELD = plan(drill={"hold": {"timeout_minutes": 240, "on_timeout": "cleanup"}})


def registered(play: Stage) -> list[str]:
    """Return the Variables that say whose runs may hold servers; a plan has others."""
    return sorted(name for name in play.variables if name.startswith("drs_executions_of__"))


def test_trap_40_a_refused_recovery_is_told_of_preempt_drill(play: Stage) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    real = play.plan_run(PLAN, recovery_of(PLAN), run_id="real").approve_everything()
    drill.when("gate_1", "success", real.go)
    assert drill.go() == "success"
    assert drill.record["status"] == "COMPLETED"
    assert "DRILL of small (run rehearsal, started by dr-operator)" in real.outline().error
    assert "or start this RECOVERY with preempt_drill" in real.outline().error


@pytest.mark.parametrize("preempt", [False, True])
def test_trap_40_a_dry_run_tells_of_others_and_touches_nothing(play: Stage, preempt: bool) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    conf = recovery_of(PLAN, dry_run=True, preempt_drill=preempt)
    look = play.plan_run(PLAN, conf, run_id="look").approve_everything()
    drill.when("gate_1", "success", look.go)
    assert drill.go() == "success"
    assert drill.record["status"] == "COMPLETED"
    assert look.state == "success"
    assert look.xcom(keys.PREPARE, keys.CLAIM) is None
    report = look.xcom(keys.PREPARE, keys.PREFLIGHT)
    found = [item for item in report["findings"] if item["code"] == "other_execution"]
    assert [item["severity"] for item in found] == [KINDS["other_execution"].recovery[0]]
    assert "DRILL of small (run rehearsal" in found[0]["message"]
    assert ("preempt_drill cancels it" in found[0]["message"]) is preempt
    assert sorted(server["sourceServerId"] for server in found[0]["servers"]) == sorted(WIKI)


@pytest.mark.drs_scenario(world(quotas={"vcpus": 1}))
def test_a_dry_run_beside_another_execution_says_who_overrode_what(play: Stage) -> None:
    warn = {"preflight": "warn"}
    drill = play.plan_run(PLAN, warn, run_id="rehearsal").approve_everything()
    look = play.plan_run(PLAN, {"dry_run": True, **warn}, run_id="look", user="dr-lead")
    drill.when("gate_1", "success", look.go)
    drill.go()
    report = look.xcom(keys.PREPARE, keys.PREFLIGHT)
    assert "other_execution" in {item["code"] for item in report["findings"]}
    assert report["overriddenBy"] == "dr-lead"


def test_trap_40_a_retry_of_an_ended_run_is_refused_while_another_one_is_at_work(play: Stage) -> None:
    first = play.drill(PLAN, run_id="first")
    second = play.plan_run(PLAN, run_id="second").approve_everything()

    def again() -> None:
        first.clear(WAVE)
        first.go()

    second.when("gate_1", "success", again)
    assert second.go() == "success"
    assert "attempt 2 is refused" in first.failure(f"{WAVE}.start_recovery")
    assert "run second" in first.outline().error


def test_trap_40_a_prepare_that_is_tried_again_claims_again(play: Stage) -> None:
    run = play.plan_run(PLAN, run_id="first").approve_everything()
    run.when("gate_1", "success", lambda: run.clear(keys.PREPARE))
    other = play.plan_run(PLAN, run_id="second").approve_everything()
    run.when(f"{WAVE}.wait_for_recovery", "deferred", other.go)
    assert run.go() == "success"
    assert "run first" in other.outline().error


OTHER = plan({"name": "everything", "servers": WIKI}, name="other")


def withdraw(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let workers have folders of their own: no plan in them, and nothing that is remembered of plans."""
    patch.setenv("AIRFLOW__DRS__STATE_PATH", str(folder / "state"))
    patch.setenv("AIRFLOW__DRS__PLANS_FOLDER", str(folder / "plans"))


@pytest.mark.parametrize("real", [False, True], ids=["a DRILL", "a RECOVERY"])
def test_trap_34_trap_40_a_held_drill_whose_plan_no_worker_knows_is_seen_by_another_plan(
    play: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real: bool
) -> None:
    drill = play.plan_run(HELD, run_id="rehearsal").approve_everything()
    other = play.plan_run(OTHER, recovery_of(OTHER) if real else {}, run_id="late").approve_everything()

    def begin() -> None:
        withdraw(monkeypatch, tmp_path / "elsewhere")
        other.go()

    drill.when(keys.HOLD_DRILL, "deferred", begin)
    assert drill.go() == "success"
    assert "DRILL of small (run rehearsal, started by dr-operator) waits for people at hold_drill" in (
        other.outline().error
    )
    assert drill.record["status"] == "COMPLETED"
    assert play.launched_servers() == sorted(WIKI), "the other one launched nothing"


def test_trap_40_a_dry_run_sees_a_drill_whose_plan_no_worker_knows(
    play: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    look = play.plan_run(OTHER, {"dry_run": True}, run_id="look").approve_everything()
    withdraw(monkeypatch, tmp_path / "elsewhere")
    drill.when("gate_1", "success", look.go)
    drill.go()
    found = look.xcom(keys.PREPARE, keys.PREFLIGHT)["findings"]
    subjects = [item["subject"] for item in found if item["code"] == "other_execution"]
    assert subjects == ["run rehearsal of drs_small"]
    assert registered(play) == ["drs_executions_of__drs_small"], "a look registers nothing"


def test_trap_40_a_registration_that_was_deleted_is_made_again_before_the_start(play: Stage) -> None:
    """Whoever began meanwhile did not see the drill: now the drill sees it, and launches nothing."""
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    other = play.plan_run(OTHER, run_id="late").approve_everything()

    def begin() -> None:
        play.variables.clear()
        other.go_until(f"{WAVE}.wait_for_recovery")

    drill.when("gate_1", "success", begin)
    drill.go()
    assert "DRILL of other (run late" in drill.outline().error
    assert other.go() == "success"
    assert play.launched_servers() == sorted(WIKI)
    assert registered(play) == ["drs_executions_of__drs_other", "drs_executions_of__drs_small"]


def test_trap_40_a_plan_whose_dag_and_runs_are_gone_is_in_nobodys_way(play: Stage) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    drill.go_until("gate_1", "success")
    drill.triggerer.close()
    play.runs.remove(drill)
    assert registered(play) == ["drs_executions_of__drs_small"]
    assert play.drill(OTHER).record["status"] == "COMPLETED"
