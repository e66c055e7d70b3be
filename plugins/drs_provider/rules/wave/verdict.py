"""Whether a wave is recovered: the verdict per server and for the wave.

A wave is decided only when all its jobs are COMPLETED and every server is final. A job never fails in
DRS, so success is a matter of servers: a server is recovered if a job of this execution launched it, its
instance exists, and the required post-launch actions succeeded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from drs_provider.core.texts import named, told_causes
from drs_provider.core.times import format_duration
from drs_provider.rules.drs.jobs import JobView, LogEvent
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView
from drs_provider.rules.drs.unlisted import UnlistedInstance
from drs_provider.rules.execution.frozen import FrozenServer
from drs_provider.rules.wave.ownership import OwnedJob
from drs_provider.rules.wave.server_verdict import (
    ServerVerdict,
    WaveFacts,
    WaveRules,
    failed,
    judge_server,
)


@dataclass(frozen=True)
class WaveVerdict:
    """The verdict on a wave.

    :param decided: nothing can change it any more
    :param met: every CRITICAL server is recovered, and at least ``min_launched``; False until decided
    :param servers: in the wave's order
    :param reasons: why it is not met, or what it still waits for
    """

    decided: bool
    met: bool
    servers: tuple[ServerVerdict, ...]
    reasons: tuple[str, ...]

    @property
    def recovered(self) -> int:
        """Number of recovered servers."""
        return sum(server.recovered for server in self.servers)

    @property
    def all_recovered(self) -> bool:
        """Whether the wave is met without exception."""
        return self.met and self.recovered == len(self.servers)

    @property
    def counts(self) -> dict[str, int]:
        """How many servers are recovered, of how many."""
        return {"recovered": self.recovered, "servers": len(self.servers)}


def judge_wave(
    *,
    servers: Sequence[FrozenServer],
    jobs: Iterable[OwnedJob],
    rules: WaveRules,
    now: float,
    log_events: Sequence[LogEvent] = (),
    instances: Mapping[str, RecoveryInstanceView] | None = None,
    ec2_existing: Collection[str] | None = None,
    ec2_ended: Mapping[str, str] | None = None,
    first_seen_completed_at: Mapping[str, float] | None = None,
    expected_jobs: Mapping[str, Collection[str]] | None = None,
    missing_since: Mapping[str, float] | None = None,
    deadline_passed: bool = False,
) -> WaveVerdict:
    """Return the verdict on a wave from what is known now.

    Without ``instances`` and ``ec2_existing`` a LAUNCHED server counts as recovered until they are asked.
    All times are epoch seconds of the caller's own clock.

    :param servers: the wave's servers
    :param jobs: this execution's jobs of the wave; a server's expected job counts, else its newest
    :param log_events: lines of the jobs' logs, for causes
    :param instances: DescribeRecoveryInstances by server; None if not asked
    :param ec2_existing: instance ids that EC2 has; None if not asked, or if EC2 cannot answer
    :param ec2_ended: instance ids that EC2 shows as gone -> its words on that, state and cause
    :param first_seen_completed_at: job id -> when the caller first saw it COMPLETED; graces and the
        post-launch timeout count from there
    :param expected_jobs: job id -> servers, of the jobs that were started or adopted; a server in two of
        them belongs to the one named last
    :param missing_since: job id -> when the caller first failed to find an expected job
    :param deadline_passed: the wave's time is over: what is not recovered now has failed
    """
    facts = WaveFacts(
        rules,
        now,
        log_events,
        instances,
        ec2_existing,
        first_seen_completed_at or {},
        deadline_passed,
        ec2_ended or {},
    )
    # A job that DescribeJobs does not show is known by name only, whatever its view says.
    shown = [own.job for own in sorted(jobs, key=OwnedJob.order) if own.visible]
    sources = _Sources(
        newest={server: job for job in shown for server in job.server_ids},
        jobs={job.job_id: job for job in shown},
        expected={server: job_id for job_id, held in (expected_jobs or {}).items() for server in held},
        missing_since=missing_since or {},
    )
    verdicts = [_judge(server, sources, facts) for server in servers]
    if deadline_passed:
        verdicts = [_at_deadline(verdict, rules) for verdict in verdicts]
    running = [] if deadline_passed else sources.running_jobs(verdicts)
    decided = not running and all(verdict.final for verdict in verdicts)
    if not decided:
        return WaveVerdict(False, False, tuple(verdicts), _waiting_reasons(verdicts, running))
    reasons = failure_reasons(verdicts, rules)
    return WaveVerdict(True, not reasons, tuple(verdicts), reasons)


@dataclass(frozen=True)
class _Sources:
    """Where a server's verdict comes from: its job, or why it has none."""

    newest: Mapping[str, JobView]
    jobs: Mapping[str, JobView]
    expected: Mapping[str, str]
    missing_since: Mapping[str, float]

    def running_jobs(self, verdicts: Iterable[ServerVerdict]) -> list[str]:
        """Return the jobs that hold a server of the wave and are not COMPLETED."""
        ids = {verdict.job_id for verdict in verdicts if verdict.job_id in self.jobs}
        return sorted(job_id for job_id in ids if job_id and not self.jobs[job_id].completed)


