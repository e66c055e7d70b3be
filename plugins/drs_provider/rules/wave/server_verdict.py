"""The verdict on one server of a wave; see :mod:`drs_provider.rules.wave.verdict`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from drs_provider.core.states import LaunchStatus
from drs_provider.core.texts import MAX_CAUSE, cause
from drs_provider.core.times import format_duration
from drs_provider.rules.drs.graces import JOB_LOST_AFTER_SECONDS, PENDING_FAILED_AFTER_SECONDS
from drs_provider.rules.drs.jobs import JobServerView, JobView, LaunchActionRun, LogEvent
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView
from drs_provider.rules.execution.frozen import FrozenServer, FrozenWave

#: What DRS or an action says of a failure, in characters: the sentence around it has room in a cause
MAX_RAW = MAX_CAUSE - 60

_UNTOLD = (
    "LAUNCHED, but DRS names no recovery instance of this job; look for one in EC2: while nothing tells it, this "
    "execution does not launch the server again"
)


class PostLaunchStatus(StrEnum):
    """Result of a server's post-launch actions; computed, DRS has no such field."""

    NOT_STARTED = "NOT_STARTED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class WaveRules:
    """What a wave must reach, and how long unclear states are borne; all times in seconds.

    :param min_launched: servers that must be recovered on top of every CRITICAL one
    :param timeout_seconds: the wave's own timeout, for the words of the verdict
    :param post_launch_timeout_seconds: counted from the job's end
    :param pending_grace_seconds: how long a server may be unfinished in a COMPLETED job
    :param not_found_grace_seconds: how long a started job may be missing from DescribeJobs
    """

    min_launched: int = 0
    post_launch_required: bool = False
    timeout_seconds: int = 5_400
    post_launch_timeout_seconds: int = 1_800
    pending_grace_seconds: float = PENDING_FAILED_AFTER_SECONDS
    not_found_grace_seconds: float = JOB_LOST_AFTER_SECONDS

    @classmethod
    def from_wave(
        cls,
        wave: FrozenWave,
        *,
        pending_grace_seconds: float = PENDING_FAILED_AFTER_SECONDS,
        not_found_grace_seconds: float = JOB_LOST_AFTER_SECONDS,
    ) -> WaveRules:
        """Return the rules of a frozen wave."""
        return cls(
            min_launched=wave.min_launched,
            post_launch_required=wave.post_launch_required,
            timeout_seconds=wave.timeout_seconds,
            post_launch_timeout_seconds=wave.post_launch_timeout_seconds,
            pending_grace_seconds=pending_grace_seconds,
            not_found_grace_seconds=not_found_grace_seconds,
        )


@dataclass(frozen=True)
class ServerVerdict:
    """What became of a server.

    :param launch_status: DRS's own word, as it is; None while no job holds the server
    :param recovered: launched by this execution, its instance exists, required actions succeeded
    :param final: False while it may still change
    :param error: why it is not recovered; None while it is not final, or if it is recovered
    """

    source_server_id: str
    name: str
    critical: bool
    launch_status: str | None = None
    job_id: str | None = None
    recovery_instance_id: str | None = None
    recovered: bool = False
    final: bool = False
    error: str | None = None
    post_launch_status: PostLaunchStatus = PostLaunchStatus.NOT_STARTED


@dataclass(frozen=True)
class WaveFacts:
    """What is known of a wave at one moment; see :func:`drs_provider.rules.wave.verdict.judge_wave`."""

    rules: WaveRules
    now: float
    log_events: Sequence[LogEvent] = ()
    instances: Mapping[str, RecoveryInstanceView] | None = None
    ec2_existing: Collection[str] | None = None
    completed_since: Mapping[str, float] = field(default_factory=dict)
    deadline_passed: bool = False
    ec2_ended: Mapping[str, str] = field(default_factory=dict)

    def since_completion(self, job: JobView) -> float:
        """Seconds since the job was first seen COMPLETED, by our own clock."""
        return self.now - self.completed_since.get(job.job_id, self.now)

    def grace_over(self, job: JobView) -> bool:
        """Whether what a COMPLETED job leaves unclear will not be borne any longer."""
        waited = self.since_completion(job) >= self.rules.pending_grace_seconds
        return job.completed and (waited or self.deadline_passed)


def post_launch_status(runs: Iterable[LaunchActionRun]) -> PostLaunchStatus:
    """Return the result of a server's post-launch actions; a failed optional one is not fatal."""
    runs = tuple(runs)
    if not runs:
        return PostLaunchStatus.NOT_STARTED
    if any(run.status == "FAILED" and not run.optional for run in runs):
        return PostLaunchStatus.FAILED
    if any(run.status not in {"SUCCEEDED", "FAILED"} for run in runs):
        return PostLaunchStatus.IN_PROGRESS
    return PostLaunchStatus.COMPLETED


def failure_cause(events: Iterable[LogEvent], job: JobView, source_server_id: str) -> str | None:
    """Return what the job's log says of a server's failure, or None.

    The last failure that has an error text wins, and one of the server before one of the whole job.
    """
    relevant = [event for event in events if _is_failure(event.event) and _of_job(event, job)]
    for owner in (source_server_id, None):
        found = [event for event in relevant if event.source_server_id == owner]
        found.sort(key=lambda event: event.at or 0.0)
        with_text = [event for event in found if event.raw_error]
        if found:
            event = (with_text or found)[-1]
            return f"{event.event}: {cause(event.raw_error, MAX_RAW)}" if event.raw_error else event.event
    return None


