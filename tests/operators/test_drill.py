"""A whole drill: three waves, gates, hold, cleanup, report."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import pytest

from tests.harness.stage import ACCOUNT, stage

DATABASES = ["s-1111111111111111a", "s-1111111111111111b"]
WIKI = ["s-4444444444444444a", "s-4444444444444444b"]


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A drill of erp_three_tier beside a drill instance and a job of somebody else; what was seen on the way."""
    with stage("three_tier", tmp_path_factory.mktemp("drill")) as play:
        drs = play.simulator.client()
        drs.start_recovery(sourceServers=[{"sourceServerID": WIKI[0]}], isDrill=True)
        play.simulator.finish()
        foreign = set(play.instances())
        run = play.plan_run(
            "erp_three_tier", {"reason": "quarterly", "ticket": "CHG1"}, step_seconds=120
        ).approve_everything()
        seen = SimpleNamespace(run=run, foreign=foreign)

        def stored() -> dict[str, Any]:
            return play.stored(run.xcom("prepare")["executionId"], "erp_three_tier")

        def look(name: str) -> None:
            setattr(seen, name, stored())

        run.when("prepare", "success", lambda: look("at_start"))
        run.when("wave_1_database.wait_for_recovery", "deferred", lambda: look("in_wave_1"), after_steps=3)
        run.when("wave_1_database.enrich", "success", lambda: look("after_wave_1"))
        run.when("gate_2", "deferred", lambda: look("at_gate_2"))
        run.when("hold_drill", "scheduled", lambda: setattr(seen, "before_cleanup", play.instances()))
        seen.colour = run.go()
        seen.record, seen.stored = run.record, run.stored
        seen.instances = play.instances()
        seen.jobs = play.jobs()
        seen.calls = play.simulator.calls(service="*")
        seen.report = json.loads(Path(urlparse(run.stored["attempts"][0]["reportUri"]).path).read_text())
        seen.events = [event["event"] for event in play.timeline]
        seen.started = [event["waveNumber"] for event in play.events("jobStarted")]
        seen.sizes = run.xcoms.sizes()
    return seen


def test_it_is_green_and_completed(drill: SimpleNamespace) -> None:
    assert drill.colour == "success"
    assert set(drill.run.states.values()) == {"success"}
    for record in (drill.record, drill.stored):
        assert record["status"] == "COMPLETED"
        assert (record["completedWaves"], record["failedWaves"], record["totalWaves"]) == (3, 0, 3)
        assert record["initiatedBy"] == "dr-operator"
        assert (record["reason"], record["ticket"]) == ("quarterly", "CHG1")


def test_trap_07_every_wave_is_recorded_pending_before_the_first_starts(drill: SimpleNamespace) -> None:
    at_start = drill.at_start
    assert at_start["status"] == "IN_PROGRESS"
    assert [wave["status"] for wave in at_start["waves"]] == ["PENDING"] * 3
    assert [len(wave["serverStatuses"]) for wave in at_start["waves"]] == [2, 3, 3]


def test_waves_follow_one_another(drill: SimpleNamespace) -> None:
    assert drill.started == [1, 2, 3]
    jobs = [job for job in drill.jobs if job.tags]
    assert [job.tags["WaveNumber"] for job in jobs] == ["1", "2", "3"]
    for before, after in itertools.pairwise(jobs):
        assert before.ended_at <= after.created_at
    assert [sorted(server.server_id for server in jobs[0].servers)] == [DATABASES]
    assert all(job.tags["CostCenter"] == "4711" for job in jobs)
    assert all(job.tags["ExecutionId"] == drill.record["executionId"] for job in jobs)


def test_trap_06_polls_write_rows_but_no_status(drill: SimpleNamespace) -> None:
    polled = drill.in_wave_1
    wave = polled["waves"][0]
    assert polled["status"] == "POLLING"
    assert wave["status"] == "POLLING"
    assert wave["lastPolledTime"] > wave["startTime"]
    assert {row["launchStatus"] for row in wave["serverStatuses"]} <= {"PENDING", "IN_PROGRESS"}
    assert polled["waves"][1]["status"] == "PENDING"


