"""What must hold after the drills, whatever was killed: nothing lost, no second job."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from distributed.drills import Ended
from embedded import simulated_aws

ACCOUNT, REGION = "111122223333", "eu-west-1"
_ENDED_WELL = ("success", "skipped")


def jobs_of(simulator_url: str) -> list[dict[str, Any]]:
    """Return all jobs of the simulated DRS, whatever DescribeJobs would show."""
    answer = httpx.get(f"{simulator_url}/moto-api/drs/jobs", trust_env=False, timeout=60.0)
    answer.raise_for_status()
    return list(answer.json()["jobs"])


def problems(drills: Sequence[Ended], jobs: Sequence[Mapping[str, Any]], simulator_url: str) -> list[str]:
    """Return everything that is wrong; empty if nothing is."""
    found = [text for drill in drills for text in _ended_badly(drill)]
    found += [text for drill in drills for text in _launched_wrongly(drill, jobs)]
    executions = {drill.record.get("executionId") for drill in drills}
    found += [
        f"job {job['job_id']} belongs to none of the drills"
        for job in jobs
        if job["kind"] == "LAUNCH" and job["tags"].get("ExecutionId") not in executions
    ]
    if found:
        return found
    return [text for drill in drills for text in _left_behind(drill, simulator_url)]


def _ended_badly(drill: Ended) -> Iterator[str]:
    status = drill.record.get("status")
    if (drill.run_state, status) != ("success", "COMPLETED"):
        yield f"{drill.plan}: run {drill.run_state}, {status}: {drill.record.get('errorMessage')}"
    for task_id, task in drill.tasks.items():
        if task["state"] not in _ENDED_WELL:
            yield f"{drill.plan}: {task_id} is {task['state']} (try {task['try_number']})"


def _launched_wrongly(drill: Ended, jobs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each server of the record is in exactly one LAUNCH job of its execution."""
    own = [job for job in jobs if job["tags"].get("ExecutionId") == drill.record.get("executionId")]
    launched = Counter(
        server["server_id"] for job in own if job["kind"] == "LAUNCH" for server in job["servers"]
    )
    waves = drill.record.get("waves", ())
    wanted = [row["sourceServerId"] for wave in waves for row in wave["serverStatuses"]]
    if not wanted:
        yield f"{drill.plan}: the record has no server"
    for server in {*wanted, *launched}:
        if launched[server] != 1 or server not in wanted:
            yield f"{drill.plan}: {server} was launched {launched[server]} times"


def _left_behind(drill: Ended, simulator_url: str) -> Iterator[str]:
    states = simulated_aws.instance_states(simulator_url, drill.record)
    if left := [each for each, state in states.items() if state != "terminated"]:
        yield f"{drill.plan}: instances left: {', '.join(left)}"
    stored = simulated_aws.stored_record(simulator_url, ACCOUNT, drill.record["executionId"])
    if stored is None or stored["status"] != drill.record["status"]:
        yield f"{drill.plan}: the history table has {stored and stored['status']}"
    attempt = drill.record["attempts"][-1]
    if "reportUri" not in attempt:
        yield f"{drill.plan}: no report was written"
        return
    bucket, _, key = attempt["reportUri"].partition("://")[2].rpartition("@")[2].partition("/")
    s3 = simulated_aws.client("s3", simulator_url, ACCOUNT, REGION)
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    if hashlib.sha256(content).hexdigest() != attempt["reportSha256"]:
        yield f"{drill.plan}: {attempt['reportUri']} is not the report that the record names"
