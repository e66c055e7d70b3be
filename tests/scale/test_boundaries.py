"""Numbers at which something changes: quotas of jobs, pages, empty groups. On the limit, and one above."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.clients import aws_clients
from drs_provider.hooks.drs import drs_requests
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.plan.model import Plan
from tests.harness.plan_run import PlanRun
from tests.harness.plans import MAIN, WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.worlds import world

START = "wave_1_everything.start_recovery"
PAGE = 200
#: Of DRS's quotas of servers: how many a job holds, and all jobs.
A_TENTH = {"servers_per_job": 10, "servers_in_jobs": 50}


def farm(servers: int, **fields: Any) -> Any:
    """Return the mark for a world with that many servers of one application."""
    group = {"generate": servers, "name": "farm-{n}", "tags": {"App": "farm"}}
    scenario = world(**fields) | {"servers": {"all": group}}
    return pytest.mark.drs_scenario(scenario, history=False)


def of_size(servers: int, *expected: Any, **fields: Any) -> Any:
    """Return a test's parameters and, with them, its world."""
    return pytest.param(servers, *expected, marks=farm(servers, **fields), id=str(servers))


def farm_plan() -> Plan:
    """Return a plan with the whole farm in one wave."""
    return plan(
        {"name": "everything", "groups": ["farm"], "timeout_minutes": 1440, "queue_timeout_minutes": 1440},
        protection_groups={"farm": {"target": "main", "tags": {"App": "farm"}}},
    )


def recover_farm(play: Stage) -> PlanRun:
    """Return an ended RECOVERY of the whole farm in one wave."""
    made = farm_plan()
    run = play.plan_run(made, recovery_of(made), step_seconds=7200).approve_everything()
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    return run


def everything_recovered_once(play: Stage, run: PlanRun, servers: int) -> None:
    launched = play.launched_servers()
    assert len(launched) == len(set(launched)) == servers
    states = play.instances()
    assert list(states.values()) == ["running"] * servers
    assert run.xcom("finalize", "execution_record")["waves"][0]["status"] == "COMPLETED"
    summary = run.xcom("wave_1_everything.enrich")
    assert summary == {"status": "COMPLETED", "serversRecovered": servers, "serversTotal": servers}


@pytest.mark.parametrize(
    ("servers", "sizes"),
    [
        of_size(1, [1]),
        of_size(100, [100]),
        of_size(101, [100, 1]),
        of_size(50, [10] * 5, quotas=A_TENTH),
        of_size(51, [*[10] * 5, 1], quotas=A_TENTH),
    ],
)
def test_waves_around_the_quotas_of_servers(play: Stage, servers: int, sizes: list[int]) -> None:
    run = recover_farm(play)
    everything_recovered_once(play, run, servers)
    jobs = play.jobs()
    assert [len(job.servers) for job in jobs] == sizes
    assert bool(play.events("waveQueued")) == (len(sizes) > 5)
    assert all(later.created_at >= jobs[0].ended_at for later in jobs[5:])
    assert refused(play) == []


@pytest.mark.parametrize(
    ("servers", "waited"),
    [
        of_size(20, False, quotas={"servers_per_job": 1}),
        of_size(21, True, quotas={"servers_per_job": 1}),
    ],
)
def test_waves_around_the_quota_of_jobs(play: Stage, servers: int, waited: bool) -> None:
    run = recover_farm(play)
    everything_recovered_once(play, run, servers)
    jobs = play.jobs()
    assert len(jobs) == servers
    assert bool(play.events("waveQueued")) == waited
    assert all(job.created_at >= min(other.ended_at for other in jobs) for job in jobs[20:])
    assert refused(play) == []


def refused(play: Stage) -> list[str | None]:
    """Return the errors of StartRecovery: a quota is respected before DRS says so."""
    return [call.error for call in play.simulator.calls("StartRecovery") if call.error]


def drs_api(play: Stage) -> DrsApi:
    """Return the provider's own client of the simulated account."""
    target = AwsTarget(name="main", role=None, external_id=None, **MAIN)  # type: ignore[arg-type]
    return DrsApi(aws_clients(target, session_name="boundaries"))


def pages_of(play: Stage, operation: str) -> int:
    return len(play.simulator.calls(operation))


