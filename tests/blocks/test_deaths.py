"""A worker of a building block that dies, wherever that is: its jobs are counted, and there is never a second one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.blocks.dags import drill_dag
from tests.harness.block_run import BlockRun
from tests.harness.deaths import killed_before_each_effect
from tests.harness.plans import DATABASES, WIKI
from tests.harness.stage import Stage, stage
from tests.harness.worlds import world

#: Somebody else's drill instance is there all the time.
FOREIGN = {DATABASES[0]: {"live_instance": {"is_drill": True}}}
WORLDS = {
    "visible": world(FOREIGN),
    # DRS shows a job late, and never its tags.
    "veiled": world(FOREIGN, visibility_delay_seconds=20, tags_delay_seconds="never"),
}


def nothing_happened_twice(play: Stage) -> None:
    launches = Counter(play.launched_servers())
    assert launches == Counter(WIKI), launches
    calls = [call for call in play.simulator.calls("StartRecovery") if call.status == 202]
    assert len(play.jobs()) == len(calls)
    own = {server.instance_id for job in play.jobs() for server in job.servers}
    states = play.instances()
    assert {states[instance] for instance in own} == {"terminated"}
    assert [state for instance, state in states.items() if instance not in own] == ["running"]


def survives(play: Stage, run: BlockRun) -> None:
    assert run.go() == "success", run.states
    nothing_happened_twice(play)


def dies_for_good(play: Stage, run: BlockRun) -> None:
    """No retry is left: what was launched is terminated all the same, and a clear starts afresh."""
    run.rows["start"].tries_left = 0
    if run.go() == "success":
        return
    own = {server.instance_id for job in play.jobs() for server in job.servers} - {None}
    assert {play.instances()[instance] for instance in own} <= {"terminated"}
    run.clear("start")
    assert run.go() == "success", run.states
    assert len(play.launched_servers()) in (2, 4)
    of_attempts = Counter((job.tags.get("Attempt"), s.server_id) for job in play.jobs() for s in job.servers)
    if all(job.tags for job in play.jobs()):
        assert set(of_attempts.values()) == {1}
    alive = [state for state in play.instances().values() if state != "terminated"]
    assert alive == ["running"], "only the foreign one"


@pytest.mark.parametrize(
    ("task_id", "scenario", "lives"),
    [
        ("start", "veiled", survives),
        ("wait", "visible", survives),
        ("terminate", "visible", survives),
        ("start", "visible", dies_for_good),
    ],
)
def test_trap_16_a_block_that_dies_anywhere_starts_no_second_job(
    task_id: str, scenario: str, lives: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "once"
    with (
        stage(WORLDS[scenario], folder, history=False) as play,
        killed_before_each_effect(play, run := play.dag_run(drill_dag()), task_id, folder) as deaths,
    ):
        lives(play, run)
    assert deaths.remaining == []
    assert deaths.died == len(play.effects.seen[task_id]) >= 3


@pytest.mark.parametrize("seed", range(2))
def test_trap_16_blocks_that_die_again_and_again_lose_nothing(seed: int, tmp_path: Path) -> None:
    with stage(WORLDS["visible"], tmp_path, history=False) as play:
        run = play.dag_run(drill_dag())
        for row in run.rows.values():
            row.tries_left = 100
        play.effects.kill_at_random(seed, chance=0.35, most=40)
        assert run.go() == "success", play.effects.died
        assert len(play.effects.died) >= 2
        nothing_happened_twice(play)