def _judge(server: FrozenServer, sources: _Sources, facts: WaveFacts) -> ServerVerdict:
    server_id = server.source_server_id
    expected = sources.expected.get(server_id)
    job = sources.jobs.get(expected) if expected else sources.newest.get(server_id)
    if job is not None:
        return judge_server(server, job, facts)
    verdict = ServerVerdict(server_id, server.name, server.critical, job_id=expected)
    if expected is not None:
        missing_for = facts.now - sources.missing_since.get(expected, facts.now)
        if missing_for < facts.rules.not_found_grace_seconds and not facts.deadline_passed:
            return verdict
        return failed(verdict, f"job {expected} was not found in DRS for {format_duration(missing_for)}")
    if any(not item.completed for item in sources.jobs.values()):
        return verdict  # a young job may not list its servers yet
    return failed(verdict, "no job of this execution holds it")


def _at_deadline(verdict: ServerVerdict, rules: WaveRules) -> ServerVerdict:
    if verdict.final:
        return verdict
    error = f"not finished within {format_duration(rules.timeout_seconds)}"
    if verdict.launch_status is not None:
        error += f" (DRS: {verdict.launch_status}, post-launch actions: {verdict.post_launch_status.value})"
    return failed(verdict, error)


def _waiting_reasons(verdicts: Iterable[ServerVerdict], running: Sequence[str]) -> tuple[str, ...]:
    open_servers = sum(not verdict.final for verdict in verdicts)
    verb = "jobs {} are" if len(running) > 1 else "job {} is"
    reasons = [f"{verb.format(named(running))} running"] if running else []
    if open_servers:
        reasons.append(f"{open_servers} server{'s are' if open_servers != 1 else ' is'} not final")
    return tuple(reasons)


def with_left(verdict: WaveVerdict, rules: WaveRules, left: Iterable[UnlistedInstance]) -> WaveVerdict:
    """Return the verdict with what launches left in EC2 named in their servers' errors."""
    instances = {(item.source_server_id, item.job_id): item.instance_id for item in left}
    servers = [_leaving(server, instances) for server in verdict.servers]
    if tuple(servers) == verdict.servers:
        return verdict
    reasons = failure_reasons(servers, rules) if verdict.decided else verdict.reasons
    return replace(verdict, servers=tuple(servers), reasons=reasons)


def _leaving(server: ServerVerdict, instances: Mapping[tuple[str, str], str]) -> ServerVerdict:
    instance = instances.get((server.source_server_id, server.job_id or ""))
    if instance is None or server.error is None:
        return server
    # First, since DRS's own words may be cut.
    left = f"its instance {instance} is left in EC2, and DRS does not list it: see to it in EC2"
    return failed(server, f"{left}; {server.error}")


def failure_reasons(verdicts: Sequence[ServerVerdict], rules: WaveRules) -> tuple[str, ...]:
    """Return why a wave whose servers are all final does not meet its criteria; nothing if it does."""
    reasons = told_causes(
        "critical server",
        (
            (f"{verdict.name} ({verdict.source_server_id})", str(verdict.error))
            for verdict in verdicts
            if verdict.critical and not verdict.recovered
        ),
    )
    recovered = sum(verdict.recovered for verdict in verdicts)
    if recovered < rules.min_launched:
        reasons.append(f"{recovered} of {len(verdicts)} servers recovered, {rules.min_launched} needed")
    return tuple(reasons)