def test_trap_23_a_completed_wave_shows_its_instances(drill: SimpleNamespace) -> None:
    wave = drill.after_wave_1["waves"][0]
    assert wave["status"] == "COMPLETED"
    assert drill.after_wave_1["status"] == "POLLING"
    for row in wave["serverStatuses"]:
        assert row["launchStatus"] == "LAUNCHED"
        assert row["instanceId"].startswith("i-")
        assert row["privateIp"]
        assert row["instanceType"] == "r6i.large"
        assert row["launchTime"] > 0


def test_an_armed_gate_shows_as_paused(drill: SimpleNamespace) -> None:
    assert drill.at_gate_2["status"] == "PAUSED"
    assert drill.at_gate_2["waves"][1]["pauseBeforeWave"] is True
    gates = {wave["waveNumber"]: wave.get("gate") for wave in drill.stored["waves"]}
    assert [row["respondedBy"] for row in gates[2]["responses"]] == ["dr-approver-1"]
    assert gates[2]["armedBy"] == "plan"
    assert not (gates[1] or {}).get("responses")


def test_trap_19_only_its_own_instances_are_terminated(drill: SimpleNamespace) -> None:
    own = {row["instanceId"] for wave in drill.stored["waves"] for row in wave["serverStatuses"]}
    assert len(own) == 8
    assert {drill.before_cleanup[instance] for instance in own} == {"running"}
    assert {drill.instances[instance] for instance in own} == {"terminated"}
    assert drill.foreign
    assert {drill.instances[instance] for instance in drill.foreign} == {"running"}
    assert sorted(drill.stored["cleanup"]["terminated"]) == sorted(own)


def test_every_call_is_made_in_the_plans_account_under_the_executions_name(drill: SimpleNamespace) -> None:
    assert {call.account_id for call in drill.calls} == {ACCOUNT}
    operations = [call.operation for call in drill.calls]
    assert operations.index("GetCallerIdentity") < operations.index("DescribeSourceServers")


def test_trap_42_an_empty_list_of_jobs_is_never_sent(drill: SimpleNamespace) -> None:
    asked = [call.params.get("filters", {}) for call in drill.calls if call.operation == "DescribeJobs"]
    assert any("jobIDs" in filters for filters in asked)
    assert all(filters["jobIDs"] for filters in asked if "jobIDs" in filters)


def test_the_verdict_and_the_report_are_kept(drill: SimpleNamespace) -> None:
    assert drill.stored["verdict"]["result"] == "passed"
    assert drill.stored["verdict"]["by"] == "dr-approver-1"
    assert drill.record["executionId"] in json.dumps(drill.report)
    assert drill.run.links["finalize", "Report"].endswith(".html")
    assert "eu-west-1" in drill.run.links["wave_1_database.start_recovery", "DRS jobs"]


def test_the_timeline_tells_the_whole_story(drill: SimpleNamespace) -> None:
    wave = ["jobStarted", "waveStarted", "jobsEnded", "enrichmentStarted", "enrichmentEnded", "waveCompleted"]
    expected = ["prepareStarted", "runbookWritten", "preflight"]
    expected += ["planState", "expectedDuration", "executionStarted", "prepareEnded"]
    expected += [*wave, "gateOpened", "gateClosed", *wave, *wave]
    expected += ["holdOpened", "drillJudged", "cleanupStarted", "instancesTerminating", "drillCleanedUp"]
    expected += ["evidenceLinked", "executionFinalized"]
    # Whose credentials are used is told whenever a process asks for them first, progress whenever a poll shows any.
    assert [name for name in drill.events if name not in ("identityProven", "progress")] == expected
    assert drill.events.index("identityProven") < drill.events.index("preflight")
    assert drill.events.count("progress") >= 3


def test_trap_18_times_are_those_of_drs(drill: SimpleNamespace) -> None:
    jobs = {job.tags["WaveNumber"]: job for job in drill.jobs if job.tags}
    for wave in drill.stored["waves"]:
        job = jobs[str(wave["waveNumber"])]
        assert wave["startTime"] == pytest.approx(job.created_at, abs=0.001)
        assert wave["endTime"] == pytest.approx(job.ended_at, abs=0.001)
    assert drill.stored["endTime"] > drill.stored["waves"][-1]["endTime"]


def test_xcoms_of_a_small_plan_are_small(drill: SimpleNamespace) -> None:
    assert max(drill.sizes.values()) < 48_000