def judge_server(server: FrozenServer, job: JobView, facts: WaveFacts) -> ServerVerdict:
    """Return the verdict on a server from the newest job of this execution that holds it."""
    row = job.server(server.source_server_id)
    if row is None:
        return _not_in_its_job(server, job, facts)
    verdict = ServerVerdict(
        source_server_id=server.source_server_id,
        name=server.name,
        critical=server.critical,
        launch_status=row.launch_status,
        job_id=job.job_id,
        recovery_instance_id=_instance_id(row, job, facts),
        post_launch_status=post_launch_status(row.launch_actions),
    )
    if row.launch_status == LaunchStatus.LAUNCHED:
        return _judge_launched(verdict, row, job, facts)
    return _judge_not_launched(verdict, job, facts)


def failed(verdict: ServerVerdict, error: str) -> ServerVerdict:
    """Return the verdict as a final failure."""
    return replace(verdict, recovered=False, final=True, error=cause(error))


def _is_failure(event: str) -> bool:
    return event.endswith(("_FAIL", "_FAILED")) or event in {"SERVER_SKIPPED", "JOB_CANCEL"}


def _of_job(event: LogEvent, job: JobView) -> bool:
    if event.job_id is not None:
        return event.job_id == job.job_id
    # A log without job ids may mix attempts: what is older than the job is not its own.
    return event.at is None or job.created_at is None or event.at >= job.created_at


def _instance_id(row: JobServerView, job: JobView, facts: WaveFacts) -> str | None:
    """Return the instance's id from the job, or from the instance that names the job as its origin."""
    if row.recovery_instance_id:
        return row.recovery_instance_id
    view = (facts.instances or {}).get(row.source_server_id)
    return view.instance_id if view is not None and view.job_id == job.job_id else None


def _not_in_its_job(server: FrozenServer, job: JobView, facts: WaveFacts) -> ServerVerdict:
    verdict = ServerVerdict(server.source_server_id, server.name, server.critical, job_id=job.job_id)
    if not facts.grace_over(job):
        return verdict
    unnamed = f" (DRS lists {len(job.unnamed)} of its servers without their id)" if job.unnamed else ""
    return failed(verdict, f"job {job.job_id} is COMPLETED without this server{unnamed}")


def _judge_launched(
    verdict: ServerVerdict, row: JobServerView, job: JobView, facts: WaveFacts
) -> ServerVerdict:
    problem, certain = _instance_problem(verdict, facts)
    if problem is not None:
        decided = facts.grace_over(job) or (certain and job.completed)
        return failed(verdict, problem) if decided else verdict
    if not facts.rules.post_launch_required or verdict.post_launch_status is PostLaunchStatus.COMPLETED:
        return replace(verdict, recovered=True, final=True)
    if verdict.post_launch_status is PostLaunchStatus.FAILED:
        return failed(verdict, _failed_actions(row))
    limit = facts.rules.post_launch_timeout_seconds
    if facts.since_completion(job) < limit:  # 0 while the job runs
        return verdict
    if verdict.post_launch_status is PostLaunchStatus.NOT_STARTED:
        return failed(
            verdict, f"no post-launch action was started within {format_duration(limit)} of the launch"
        )
    return failed(verdict, f"post-launch actions not finished within {format_duration(limit)} of the launch")


def _instance_problem(verdict: ServerVerdict, facts: WaveFacts) -> tuple[str | None, bool]:
    """Return what is wrong with a LAUNCHED server's instance, and whether time cannot mend it."""
    instance_id = verdict.recovery_instance_id
    if instance_id is None:
        missing = facts.instances is not None
        return (_UNTOLD if missing else None), False
    if facts.ec2_existing is not None:
        if instance_id in facts.ec2_existing:
            return None, True
        end = facts.ec2_ended.get(instance_id)
        return (
            f"LAUNCHED, but EC2 {f'says that {instance_id} is {end}' if end else f'has no instance {instance_id}'}",
            True,
        )
    view = (facts.instances or {}).get(verdict.source_server_id)
    if view is not None and view.instance_id == instance_id and not view.exists:
        return f"LAUNCHED, but DRS says that {instance_id} is {view.ec2_state}", True
    return None, False


def _failed_actions(row: JobServerView) -> str:
    runs = [run for run in row.launch_actions if run.status == "FAILED" and not run.optional]
    texts = [
        f"{run.name}: {cause(run.failure_reason, MAX_RAW)}" if run.failure_reason else run.name
        for run in runs
    ]
    return f"post-launch action failed: {'; '.join(texts)}"


def _judge_not_launched(verdict: ServerVerdict, job: JobView, facts: WaveFacts) -> ServerVerdict:
    found = failure_cause(facts.log_events, job, verdict.source_server_id)
    because = f" ({found})" if found else ""
    if found is not None and found.startswith("SERVER_SKIPPED"):
        return failed(verdict, f"DRS skipped it{because}")
    if verdict.launch_status == LaunchStatus.FAILED:
        return failed(
            verdict,
            f"DRS did not launch it{because or _no_cause(facts.log_events, job, verdict.source_server_id)}",
        )
    if verdict.launch_status == LaunchStatus.TERMINATED:
        return failed(verdict, f"its instance was terminated{because}")
    if facts.grace_over(job):
        return failed(
            verdict,
            f"job {job.job_id} is COMPLETED, but the server is still {verdict.launch_status}{because}",
        )
    return verdict


def _no_cause(events: Iterable[LogEvent], job: JobView, source_server_id: str) -> str:
    """Say that a log tells no cause, and hint at the known one if it has lines, but no conversion of the server."""
    lines = [event for event in events if _of_job(event, job)]
    began = any(
        line.event == "CONVERSION_START" and line.source_server_id in {None, source_server_id}
        for line in lines
    )
    if not lines or began or not job.completed:
        return ": the job log gives no cause"
    # Recorded: a caller without ec2:RunInstances and the like.
    return (
        ": the job log gives no cause, and no conversion began: this is known of callers that lack rights, see "
        "docs/iam.md"
    )
