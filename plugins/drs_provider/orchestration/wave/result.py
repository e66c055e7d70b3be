"""The result of a wave: instance data read in bulk, the verdict, and the wave's record fields."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from drs_provider import keys
from drs_provider.core.account import AwsTarget
from drs_provider.core.texts import cause, hides, message
from drs_provider.exceptions import DrsError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.ec2.ec2_api import Ec2Api
from drs_provider.hooks.ec2.ec2_rows import instance_end, instance_exists, instance_fields
from drs_provider.orchestration.launch.instances import left_in_ec2
from drs_provider.rules.drs.jobs import JobView, LogEvent, launched_instances, parse_jobs, parse_log
from drs_provider.rules.drs.recovery_instances import (
    RecoveryInstanceView,
    instance_ids,
    instances_by_server,
    parse_instances,
)
from drs_provider.rules.drs.unlisted import UnlistedInstance
from drs_provider.rules.record.execution_record import job_row
from drs_provider.rules.record.schema import ServerRow, WaveResult, without_empty
from drs_provider.rules.record.servers import server_phases, server_row
from drs_provider.rules.wave.server_verdict import ServerVerdict
from drs_provider.rules.wave.verdict import WaveVerdict, with_left
from drs_provider.rules.wave.watch import WaveWatch
from drs_provider.runtime.channels.rows import polled_rows
from drs_provider.runtime.execution import Execution

log = logging.getLogger(__name__)


@dataclass
class Evidence:
    """What DRS and EC2 say of a wave.

    :param left: instances in EC2 that launches left, and that DRS does not list
    :param incomplete: why instance data is missing, or None
    :param checks: EC2's status checks by instance
    :param checks_unread: why they could not be read, or None; nothing depends on them
    """

    jobs: tuple[JobView, ...]
    logs: dict[str, tuple[LogEvent, ...]] = field(default_factory=dict)
    instances: dict[str, RecoveryInstanceView] | None = None
    ec2: dict[str, Mapping[str, Any]] | None = None
    left: tuple[UnlistedInstance, ...] = ()
    incomplete: str | None = None
    checks: dict[str, dict[str, str]] = field(default_factory=dict)
    checks_unread: str | None = None


class Access(Protocol):
    """Who asks AWS: an execution, or a building block."""

    def drs(self, target: AwsTarget) -> DrsApi:
        """Return the DRS calls in a target."""

    def ec2(self, target: AwsTarget) -> Ec2Api:
        """Return the EC2 calls in a target."""


def gather(execution: Access, watch: WaveWatch) -> Evidence:
    """Read the wave's jobs, their logs, recovery instances and EC2 instances.

    The jobs must be readable. If DRS or EC2 cannot tell about instances, the result is flagged and `finalize` reads
    them again; "there is no such instance" is an answer.
    """
    drs = execution.drs(watch.wave.target)
    jobs = parse_jobs(drs.jobs(watch.job_ids))
    evidence = Evidence(jobs=tuple(job for job in jobs if job.job_id in watch.job_ids))
    for job in evidence.jobs:
        with _noting(evidence, watch):
            evidence.logs[job.job_id] = parse_log(drs.job_log(job.job_id), job.job_id)
    evidence.jobs = tuple(
        job.with_instances(launched_instances(evidence.logs.get(job.job_id, ()))) for job in evidence.jobs
    )
    _log_whole_texts(evidence)
    with _noting(evidence, watch):
        rows = drs.recovery_instances(source_server_ids=watch.wave.server_ids)
        evidence.instances = instances_by_server(rows, watch.wave.server_ids)
        ec2 = execution.ec2(watch.wave.target)
        evidence.left, _ = left_in_ec2(drs, ec2, evidence.jobs, parse_instances(rows))
    with _noting(evidence, watch):
        evidence.ec2 = dict(execution.ec2(watch.wave.target).instances(_instance_ids(evidence)))
    _read_checks(execution, watch, evidence)
    return evidence


def _read_checks(execution: Access, watch: WaveWatch, evidence: Evidence) -> None:
    there = [key for key, row in (evidence.ec2 or {}).items() if instance_exists(row)]
    try:
        evidence.checks = execution.ec2(watch.wave.target).status_checks(there)
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("EC2's status checks of wave %s cannot be read: %s", watch.wave.number, error)
        evidence.checks_unread = cause(str(error))


@contextmanager
def _noting(evidence: Evidence, watch: WaveWatch) -> Iterator[None]:
    """Go on without what cannot be read, so that one missing right does not hide what the others show."""
    try:
        yield
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("Instance data of wave %s is incomplete: %s", watch.wave.number, error)
        evidence.incomplete = f"{evidence.incomplete}; {error}" if evidence.incomplete else str(error)


def _log_whole_texts(evidence: Evidence) -> None:
    """Log what DRS says of failures where results and records keep only a part of it."""
    for events in evidence.logs.values():
        for event in events:
            if event.raw_error and hides(event.raw_error):
                log.warning("%s of %s: %s", event.event, event.source_server_id or "the job", event.raw_error)
    for job in evidence.jobs:
        for row in job.servers:
            for run in row.launch_actions:
                if run.failure_reason and hides(run.failure_reason):
                    log.warning("Action %s of %s: %s", run.name, row.source_server_id, run.failure_reason)


def _instance_ids(evidence: Evidence) -> list[str]:
    ids = instance_ids((evidence.instances or {}).values())
    return sorted(ids.union(*(job.instance_ids for job in evidence.jobs)))


def judge(
    watch: WaveWatch, evidence: Evidence, *, now: float, cleaned_up: Collection[str] = ()
) -> WaveVerdict:
    """Return the verdict on a wave from everything that is known.

    :param cleaned_up: instances that existed until the drill's cleanup, which count as existing
    """
    existing = None
    if evidence.ec2 is not None:
        existing = {key for key, row in evidence.ec2.items() if instance_exists(row)} | set(cleaned_up)
    verdict = watch.judge(
        evidence.jobs,
        now=now,
        log_events=[event for events in evidence.logs.values() for event in events],
        # DRS forgets an instance that was cleaned up.
        instances=None if cleaned_up else evidence.instances,
        ec2_existing=existing,
        ec2_ended={key: end for key, row in (evidence.ec2 or {}).items() if (end := instance_end(row))},
    )
    return with_left(verdict, watch.rules, evidence.left)


def wave_result(
    execution: Execution,
    watch: WaveWatch,
    evidence: Evidence,
    verdict: WaveVerdict,
    *,
    status: str,
    error: str | None,
) -> WaveResult:
    """Return the wave's record fields and what gates and messages say of it."""
    attempts = {job.job_id: job.attempt for job in watch.jobs}
    jobs = sorted(evidence.jobs, key=lambda job: (attempts[job.job_id], job.created_at or 0.0))
    failed = [server.name for server in verdict.servers if not server.recovered]
    impaired = [
        server.name
        for server in verdict.servers
        if "impaired" in evidence.checks.get(server.recovery_instance_id or "", {}).values()
    ]
    result: dict[str, Any] = {
        "waveNumber": watch.wave.number,
        "attempt": execution.attempt,
        "status": status,
        "startTime": min(
            (job.created_at for job in evidence.jobs if job.created_at), default=execution.now()
        ),
        "endTime": max((job.ended_at for job in evidence.jobs if job.ended_at), default=execution.now()),
        "lastPolledTime": execution.now(),
        "jobs": [job_row(job, attempts[job.job_id]) for job in jobs],
        "serverStatuses": _rows(execution, watch, evidence, verdict),
        "errorMessage": error,
        "enrichmentIncomplete": True if evidence.incomplete else None,
        "statusChecksUnread": evidence.checks_unread,
        "serversTotal": len(verdict.servers),
        "serversRecovered": verdict.recovered,
        "failedServers": failed,
        "impairedServers": impaired or None,
    }
    return cast("WaveResult", without_empty(result))


