"""Which DRS jobs are this execution's: by their tags, or by the intent stored before the call.

Tags can come late or be dropped, so a job without an ``ExecutionId`` tag may be ours too: if its servers
are among an intent's, it was initiated the way we would, and it was created after the intent was stored.
A job with another execution's tag is never ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from drs_provider.core.identity import TAG_ATTEMPT, TAG_EXECUTION_ID, TAG_WAVE_NUMBER
from drs_provider.core.states import ExecutionType
from drs_provider.rules.drs.jobs import JobServerView, JobView

#: How far our clock may run ahead of DRS's.
CLOCK_SKEW_SECONDS = 30.0


@dataclass(frozen=True)
class StartIntent:
    """What is stored before a StartRecovery is called, and completed with its answer; one per call.

    :param servers: source server ids of the call
    :param created_at: epoch seconds when it was stored, just before the call
    :param job_id: the job that the call answered with; None while no answer is known
    """

    execution_id: str
    wave_number: int
    attempt: int
    account_id: str
    region: str
    is_drill: bool
    servers: tuple[str, ...]
    created_at: float
    job_id: str | None = None

    @property
    def initiated_by(self) -> str:
        """DRS's ``initiatedBy`` of the job that the intent announces."""
        return (ExecutionType.DRILL if self.is_drill else ExecutionType.RECOVERY).initiated_by


@dataclass(frozen=True)
class OwnedJob:
    """A LAUNCH job of this execution and wave, and what proves it.

    :param visible: False if StartRecovery answered with it but DescribeJobs does not show it; its state is
        unknown then, and its servers are those of the call
    """

    job: JobView
    attempt: int
    by: Literal["tags", "intent"]
    visible: bool = True

    def order(self) -> tuple[int, float, str]:
        """Sort key: oldest first."""
        return (self.attempt, self.job.created_at or 0.0, self.job.job_id)


def own_jobs(
    jobs: Iterable[JobView],
    *,
    execution_id: str,
    wave_number: int,
    intents: Iterable[StartIntent] = (),
) -> tuple[OwnedJob, ...]:
    """Return the LAUNCH jobs of this execution's wave, oldest attempt first.

    :param jobs: jobs of the wave's account and Region, of whoever
    :param intents: those of the wave, all attempts; others are ignored
    """
    listed = {job.job_id: job for job in jobs}
    ours = [i for i in intents if i.execution_id == execution_id and i.wave_number == wave_number]
    owned: list[OwnedJob] = []
    untagged: list[JobView] = []
    # A job that does not say its type may be a launch, too: only launches get our tags and match an intent.
    for job in (job for job in listed.values() if job.type in ("LAUNCH", "")):
        if TAG_EXECUTION_ID not in job.tags:
            untagged.append(job)
        elif job.tags[TAG_EXECUTION_ID] == execution_id and job.tags.get(TAG_WAVE_NUMBER) == str(wave_number):
            owned.append(OwnedJob(job, _attempt_tag(job), "tags"))
    owned.extend(_not_shown(intent) for intent in ours if intent.job_id and intent.job_id not in listed)
    owned.extend(_by_intent(untagged, ours, owned))
    return tuple(sorted(owned, key=OwnedJob.order))


def unsettled_servers(
    intents: Iterable[StartIntent],
    owned: Iterable[OwnedJob],
    *,
    after_seconds: float,
) -> dict[str, float]:
    """Return server -> time until which a job of an intent may hold it, although DRS does not show one.

    An intent may have started a job that DescribeJobs does not show yet. Intents whose call is known to
    have been refused must not be passed.

    :param owned: from :func:`own_jobs`; what they hold is settled for that attempt
    :param after_seconds: how long a job may be absent; which of the times of ``rules.drs.graces`` depends on what
        is asked
    """
    seen = {(item.attempt, server) for item in owned if item.visible for server in item.job.server_ids}
    result: dict[str, float] = {}
    for intent in intents:
        for server in intent.servers:
            if (intent.attempt, server) not in seen:
                result[server] = max(result.get(server, 0.0), intent.created_at + after_seconds)
    return result


def _attempt_tag(job: JobView) -> int:
    # A missing or odd number can only have come from outside; the first attempt is the cautious reading.
    text = job.tags.get(TAG_ATTEMPT, "")
    return max(1, int(text)) if text.isascii() and text.isdigit() else 1


def _not_shown(intent: StartIntent) -> OwnedJob:
    job = JobView(
        job_id=intent.job_id or "",
        initiated_by=intent.initiated_by,
        created_at=intent.created_at,
        servers=tuple(JobServerView(server) for server in intent.servers),
    )
    return OwnedJob(job, intent.attempt, "intent", visible=False)


def _by_intent(untagged: list[JobView], intents: list[StartIntent], tagged: list[OwnedJob]) -> list[OwnedJob]:
    """Match untagged jobs to intents; no server gets two jobs in one attempt.

    First the jobs that an intent was answered with; then the newest job with the newest intent that was
    stored before it, so that a job of a retry is not taken for one of the first attempt.
    """
    covered = {(item.attempt, server) for item in tagged for server in item.job.server_ids}
    owned: list[OwnedJob] = []

    def take(job: JobView, intent: StartIntent) -> None:
        owned.append(OwnedJob(job, intent.attempt, "intent"))
        covered.update((intent.attempt, server) for server in job.server_ids)

    newest_first = sorted(intents, key=lambda i: (i.created_at, i.attempt, i.servers), reverse=True)
    answered = {intent.job_id: intent for intent in newest_first if intent.job_id}
    rest = []
    for job in sorted(untagged, key=lambda job: (job.created_at or 0.0, job.job_id), reverse=True):
        if job.job_id in answered:
            take(job, answered[job.job_id])
        else:
            rest.append(job)
    for job in rest:
        for intent in _candidates(job, newest_first):
            if not any((intent.attempt, server) in covered for server in job.server_ids):
                take(job, intent)
                break
    return owned


def _candidates(job: JobView, newest_first: list[StartIntent]) -> list[StartIntent]:
    """Return the intents that the job may come from, the likeliest first."""
    created = job.created_at
    if created is None or not job.servers:
        return []  # without a time, or without servers, nothing is proven
    fitting = [
        intent
        for intent in newest_first
        if job.server_ids <= set(intent.servers)
        and job.initiated_by == intent.initiated_by
        and created >= intent.created_at - CLOCK_SKEW_SECONDS
    ]
    # An intent that is younger than the job fits only through clock skew, so it comes last.
    return sorted(fitting, key=lambda intent: created < intent.created_at)
