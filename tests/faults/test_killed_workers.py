"""A worker that dies, wherever that is: each task of a drill is killed before each thing that it does to the world.

Between two such effects a worker only reads, so these are all the places at which its death can matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drs_provider.plan.model import Plan
from drs_provider.plan_tasks import wait
from tests.faults.invariants import check_everything, ended_as_if_nothing_had_happened
from tests.harness.deaths import killed_before_each_effect
from tests.harness.plan_run import PlanRun
from tests.harness.plans import DATABASES, WIKI, plan, two_waves
from tests.harness.stage import Stage, stage
from tests.harness.worlds import world

WAVE = "wave_1_everything"
START = f"{WAVE}.start_recovery"
WAIT = f"{WAVE}.wait_for_recovery"
#: Somebody else's drill instance is there all the time.
FOREIGN = {DATABASES[0]: {"live_instance": {"is_drill": True}}}
WORLD = world(FOREIGN)
#: DRS shows a job late, and never its tags.
VEILED = world(FOREIGN, visibility_delay_seconds=20, tags_delay_seconds="never")
GATE = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
PLAN = plan({"name": "everything", "servers": WIKI, "gate": GATE})
ESCALATES = {**GATE, "on_timeout": "escalate", "escalate_to": ["dr-approver-2"]}
ESCALATING = plan({"name": "everything", "servers": WIKI, "gate": ESCALATES})
RUNBOOK = {"run": "ssm_automation", "document": "Restart", "modes": ["drill"]}
STEPS = plan(
    {
        "name": "everything",
        "servers": WIKI,
        "after": [{"check": "ec2_status", "timeout_minutes": 30}, RUNBOOK],
    }
)
WITH_RUNBOOK = world(FOREIGN, services={"automations": [{"document": "Restart", "seconds": 300}]})
TASKS = (
    "prepare",
    "gate_1",
    START,
    WAIT,
    f"{WAVE}.enrich",
    "hold_drill",
    "cleanup_drill",
    "finalize",
)


@contextmanager
def drill(
    folder: Path, scenario: dict[str, Any], *, history: bool = True, made: Plan = PLAN
) -> Iterator[tuple[Stage, PlanRun]]:
    """Give a stage of its own with a drill; what goes wrong with it says where its worker died."""
    with stage(scenario, folder, history=history) as play:
        try:
            yield play, play.plan_run(made).approve_everything()
        except Exception as error:
            error.add_note(f"killed before: {play.effects.died}")
            raise


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Play a drill, so that no fork has to work out anew what a process works out once, such as templates."""
    with drill(tmp_path_factory.mktemp("warm"), WORLD) as (_, run):
        assert run.go() == "success"


def kill_everywhere(
    folder: Path,
    task_id: str,
    lives: Callable[[Stage, PlanRun], None],
    scenario: dict[str, Any] = WORLD,
    *,
    history: bool = False,
    made: Plan = PLAN,
) -> int:
    """Play a drill for each effect of a task; return how many there are.

    :param lives: plays it, with or without a death, and checks it
    """
    once = folder / "once"
    with (
        drill(once, scenario, history=history, made=made) as (play, run),
        killed_before_each_effect(play, run, task_id, once) as deaths,
    ):
        lives(play, run)
    for number in deaths.remaining:
        with drill(folder / str(number), scenario, history=history, made=made) as (play, run):
            play.effects.kill_before(task_id, number)
            lives(play, run)
            assert play.effects.died
    effects = len(deaths.play.effects.seen[task_id])
    assert deaths.died + len(deaths.remaining) == effects
    return effects


def survives(play: Stage, run: PlanRun) -> None:
    assert run.go() == "success", run.states
    ended_as_if_nothing_had_happened(play, run, servers=WIKI)


