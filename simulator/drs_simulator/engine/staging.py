"""Extended servers: launching one also makes a conversion job in the account that stages it."""

from __future__ import annotations

from functools import partial

from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import Job, JobServer, Place
from drs_simulator.engine.ids import digest_id
from drs_simulator.engine.jobs import new_job


def convert_in_staging_accounts(call: Call, job: Job) -> None:
    """One CREATE_CONVERTED_SNAPSHOT job for each staging account of the job's servers."""
    by_account: dict[str, list[JobServer]] = {}
    for part in job.servers:
        staging = call.state.servers[part.server_id].spec.staging_account
        if staging is not None:
            staged = digest_id("s-", staging, part.server_id)
            by_account.setdefault(staging, []).append(JobServer(staged))
    for account_id, parts in by_account.items():
        place = Place(account_id, call.state.place.region)
        conversion = new_job(call, place, "CREATE_CONVERTED_SNAPSHOT", "TARGET_ACCOUNT", parts, {})
        profile = call.world.scenario.profile
        begin = call.now + profile.job_start.median
        call.world.agenda.at(begin, partial(_starts, conversion))
        end = begin + profile.snapshot.median + profile.conversion.median
        call.world.agenda.at(end, partial(_ends, conversion))


def _starts(job: Job, at: float) -> None:
    job.status = "STARTED"
    job.note(at, "JOB_START")
    for part in job.servers:
        part.launch_status = "IN_PROGRESS"
        job.note(at, "SNAPSHOT_START", sourceServerID=part.server_id)
    job.touch()


def _ends(job: Job, at: float) -> None:
    for part in job.servers:
        part.launch_status = "LAUNCHED"
        job.note(at, "SNAPSHOT_END", sourceServerID=part.server_id)
    job.note(at, "JOB_END")
    job.complete(at)
