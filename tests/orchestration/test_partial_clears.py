"""Parts of a run cleared by people: what cannot end truthfully is refused, with the way out."""

from __future__ import annotations

import pytest

from drs_provider import keys
from tests.harness.plans import WIKI, plan, recovery_of, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import ONCE, world

GATE = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
KEEP = {"cleanup": "keep"}
SECOND = "wave_2_second.start_recovery"
FAILS_ONCE = pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ONCE}}))


@FAILS_ONCE
def test_trap_35_a_late_wave_of_a_drill_that_was_cleaned_up_is_not_retried_alone(play: Stage) -> None:
    run = play.drill(two_waves())
    launched = play.launched_servers()
    run.clear("wave_2_second")
    assert run.go() == "failed"
    assert play.launched_servers() == launched
    assert "attempt 1 has terminated the drill, with it wave 1 (first)" in run.failure(SECOND)
    assert "from its first wave on" in run.stored["errorMessage"]
    assert run.stored["status"] == "PARTIAL"


@FAILS_ONCE
def test_trap_35_waves_side_by_side_are_not_retried_alone_after_a_cleanup_either(play: Stage) -> None:
    run = play.drill(two_waves(second={"depends_on": []}))
    launched = play.launched_servers()
    run.clear("wave_2_second")
    assert run.go() == "failed"
    assert play.launched_servers() == launched


@FAILS_ONCE
def test_trap_35_a_drill_that_was_cleaned_up_is_retried_from_its_first_wave_on(play: Stage) -> None:
    run = play.drill(two_waves())
    run.clear("wave_1_first")
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"
    assert play.launched_servers() == sorted([*WIKI, *WIKI])
    assert set(play.instances().values()) == {"terminated"}


@FAILS_ONCE
def test_a_late_wave_of_a_drill_that_kept_its_instances_is_retried_alone(play: Stage) -> None:
    run = play.drill(two_waves(), KEEP)
    run.clear("wave_2_second")
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"


@FAILS_ONCE
def test_a_late_wave_of_a_recovery_is_retried_alone(play: Stage) -> None:
    made = two_waves().model_copy(update={})
    made = type(made).model_validate(
        {
            **made.model_dump(mode="json", exclude_unset=True),
            "recovery": {"initiators": ["dr-lead"], "approvers": ["dr-approver-1"]},
        }
    )
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    assert run.go() == "failed"
    run.clear("wave_2_second")
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"


@FAILS_ONCE
def test_trap_35_a_wave_cleared_without_downstream_leaves_record_and_colour_true(play: Stage) -> None:
    run = play.drill(two_waves(), KEEP)
    before, launched = run.stored, play.launched_servers()
    run.clear("wave_2_second", downstream=False)
    assert run.go() == "failed"
    assert "with downstream" in run.failure(SECOND)
    assert run.stored == before
    assert play.launched_servers() == launched
    run.clear("wave_2_second")
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"


@pytest.mark.parametrize(
    "task_id", ["prepare", "gate_2", "wave_2_second.wait_for_recovery", "wave_2_second.enrich", "hold_drill"]
)
def test_trap_35_no_task_cleared_alone_after_the_end_opens_the_record_again(
    play: Stage, task_id: str
) -> None:
    run = play.drill(two_waves(second={"gate": GATE}))
    before = run.stored
    assert before["status"] == "COMPLETED"
    run.clear(task_id, downstream=False)
    assert run.go() == "success"  # finalize's colour: the execution is what it was
    assert run.states[task_id] == "failed"
    assert "finalize is over" in run.failure(task_id)
    assert run.stored == before


def test_clearing_a_cleanup_with_downstream_ends_the_attempt_anew(play: Stage) -> None:
    run = play.drill(plan())
    run.clear(keys.CLEANUP_DRILL)
    assert run.go() == "success"
    assert [row["status"] for row in run.stored["attempts"]] == ["COMPLETED", "COMPLETED"]