class UndecidedWaveError(Exception):
    """The jobs have ended, and DRS or EC2 does not show yet what they launched."""


def completed_wave(
    execution: Execution,
    watch: WaveWatch,
    *,
    cleaned_up: Collection[str] = (),
    look_again: bool = False,
) -> WaveResult:
    """Return the result of a wave whose jobs have ended: COMPLETED or FAILED, with its instance data.

    :param cleaned_up: instances that existed until the drill's cleanup
    :param look_again: whether the caller looks again if DRS or EC2 lags behind the jobs
    :raises UndecidedWaveError: if it should; grace periods and the wave's deadline bound it
    """
    wave = watch.wave
    evidence = gather(execution, watch)
    verdict = judge(watch, evidence, now=execution.now(), cleaned_up=cleaned_up)
    status, error = "COMPLETED", None
    if look_again and not verdict.decided and _have_ended(watch, evidence.jobs):
        raise UndecidedWaveError("; ".join(verdict.reasons))
    if not verdict.decided:
        # Only a sensor that was marked as success by hand leads here: the state is evidence, the colour is not.
        status = "FAILED"
        error = message(f"wave {wave.number} ({wave.name}) has not ended: {'; '.join(verdict.reasons)}")
    elif not verdict.met:
        status = "FAILED"
        error = message(f"wave {wave.number} ({wave.name}) failed: {'; '.join(verdict.reasons)}")
    return wave_result(execution, watch, evidence, verdict, status=status, error=error)