@pytest.mark.parametrize(
    ("items", "pages"),
    [
        of_size(PAGE, 1, page_size=PAGE, quotas={"jobs": 500}),
        of_size(PAGE + 1, 2, page_size=PAGE, quotas={"jobs": 500}),
    ],
)
def test_trap_05_lists_around_a_page(
    play: Stage, items: int, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source servers, jobs, recovery instances and job logs come in pages; none is lost, none counted twice."""
    monkeypatch.setattr(drs_requests, "MAX_PAGE_ROWS", PAGE)
    api = drs_api(play)
    servers = [row["sourceServerID"] for row in api.source_servers()]
    assert len(set(servers)) == len(servers) == items
    assert pages_of(play, "DescribeSourceServers") == pages
    drs = play.simulator.client()
    for server in servers:
        drs.start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=True)
    play.simulator.advance(7200)
    jobs = [row["jobID"] for row in api.jobs_since(play.now() - 86_400)]
    assert len(set(jobs)) == len(jobs) == items
    assert pages_of(play, "DescribeJobs") == pages
    assert {row["jobID"] for row in api.jobs(jobs)} == set(jobs)
    instances = [row["ec2InstanceID"] for row in api.recovery_instances(source_server_ids=servers)]
    assert len(set(instances)) == len(instances) == items
    assert len(api.recovery_instances()) == items
    job = play.jobs()[0]
    for number in range(items - len(job.log)):
        job.note(job.created_at + number, "JOB_START")
    assert len(api.job_log(job.job_id)) == items
    assert pages_of(play, "DescribeJobLogItems") == pages


@pytest.mark.parametrize("servers", [of_size(101)])
def test_a_drill_of_more_than_a_job_holds_is_cleaned_up(play: Stage, servers: int) -> None:
    run = play.plan_run(farm_plan(), {"skip_gates": True}, step_seconds=7200)
    assert run.go() == "success", run.states
    assert sorted(len(job.servers) for job in play.jobs("TERMINATE")) == [1, 100]
    assert list(play.instances().values()) == ["terminated"] * servers


@pytest.mark.parametrize("servers", [of_size(3, quotas={"servers_in_jobs": 2})])
def test_a_cleanup_waits_for_a_full_quota(play: Stage, servers: int) -> None:
    run = play.plan_run(farm_plan(), {"skip_gates": True}, step_seconds=7200)
    assert run.go() == "success", run.states
    assert list(play.instances().values()) == ["terminated"] * servers


def empty_wave(*, allowed: bool) -> Any:
    """Return a plan of two waves, the first of which selects nobody."""
    nobody = {"target": "main", "tags": {"App": "nobody"}, "allow_empty": allowed}
    wiki = {"target": "main", "servers": list(WIKI)}
    return plan(
        {"name": "nothing", "groups": ["nobody"]},
        {"name": "everything", "groups": ["wiki"]},
        protection_groups={"nobody": nobody, "wiki": wiki},
    )


def test_trap_12_a_wave_of_nobody_is_refused(play: Stage) -> None:
    run = play.drill(empty_wave(allowed=False))
    assert run.record["status"] == "FAILED"
    assert "nobody" in run.record["errorMessage"]
    assert play.jobs() == []


def test_trap_42_a_wave_of_nobody_that_the_plan_allows_passes_without_a_job(play: Stage) -> None:
    run = play.drill(empty_wave(allowed=True))
    assert run.record["status"] == "COMPLETED"
    assert run.wave("nothing")["status"] == "COMPLETED"
    assert run.wave("nothing", run.stored)["jobs"] == []
    assert play.launched_servers() == sorted(WIKI)
    (job,) = play.jobs()
    asked = [(call.params or {}).get("filters", {}) for call in play.simulator.calls("DescribeJobs")]
    assert all(filters.get("jobIDs", [job.job_id]) == [job.job_id] for filters in asked)


@pytest.mark.drs_scenario(world(quotas={"servers_in_jobs": 1}), history=False)
def test_launches_of_a_full_quota_follow_one_another(play: Stage) -> None:
    """Waves side by side in one account share its quotas."""
    made = plan(
        {"name": "first", "servers": WIKI[:1]},
        {"name": "second", "servers": WIKI[1:], "depends_on": []},
    )
    run = play.plan_run(made).approve_everything()
    assert run.go() == "success", {task: str(row.error) for task, row in run.rows.items() if row.error}
    jobs = sorted(play.jobs(), key=lambda job: job.created_at)
    assert len(jobs) == 2
    assert all(earlier.ended_at <= later.created_at for earlier, later in pairwise(jobs))
