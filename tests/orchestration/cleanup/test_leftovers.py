"""A drill whose instances are left, and are not kept on purpose, is not COMPLETED and names them (trap 8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drs_provider import keys
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage
from tests.harness.worlds import world
from tests.operators.test_degraded import SENT, notification
from tests.orchestration.cleanup.test_pre_provisioned import instance_of, set_into, unreadable
from tests.orchestration.cleanup.test_steps import deny

CLEANUP = keys.CLEANUP_DRILL
HOLD = keys.HOLD_DRILL


def alive(play: Stage) -> list[str]:
    return sorted(key for key, state in play.instances().items() if state != "terminated")


def left_is_named(play: Stage, run: PlanRun, *why: str, instances: list[str] | None = None) -> None:
    """Status, colour, record, table, report and message say the same."""
    expected = alive(play) if instances is None else instances
    assert expected
    for record in (run.record, run.stored):
        assert record["status"] == "PARTIAL"
        assert record["attempts"][-1]["status"] == "PARTIAL"
        assert record["cleanup"]["action"] == "incomplete"
        assert sorted(item for row in record["cleanup"]["left"] for item in row["instances"]) == expected
        for text in (*why, *expected):
            assert text in record["errorMessage"]
    page = next(play.reports.rglob("report-*.html")).read_text()
    for text in expected:
        assert text in page.split("What went wrong")[1].split("</section>")[0]
    assert run.failure(keys.FINALIZE).startswith("PARTIAL: ")


DENIED = [
    ("TerminateRecoveryInstances", {}),
    ("DescribeJobs", {}),
    ("DescribeRecoveryInstances", {}),
    ("DescribeInstances", {"service": "ec2"}),
    ("*", {}),
]


@pytest.mark.parametrize(("operation", "where"), DENIED, ids=[operation for operation, _ in DENIED])
def test_trap_08_what_may_not_be_terminated_is_left_and_named(
    play: Stage, operation: str, where: dict[str, str]
) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(HOLD, "success", lambda: deny(play, operation, **where))
    run.when(CLEANUP, "failed", play.simulator.clear_faults)
    assert run.go() == "failed"
    left_is_named(play, run, operation if operation == "DescribeInstances" else "denied")
    assert len(alive(play)) == 2


@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
@pytest.mark.parametrize("looks", ["itself", "in vain"])
def test_trap_08_a_cleanup_that_did_not_run_is_made_up_for_by_a_look(
    play: Stage, state: str, looks: str
) -> None:
    run = play.plan_run(plan()).approve_everything()

    def by_hand() -> None:
        run.set_state(CLEANUP, state)
        if looks == "in vain":
            deny(play, "DescribeJobs")

    run.when(HOLD, "success", by_hand)
    assert run.go() == "failed"
    play.simulator.clear_faults()
    left_is_named(play, run, "cleanup did not run", "may still exist")
    assert play.simulator.calls("TerminateRecoveryInstances") == []
    assert len(alive(play)) == 2
    run.clear(CLEANUP)
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"
    assert "errorMessage" not in run.stored
    assert alive(play) == []


def test_trap_08_a_cleanup_that_was_begun_and_marked_as_success(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(HOLD, "success", lambda: deny(play, "TerminateRecoveryInstances"))
    run.when(CLEANUP, "failed", lambda: run.set_state(CLEANUP, "success"))
    assert run.go() == "failed"
    left_is_named(play, run, "denied")


@pytest.mark.parametrize("by", ["denied", "hand"])
def test_a_stopped_drill_stays_cancelled_and_names_what_is_left(play: Stage, by: str) -> None:
    run = play.plan_run(plan()).approve_everything()

    def stop() -> None:
        run.mark_failed()
        if by == "hand":
            run.set_state(CLEANUP, "skipped")
        else:
            deny(play, "TerminateRecoveryInstances")

    run.when("wave_1_everything.enrich", "success", stop)
    assert run.go() == "failed"
    assert run.stored["status"] == "CANCELLED"
    assert len(alive(play)) == 2
    for instance in alive(play):
        assert instance in run.stored["errorMessage"]
    (row,) = run.stored["cleanup"]["left"]
    assert row["instances"] == alive(play)


def test_a_drill_that_launched_nothing_leaves_nothing(play: Stage) -> None:
    run = play.plan_run(plan()).answer("gate_1", "Reject")
    run.dag_run.conf["pause_before"] = ["everything"]
    run.when("gate_1", "failed", lambda: run.set_state(CLEANUP, "skipped"))
    assert run.go() == "failed"
    assert run.stored["status"] == "CANCELLED"
    assert "cleanup" not in run.stored["errorMessage"]
    assert run.stored["cleanup"]["action"] == "none"


def test_trap_39_a_pre_provisioned_instance_is_left_and_named(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(HOLD, "success", lambda: set_into(play, WIKI[0], instance_of(play, WIKI[0])))
    assert run.go() == "failed"
    left_is_named(play, run, "pre-provisioned", "disconnect")


def test_trap_39_instances_of_which_nobody_knows_whether_they_existed_before(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(HOLD, "success", lambda: unreadable(play))
    assert run.go() == "failed"
    left_is_named(play, run, "not known whether they existed before")


@pytest.mark.parametrize("marked", [True, False])
def test_instances_that_are_kept_on_purpose_are_no_failure(play: Stage, marked: bool) -> None:
    run = play.plan_run(plan(), {"cleanup": "keep"}).approve_everything()
    if marked:
        run.when(HOLD, "success", lambda: run.set_state(CLEANUP, "success"))
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"
    assert run.stored["cleanup"]["action"] == "kept"
    assert len(alive(play)) == 2


def test_trap_08_instances_that_an_attempt_kept_are_left_once_the_drill_was_judged(play: Stage) -> None:
    """The attempt before kept them because nobody judged it in time; the cleanup that was due now did not run."""
    run = play.plan_run(plan(drill={"hold": {"timeout_minutes": 60, "on_timeout": "keep"}}))
    assert run.go() == "success"
    assert run.record["cleanup"]["action"] == "kept"
    run.clear(HOLD)
    run.answer(HOLD, "Passed")
    run.when(HOLD, "success", lambda: run.set_state(CLEANUP, "success"))
    assert run.go() == "failed"
    left_is_named(play, run, "marked as success")


def forged(run: PlanRun) -> None:
    run.xcoms.set(HOLD, keys.GATE_DECISION, {"payload": {}, "signature": "00"})


ENDS: list[tuple[str, Callable[[PlanRun], None]]] = [
    ("good", lambda run: None),
    ("cleanup by hand", lambda run: run.set_state(CLEANUP, "success")),
    ("forged verdict", forged),
    ("stopped", lambda run: run.mark_failed()),
]


@pytest.mark.drs_scenario(world())
@pytest.mark.parametrize(("end", "act"), ENDS, ids=[name for name, _ in ENDS])
def test_trap_08_a_run_is_red_exactly_if_its_record_has_a_message(
    play: Stage, end: str, act: Callable[[PlanRun], None]
) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(HOLD, "deferred" if end == "stopped" else "success", lambda: act(run))
    colour = run.go()
    assert (colour == "failed") == ("errorMessage" in run.stored)
    assert (colour == "success") == (run.stored["status"] == "COMPLETED")


def test_the_message_of_the_end_names_what_is_left(play: Stage) -> None:
    made = plan(
        notifications=[notification("RecordingNotifier", ["finished", "cleanup_failed"], channel="ops")]
    )
    run = play.plan_run(made).approve_everything()
    run.when(HOLD, "success", lambda: run.set_state(CLEANUP, "success"))
    SENT.clear()
    assert run.go() == "failed"
    failed, sent = SENT
    assert (failed["event"], sent["event"]) == ("cleanup_failed", "finished")
    assert len(alive(play)) == 2
    for instance in alive(play):
        assert instance in failed["summary"]
        assert instance in sent["summary"]
    assert sent["record"]["cleanup"]["left"] == run.record["cleanup"]["left"]


def test_the_failure_of_a_try_that_was_replaced_counts_nothing_beside_a_complete_cleanup(play: Stage) -> None:
    """Airflow replaces a try whose process it takes for dead; that process may still tell that it failed."""
    run = play.plan_run(plan()).approve_everything()
    late = {"errorType": "AirflowRuntimeError", "message": "Task instance not found"}
    run.when(CLEANUP, "success", lambda: run.xcoms.set(CLEANUP, keys.FAILURE, late))
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    assert run.record["cleanup"]["action"] == "terminated"
    assert not alive(play)