def _have_ended(watch: WaveWatch, jobs: Collection[JobView]) -> bool:
    return {job.job_id for job in jobs if job.completed} >= set(watch.job_ids)


def _rows(
    execution: Execution, watch: WaveWatch, evidence: Evidence, verdict: WaveVerdict
) -> Sequence[Mapping[str, Any]]:
    waiting = keys.wave_task_id(watch.wave.number, watch.wave.name, keys.WAIT_FOR_RECOVERY)
    polled = {row["sourceServerId"]: row for row in polled_rows(execution.view, waiting)}
    return server_rows(watch, evidence, verdict, is_drill=execution.plan.is_drill, polled=polled)


def server_rows(
    watch: WaveWatch,
    evidence: Evidence,
    verdict: WaveVerdict,
    *,
    is_drill: bool,
    polled: Mapping[str, Mapping[str, Any]],
) -> list[ServerRow]:
    """Return the record's row of every server.

    :param polled: the rows of the last poll, by source server
    """
    jobs = {job.job_id: job for job in evidence.jobs}
    phases = {job_id: server_phases(events) for job_id, events in evidence.logs.items()}
    servers = {server.source_server_id: server for server in watch.wave.servers}
    return [
        server_row(
            servers[judged.source_server_id],
            is_drill=is_drill,
            job=jobs.get(judged.job_id or ""),
            phases=phases.get(judged.job_id or "", {}).get(judged.source_server_id, ()),
            instance=_instance(judged, evidence),
            verdict=_verdict_fields(judged),
            previous=cast("ServerRow | None", polled.get(judged.source_server_id)),
        )
        for judged in verdict.servers
    ]


def _verdict_fields(judged: ServerVerdict) -> dict[str, Any]:
    return {
        "launchStatus": judged.launch_status,
        "error": judged.error,
        "recoveryInstanceId": judged.recovery_instance_id,
        "postLaunchActionsStatus": judged.post_launch_status.value,
    }


def _instance(judged: ServerVerdict, evidence: Evidence) -> dict[str, Any]:
    view = (evidence.instances or {}).get(judged.source_server_id)
    fields: dict[str, Any] = {}
    if view is not None and view.job_id == judged.job_id:
        fields = {"instanceId": view.instance_id, "pointInTime": view.point_in_time}
    row = (evidence.ec2 or {}).get(judged.recovery_instance_id or "")
    if checks := evidence.checks.get(judged.recovery_instance_id or ""):
        fields["statusChecks"] = checks
    return fields | (instance_fields(row) if row else {})
