"""Executions that an earlier version began come to their end by today's code, and launch nothing twice.

Airflow's side (task states, XComs, task state stores, requests, Variables, triggers), the history table and the jobs
are exactly as that version left them at a moment; what runs from then on is today's.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow._shared.module_loading import import_string
from airflow.triggers.base import BaseTrigger

from tests.contract.stored_state.scenes import BEGIN, SCENES
from tests.contract.stored_state.snapshot import Snapshot, snapshots
from tests.contract.stored_state.state import take_up, without_defaults
from tests.harness.stage import stage

pytestmark = pytest.mark.contract

MOMENTS = [
    pytest.param(known, name, moment, id=f"{known.folder.name} {name} {moment}")
    for known in snapshots()
    for name, scene in SCENES.items()
    for moment in scene.taken_up
]


@pytest.mark.parametrize(("known", "name", "at"), MOMENTS)
def test_an_execution_is_taken_up_and_ends_well(
    known: Snapshot, name: str, at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = SCENES[name]
    plan, moments = known.scene(name)
    moment = next(moment for moment in moments if moment.name == at)
    end = moments[-1].state
    with stage(scene.scenario, tmp_path, history=scene.history, begin=BEGIN) as play:
        run = scene.run(play, plan)
        take_up(play, run, moment.state, moment.now, monkeypatch, oldest=True)
        begun = {task_id for task_id, state in run.states.items() if state == "success"}
        before = len(play.jobs())

        assert run.go() == "success", run.states

        assert not begun & {task_id for task_id, state in run.history if state == "running"}
        jobs = {address: job for address, job in end.items() if address.startswith("job LAUNCH")}
        assert [job.job_id for job in play.jobs()] == [job["jobId"] for job in jobs.values()]
        assert len(play.simulator.calls("StartRecovery")) == len(jobs)
        assert before == sum(address.startswith("job LAUNCH") for address in moment.state)
        if plan is not None:
            (record,) = [value for address, value in end.items() if address.endswith(" execution_record")]
            assert run.record["status"] == record["status"] == "COMPLETED"
            assert run.record["executionId"] == record["executionId"]
            assert run.stored["status"] == "COMPLETED"


@pytest.mark.parametrize("known", snapshots(), ids=lambda known: known.folder.name)
def test_a_trigger_is_made_of_what_it_cannot_do_without(known: Snapshot) -> None:
    short = {}
    for path, arguments in known.facts["triggers"].items():
        oldest = without_defaults(path, arguments)
        made = import_string(path)(**oldest)
        assert isinstance(made, BaseTrigger)
        stored_again = made.serialize()[1]
        assert {name: stored_again[name] for name in oldest} == oldest
        short[path.rpartition(".")[2]] = sorted(stored_again.keys() - oldest.keys())
    assert short["DrsRecoveryTrigger"] == ["may_end_task"]
    assert short["DrsStepTrigger"] == ["handles"]
