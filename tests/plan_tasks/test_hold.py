"""The hold between a drill's last wave and its cleanup."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from drs_provider.plan_tasks.human_gate import settling_seconds
from tests.harness.plan_run import PlanRun
from tests.harness.plans import plan, recovery_of
from tests.harness.stage import Stage

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)

ONE = {"name": "everything", "servers": ("s-4444444444444444a",)}


def held(play: Stage, conf: dict[str, Any] | None = None, **drill: Any) -> PlanRun:
    return play.plan_run(plan(ONE, drill={"hold": {"timeout_minutes": 60}, **drill}), conf)


def terminated(play: Stage) -> bool:
    return set(play.instances().values()) == {"terminated"}


def test_the_verdict_and_its_notes_are_kept(play: Stage) -> None:
    run = held(play).answer("hold_drill", "Failed", user="dr-tester", notes="no logins")
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    verdict = run.record["verdict"]
    assert (verdict["result"], verdict["by"], verdict["notes"]) == ("failed", "dr-tester", "no logins")
    assert run.record["hold"]["responses"][0]["respondedBy"] == "dr-tester"
    assert terminated(play)


def test_trap_41_a_verdict_before_the_task_waits_is_not_lost(play: Stage) -> None:
    """Airflow stores it, and resumes nobody."""
    run = held(play).answer("hold_drill", "Failed", early=True)
    assert run.go() == "success"
    assert run.record["verdict"]["result"] == "failed"
    (response,) = run.record["hold"]["responses"]
    assert run.record["hold"]["closedAt"] - response["respondedAt"] < settling_seconds(0) + 1
    assert run.people.erased == []


def test_instances_live_until_the_drill_is_judged(play: Stage) -> None:
    run = held(play).answer("hold_drill", "Passed")
    states: list[str] = []
    run.when("hold_drill", "scheduled", lambda: states.extend(play.instances().values()))
    assert run.go() == "success"
    assert states == ["running"]
    assert terminated(play)


def test_a_drill_that_nobody_judges_is_not_verified_and_cleaned_up(play: Stage) -> None:
    run = held(play)
    assert run.go() == "success"
    assert run.record["verdict"] == {"result": "not verified", "timedOut": True}
    assert run.record["hold"]["closedAt"] - run.record["hold"]["openedAt"] == pytest.approx(3600, abs=1)
    assert terminated(play)
    assert run.respond("hold_drill", "Passed") == 409


def test_a_plan_may_keep_the_instances_of_a_drill_that_nobody_judged(play: Stage) -> None:
    run = held(play, hold={"timeout_minutes": 60, "on_timeout": "keep"})
    assert run.go() == "success"
    assert set(play.instances().values()) == {"running"}
    assert run.record["cleanup"]["action"] == "kept"


def test_a_judged_drill_is_cleaned_up_whatever_its_timeout_policy(play: Stage) -> None:
    run = held(play, hold={"timeout_minutes": 60, "on_timeout": "keep"}).answer("hold_drill", "Passed")
    assert run.go() == "success"
    assert terminated(play)


def test_the_drills_age_ends_the_hold(play: Stage) -> None:
    run = held(play, max_age_hours=1)
    begun = play.now()
    assert run.go() == "success"
    assert run.record["hold"]["closedAt"] - begun == pytest.approx(3600, abs=2)
    assert terminated(play)


def test_a_plan_without_hold_is_not_verified(play: Stage) -> None:
    run = held(play, hold=None)
    assert run.go() == "success"
    assert run.record["verdict"]["result"] == "not verified"
    assert "deferred" not in [state for task, state in run.history if task == "hold_drill"]


def test_conf_keeps_the_instances(play: Stage) -> None:
    run = held(play, {"cleanup": "keep"}).answer("hold_drill", "Passed")
    assert run.go() == "success"
    assert set(play.instances().values()) == {"running"}
    assert run.record["cleanup"]["action"] == "kept"
    assert play.jobs("TERMINATE") == []


def test_a_recovery_is_neither_held_nor_cleaned_up(play: Stage) -> None:
    made = plan(ONE, recovery={"initiators": ["dr-lead"], "approvers": ["dr-approver-1"]})
    run = play.plan_run(made, recovery_of(made), user="dr-lead").answer("gate_1", "Approve")
    assert run.go() == "success"
    assert "deferred" not in [state for task, state in run.history if task == "hold_drill"]
    assert "verdict" not in run.record
    assert set(play.instances().values()) == {"running"}
    assert run.record["cleanup"]["action"] == "none"


def test_a_drill_that_launched_nothing_is_not_held(play: Stage) -> None:
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
    run = play.plan_run(plan({**ONE, "gate": gate})).answer("gate_1", "Skip wave")
    begun = play.now()
    run.go()
    assert "deferred" not in [state for task, state in run.history if task == "hold_drill"]
    verdict = run.record["verdict"]
    assert (verdict["result"], verdict["notes"]) == ("not verified", "nothing was launched")
    assert play.now() - begun < 600
    assert play.jobs() == []


def test_a_drill_of_which_a_part_was_left_out_is_held(play: Stage) -> None:
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
    made = plan({**ONE}, {"name": "other", "servers": ("s-4444444444444444b",), "gate": gate})
    run = play.plan_run(made).answer("gate_2", "Skip wave").answer("hold_drill", "Passed")
    assert run.go() == "success"
    assert run.record["verdict"]["result"] == "passed"


class TestExtended:
    """People give more time, as `drs extend` and the page do: an XCom on `prepare`."""

    def length(self, run: PlanRun) -> float:
        hold = run.record["hold"]
        return float(hold["closedAt"] - hold["openedAt"])

    def held_until(self, play: Stage, seconds: float | Any) -> PlanRun:
        run = held(play)

        def extend() -> None:
            value = run.now() + seconds if isinstance(seconds, int) else seconds
            run.xcoms.set("prepare", keys.HOLD_UNTIL, value)

        return run.when("hold_drill", "deferred", extend)

    def test_without_a_verdict_the_cleanup_begins_at_the_later_time(self, play: Stage) -> None:
        run = self.held_until(play, 3 * 3600)
        assert run.go() == "success"
        assert self.length(run) == pytest.approx(3 * 3600, abs=60)
        assert run.record["verdict"] == {"result": "not verified", "timedOut": True}
        assert terminated(play)

    def test_a_verdict_in_the_time_that_was_given_counts(self, play: Stage) -> None:
        run = self.held_until(play, 3 * 3600)
        answered: list[int] = []

        def answer() -> None:
            run.advance(2 * 3600)
            answered.append(run.respond("hold_drill", "Passed"))

        run.when("hold_drill", "deferred", answer)
        run.go()
        assert answered == [200]
        assert run.record["verdict"]["result"] == "passed"

    def test_no_drill_gets_older_than_its_plan_lets_it(self, play: Stage) -> None:
        run = self.held_until(play, 90 * 86_400)
        assert run.go() == "success"
        assert self.length(run) < 24 * 3600
        assert terminated(play)

    @pytest.mark.parametrize("told", ["tomorrow", [1], {"until": 9}, True])
    def test_what_is_no_time_counts_for_nothing(self, play: Stage, told: Any) -> None:
        run = self.held_until(play, told)
        assert run.go() == "success"
        assert self.length(run) == pytest.approx(3600, abs=1)

    def test_an_earlier_time_shortens_nothing(self, play: Stage) -> None:
        run = self.held_until(play, 60)
        assert run.go() == "success"
        assert self.length(run) == pytest.approx(3600, abs=1)
