"""Rows of other people's jobs and instances, in forms that ours never have, end nothing of ours."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.hooks.drs.drs_api import DrsApi
from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage

# DRS names only the instance in terminate jobs that somebody starts for instances whose server is gone.
TERMINATES = {
    "jobID": "drsjob-0ff0ff0ff0ff0ff0f",
    "type": "TERMINATE",
    "status": "COMPLETED",
    "participatingServers": [{"recoveryInstanceID": "i-0ff0ff0ff0ff0ff0f"}],
}
ODD_JOBS: list[dict[str, Any]] = [
    TERMINATES,
    {"jobID": "drsjob-11111111111111111"},
    {"jobID": "drsjob-22222222222222222", "status": "STARTED", "creationDateTime": "lately"},
    {
        "jobID": "drsjob-33333333333333333",
        "initiatedBy": "CREATE_NETWORK_RECOVERY",
        "status": "STARTED",
        "participatingServers": [],
        "participatingResources": [{"participatingResourceID": {"sourceNetworkID": "sn-1"}}],
    },
    {"status": "STARTED", "participatingServers": [{"sourceServerID": WIKI[0]}]},
]


@pytest.fixture
def odd_jobs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Jobs that DRS lists besides its own; a test fills the list when they appear."""
    jobs: list[dict[str, Any]] = []
    listed = DrsApi.jobs_since
    monkeypatch.setattr(DrsApi, "jobs_since", lambda api, since: [*jobs, *listed(api, since)])
    active = DrsApi.active_jobs
    monkeypatch.setattr(DrsApi, "active_jobs", lambda api: [*jobs, *active(api)])
    return jobs


def test_jobs_of_others_in_any_form_end_no_drill(play: Stage, odd_jobs: list[dict[str, Any]]) -> None:
    odd_jobs += ODD_JOBS
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}


def test_trap_08_a_job_that_appears_in_mid_drill_keeps_no_instance(
    play: Stage, odd_jobs: list[dict[str, Any]]
) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: odd_jobs.extend(ODD_JOBS))
    assert run.go() == "success"
    assert set(play.instances().values()) == {"terminated"}
    assert run.record["status"] == "COMPLETED"


def without(play: Stage, monkeypatch: pytest.MonkeyPatch, server: str, *members: str) -> None:
    """Let DRS leave members out of a server's recovery instance from now on."""
    listed = DrsApi.recovery_instances

    def told(api: DrsApi, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        rows = listed(api, *args, **kwargs)
        return [
            {key: value for key, value in row.items() if key not in members}
            if row["sourceServerID"] == server
            else row
            for row in rows
        ]

    monkeypatch.setattr(DrsApi, "recovery_instances", told)


@pytest.mark.parametrize("member", ["isDrill", "jobID", "recoveryInstanceID", "sourceServerID"])
def test_trap_19_an_instance_of_unproven_origin_is_never_terminated_but_told(
    play: Stage, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: without(play, monkeypatch, WIKI[0], member))
    assert run.go() == "failed"
    states = sorted(play.instances().values())
    assert states == ["running", "terminated"]
    (left,) = [key for key, state in play.instances().items() if state == "running"]
    assert left in run.failure("cleanup_drill")
    assert f"no {member}" in run.failure("cleanup_drill")
    assert run.record["cleanup"]["remaining"] == [left]


def test_trap_16_our_own_job_that_names_no_servers_starts_no_second_one(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launch is known by its tags only, and DRS leaves out whose servers it holds."""
    play.kill_worker("StartRecovery", after=True)
    listed = DrsApi.jobs_since

    def nameless(api: DrsApi, since: float) -> list[dict[str, Any]]:
        return [{**job, "participatingServers": [{}, {}]} for job in listed(api, since)]

    monkeypatch.setattr(DrsApi, "jobs_since", nameless)
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    assert len(play.simulator.calls("StartRecovery")) == 1
    assert "without sourceServerID" in run.failure("wave_1_everything.start_recovery")
    # Cleanup knows its instances by the job's id, and finalize tells what became of the wave.
    assert set(play.instances().values()) == {"terminated"}
    assert run.record["status"] == "FAILED"
