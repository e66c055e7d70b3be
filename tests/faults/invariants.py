"""What must be true of every execution, whatever struck it: no second job, no foreign instance touched, a true end."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from drs_provider.core.identity import TAG_ATTEMPT, TAG_EXECUTION_ID, TAG_WAVE_NUMBER
from tests.harness.plan_run import PlanRun
from tests.harness.stage import ACCOUNT, REGION, Stage

GREEN = {"COMPLETED", "PARTIAL"}


def check_everything(play: Stage, run: PlanRun, *, place: dict[str, str] | None = None) -> None:
    """Check all of them on an ended run."""
    where = place or {}
    one_job_per_server_and_attempt(play, run, **where)
    every_job_was_asked_for_once(play, **where)
    nothing_foreign_was_terminated(play, run, **where)
    waves_kept_their_order(play, run, **where)
    the_end_is_true(play, run)
    each_attempt_has_one_report(play, run)


def one_job_per_server_and_attempt(play: Stage, run: PlanRun, **place: str) -> None:
    """No server is launched twice in an attempt, and again in a later one only if it had failed or was cleaned up."""
    jobs = sorted(play.jobs(**place), key=lambda job: (job.created_at, job.number))
    launches = Counter(
        (job.tags.get(TAG_EXECUTION_ID), job.tags.get(TAG_ATTEMPT), server.server_id)
        for job in jobs
        for server in job.servers
    )
    twice = {key: count for key, count in launches.items() if count > 1}
    assert not twice, f"launched twice: {twice}"
    known = set(play.simulator.region(place.get("account", ACCOUNT), place.get("region", REGION)).instances)
    of_server: dict[str, list[Any]] = {}
    for job in jobs:
        for server in job.servers:
            of_server.setdefault(server.server_id, []).append((job, server))
    for server_id, launched in of_server.items():
        for (before, row), (after, _) in pairwise(launched):
            assert before.ended_at is not None
            assert before.ended_at <= after.created_at, f"{server_id} in two jobs at a time"
            alive = row.launch_status == "LAUNCHED" and row.instance_id in known
            assert not alive, f"{server_id}: the living {row.instance_id} was to be replaced"


def every_job_was_asked_for_once(play: Stage, **place: str) -> None:
    """A StartRecovery that took effect is one job."""
    calls = [
        call
        for call in play.simulator.calls("StartRecovery", account=place.get("account", "*"))
        if call.status == 202 or (call.fault in ("reset", "truncate") and call.error is None)
    ]
    assert len(play.jobs(**place)) <= len(calls)


def nothing_foreign_was_terminated(play: Stage, run: PlanRun, **place: str) -> None:
    """Only drill instances of this execution's jobs are terminated."""
    ours = {
        server.instance_id
        for job in play.jobs(**place)
        if job.is_drill and job.tags.get(TAG_EXECUTION_ID) == run.record["executionId"]
        for server in job.servers
    }
    for call in play.simulator.calls("TerminateRecoveryInstances", account=place.get("account", "*")):
        assert call.params is not None
        asked = set(call.params["recoveryInstanceIDs"])
        assert asked <= ours, f"not of this execution: {asked - ours}"


def waves_kept_their_order(play: Stage, run: PlanRun, **place: str) -> None:
    """A wave starts behind the jobs of the waves that it depends on."""
    jobs: dict[int, list[Any]] = {}
    for job in play.jobs(**place):
        if TAG_WAVE_NUMBER in job.tags:
            jobs.setdefault(int(job.tags[TAG_WAVE_NUMBER]), []).append(job)
    for number, wave in enumerate(run.plan.waves, start=1):
        for name in run.plan.dependencies(wave.name):
            before = jobs.get(run.plan.wave_number(name), [])
            for job in jobs.get(number, []):
                ends = [
                    earlier.ended_at
                    for earlier in before
                    if earlier.tags[TAG_ATTEMPT] == job.tags[TAG_ATTEMPT]
                ]
                assert all(end is not None and end <= job.created_at for end in ends), wave.name


def the_end_is_true(play: Stage, run: PlanRun) -> None:
    """The terminal status agrees with the run's colour and with what the waves came to."""
    record = run.record
    colour = "success" if run.states["finalize"] == "success" else "failed"
    if record["status"] == "COMPLETED":
        assert {wave["status"] for wave in record["waves"]} == {"COMPLETED"}
    assert (record["status"] in GREEN) or colour == "failed", record["status"]
    assert (colour == "success") <= (record["status"] in GREEN)
    newest = record["attempts"][-1]
    assert newest["attempt"] == record["attempt"] == run.dag_run.clear_number + 1
    assert newest["status"] == record["status"]
    assert [row["attempt"] for row in record["attempts"]] == list(range(1, record["attempt"] + 1))
    finals = [
        event for event in play.events("executionFinalized") if event.get("attempt") == record["attempt"]
    ]
    assert {event["status"] for event in finals} == {record["status"]}


def each_attempt_has_one_report(play: Stage, run: PlanRun) -> None:
    """One report for each attempt, and the record knows its hash."""
    record = run.record
    folder = play.reports / record["planId"] / record["executionId"]
    for row in record["attempts"]:
        names = sorted(path.name for path in folder.glob(f"report-{row['attempt']}*.json"))
        assert names == [f"report-{row['attempt']}.json"]
        content = (folder / names[0]).read_bytes()
        if "reportSha256" in row:
            assert hashlib.sha256(content).hexdigest() == row["reportSha256"]
        assert json.loads(content)
        assert (folder / f"report-{row['attempt']}.html").read_text().rstrip().endswith("</html>")


def ended_as_if_nothing_had_happened(play: Stage, run: PlanRun, *, servers: Sequence[str]) -> None:
    """A drill whose faults were all survived: everything launched once, recorded, and terminated again."""
    assert run.record["status"] == "COMPLETED"
    assert play.launched_servers() == sorted(servers)
    check_everything(play, run)
    if play.has_history:
        stored_as_published(run)
    own = {server.instance_id for job in play.jobs() for server in job.servers}
    rows = [row for wave in run.record["waves"] for row in wave["serverStatuses"]]
    assert {row["instanceId"] for row in rows} == own
    states = play.instances()
    assert {states[instance] for instance in own} == {"terminated"}
    assert {state for instance, state in states.items() if instance not in own} <= {"running"}


def stored_as_published(run: PlanRun) -> None:
    """The history holds what finalize published."""
    stored, record = run.stored, run.record
    for name in ("status", "attempt", "startTime", "endTime", "completedWaves", "failedWaves"):
        assert stored[name] == record[name], name
    for wave in record["waves"]:
        kept = run.wave(wave["waveName"], stored)
        assert kept["status"] == wave["status"]
        assert [row.get("instanceId") for row in kept.get("serverStatuses", [])] == [
            row.get("instanceId") for row in wave.get("serverStatuses", [])
        ]