@pytest.mark.parametrize(
    ("task_id", "history"), [*((task_id, True) for task_id in TASKS), ("finalize", False)]
)
def test_trap_16_a_worker_that_dies_anywhere_loses_nothing(
    task_id: str, history: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where somebody listens to tasks, a worker ends the wait, too.
    monkeypatch.setattr(wait, "has_listeners", lambda: True)
    assert kill_everywhere(tmp_path, task_id, survives, history=history) >= 3


def test_trap_41_a_worker_that_dies_while_it_reminds_or_asks_the_next_loses_no_gate(tmp_path: Path) -> None:
    """The answer comes from somebody who was asked only because nobody else answered."""

    def lives(play: Stage, run: PlanRun) -> None:
        run.unanswered("gate_1")
        answered: list[int] = []

        def answer_when_asked() -> None:
            asked = (run.xcom("gate_1", "gate_answers") or {}).get("asked", ())
            if len(asked) > 1 and not answered:
                answered.append(run.respond("gate_1", "Approve", user="dr-approver-2"))
            run.when("gate_1", "scheduled", lambda: run.when("gate_1", "deferred", answer_when_asked))

        run.when("gate_1", "deferred", answer_when_asked)
        survives(play, run)
        assert answered == [200]
        gate = run.wave("everything")["gate"]
        assert [row["names"] for row in gate["asked"]] == [["dr-approver-1"], ["dr-approver-2"]]
        assert gate["reminders"] == 1
        assert [row["respondedBy"] for row in gate["responses"]] == ["dr-approver-2"]
        assert run.people.erased == []

    assert kill_everywhere(tmp_path, "gate_1", lives, made=ESCALATING) >= 10


@pytest.mark.parametrize("task", ["after_ec2_status", "after_ssm_automation", "decide"])
def test_a_worker_that_dies_in_a_step_repeats_nothing(task: str, tmp_path: Path) -> None:
    def lives(play: Stage, run: PlanRun) -> None:
        survives(play, run)
        ssm = play.simulator.client("ssm")
        rows = ssm.describe_automation_executions()["AutomationExecutionMetadataList"]
        assert [row["AutomationExecutionStatus"] for row in rows] == ["Success"]
        assert {step["status"] for step in run.wave("everything")["steps"]} == {"PASSED"}

    assert kill_everywhere(tmp_path, f"{WAVE}.{task}", lives, WITH_RUNBOOK, made=STEPS) >= 2


def test_trap_16_nor_if_the_trigger_ends_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its worker does nothing but begin the wait."""
    monkeypatch.setattr(wait, "has_listeners", lambda: False)
    assert kill_everywhere(tmp_path, WAIT, survives) == 2


def test_trap_16_nor_if_the_job_shows_late_and_never_its_tags(tmp_path: Path) -> None:
    assert kill_everywhere(tmp_path, START, survives, VEILED) >= 3


@pytest.mark.parametrize("scenario", [WORLD, VEILED], ids=["visible", "veiled"])
def test_trap_16_a_start_that_dies_for_good_is_cleaned_up_and_can_be_cleared(
    tmp_path: Path, scenario: dict[str, Any]
) -> None:
    """No retry is left: what was launched is terminated all the same, and a new attempt starts afresh."""

    def lives(play: Stage, run: PlanRun) -> None:
        run.rows[START].tries_left = 0
        colour = run.go()
        if not play.effects.died:
            return
        assert colour == "failed"
        assert run.record["status"] in ("FAILED", "CANCELLED")
        check_everything(play, run)
        assert_only_the_foreign_one_runs(play)
        run.clear(WAVE)
        assert run.go() == "success", run.states
        assert run.record["status"] == "COMPLETED"
        check_everything(play, run)
        assert_only_the_foreign_one_runs(play)

    assert kill_everywhere(tmp_path, START, lives, scenario) >= 3


def assert_only_the_foreign_one_runs(play: Stage) -> None:
    own = {server.instance_id for job in play.jobs() for server in job.servers} - {None}
    alive = {instance for instance, state in play.instances().items() if state != "terminated"}
    assert len(alive) == 1
    assert not alive & own


def test_trap_15_a_cleanup_that_dies_for_good_is_told_and_done_when_cleared(tmp_path: Path) -> None:
    def lives(play: Stage, run: PlanRun) -> None:
        run.rows["cleanup_drill"].tries_left = 0
        colour = run.go()
        if not play.effects.died:
            return
        told = play.effects.died[0][2].startswith("end of")  # the worker died behind its last word
        assert colour == "failed" or told
        run.clear("cleanup_drill")
        assert run.go() == "success", run.states
        check_everything(play, run)
        assert_only_the_foreign_one_runs(play)

    assert kill_everywhere(tmp_path, "cleanup_drill", lives) >= 3


@pytest.mark.parametrize("seed", range(6))
def test_trap_16_workers_that_die_again_and_again_lose_nothing(seed: int, tmp_path: Path) -> None:
    with stage(WORLD, tmp_path) as play:
        run = play.plan_run(two_waves(second={"gate": GATE})).approve_everything()
        for row in run.rows.values():
            row.tries_left = 100
        play.effects.kill_at_random(seed, chance=0.25, most=60)
        assert run.go() == "success", play.effects.died
        assert len(play.effects.died) > 5
        ended_as_if_nothing_had_happened(play, run, servers=WIKI)
