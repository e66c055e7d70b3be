"""What a start has to wait for: servers in other jobs, and DRS quotas. Such findings only warn."""

from __future__ import annotations

from collections.abc import Iterator

from drs_provider.core.quotas import DrsQuotas
from drs_provider.plan.model import Wave
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import TargetScope
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.wave.reconcile import QuotaUsage, quota_usage

_QUOTA_REMEDY = (
    "Nothing to do if the wave may wait (queue_timeout_minutes). Otherwise ask AWS for a higher quota, or "
    "let the other jobs end first."
)


def busy_servers(scope: TargetScope) -> Iterator[Finding]:
    """Yield a warning for servers that are in an unfinished job of somebody else, of any type."""
    for job in scope.reads.active_jobs:
        servers = scope.named(job.server_ids)
        if servers:
            yield scope.run.finding(
                "server_busy",
                scope.subject,
                f"servers are in {_description(job)}; their waves wait for it, up to queue_timeout_minutes",
                "Wait until that job has ended. DRS jobs cannot be cancelled.",
                servers=tuple(server.ref() for server in servers),
            )


def _description(job: JobView) -> str:
    return f"job {job.job_id} ({job.type or 'of unknown type'}, {job.initiated_by or 'initiator unknown'})"


def quotas(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings where the account's quotas make a wave wait, or launch in several jobs."""
    limits = scope.reads.quotas
    if limits.problem:
        yield scope.run.finding(
            "quotas_assumed",
            scope.subject,
            f"DRS quotas of {scope.place} could not be read, AWS's published ones are assumed: {limits.problem}",
            "Grant servicequotas:ListServiceQuotas if it is denied, or set the account's quotas in [drs] quotas.",
        )
    usage = quota_usage(scope.reads.active_jobs)
    if usage.active_jobs >= limits.concurrent_jobs:
        yield _quota(
            scope,
            "job_quota_used_up",
            f"{usage.active_jobs} of {limits.concurrent_jobs} concurrent jobs are running in {scope.place}",
        )
    for wave in scope.run.waves:
        yield from _wave_quotas(scope, wave, limits, usage)


def _wave_quotas(scope: TargetScope, wave: Wave, limits: DrsQuotas, usage: QuotaUsage) -> Iterator[Finding]:
    if scope.run.plan.target_of(wave) != scope.target:
        return
    count = len(scope.run.servers_of(wave, partly=True) or ())
    jobs = -(-count // limits.batch_size)
    if count > limits.batch_size:
        yield scope.run.finding(
            "several_jobs",
            f"wave {wave.name}",
            f"its {count} servers are launched by {jobs} jobs, since a job takes {limits.batch_size}",
        )
    if jobs > 1 and usage.active_jobs + jobs > limits.concurrent_jobs:
        yield _quota(
            scope,
            "job_quota_short",
            f"wave {wave.name} needs {jobs} jobs, {usage.active_jobs} others are running, and "
            f"{limits.concurrent_jobs} may run in {scope.place}: it is launched in portions",
        )
    if usage.servers_in_active_jobs + count > limits.servers_in_jobs:
        yield _quota(
            scope,
            "server_quota_short",
            f"wave {wave.name} has {count} servers, {usage.servers_in_active_jobs} others are in jobs, and "
            f"{limits.servers_in_jobs} may be in {scope.place}: it is launched in portions",
        )


def _quota(scope: TargetScope, code: str, message: str) -> Finding:
    return scope.run.finding(code, scope.subject, message, _QUOTA_REMEDY)
