"""What StartRecovery must still be asked for: the difference between a wave and the jobs it has.

StartRecovery has no client token, so asking twice starts two jobs. A retry, a crash between the call and
its answer, a cleared task and a retry of failed servers all go through :func:`decide_start`: jobs of this
execution are adopted, and only servers that no job of ours holds are launched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from drs_provider.core.quotas import DrsQuotas
from drs_provider.core.states import LaunchStatus
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView
from drs_provider.rules.wave.ownership import OwnedJob


@dataclass(frozen=True)
class QuotaUsage:
    """What unfinished jobs of the account and Region, of whoever, take of the quotas."""

    active_jobs: int = 0
    servers_in_active_jobs: int = 0


@dataclass(frozen=True)
class StartDecision:
    """What to do for a wave now. Each server of the wave is adopted, launched, waiting or refused.

    :param adopted: jobs of ours to follow, oldest first
    :param launch: one StartRecovery each
    :param waiting: server -> why it cannot be launched yet; ask again later
    :param quota_limited: those of the waiting ones that wait for quota, and for nothing else
    :param refused: server -> why it must not be launched
    :param done: adopted servers whose launched instance exists
    """

    adopted: tuple[OwnedJob, ...] = ()
    launch: tuple[tuple[str, ...], ...] = ()
    waiting: Mapping[str, str] = field(default_factory=dict, hash=False)
    quota_limited: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict, hash=False)
    done: frozenset[str] = frozenset()


def busy_servers(jobs: Iterable[JobView], owned: Iterable[OwnedJob]) -> dict[str, str]:
    """Return server -> job id for every server in an unfinished job that is not ours, of any type."""
    ours = {item.job.job_id for item in owned}
    unfinished = [job for job in jobs if not job.completed and job.job_id not in ours]
    return {
        server: job.job_id
        for job in sorted(unfinished, key=lambda job: job.job_id)
        for server in sorted(job.server_ids)
    }


def quota_usage(jobs: Iterable[JobView]) -> QuotaUsage:
    """Return what the unfinished ones of all jobs of the account and Region take of the quotas."""
    active = {job.job_id: job for job in jobs if not job.completed}
    return QuotaUsage(len(active), sum(job.server_count for job in active.values()))


def room_for(waiting: Iterable[int], quotas: DrsQuotas) -> QuotaUsage:
    """Return the room that starts take which wait for quota.

    :param waiting: of each, how many servers
    """
    size, counts = quotas.batch_size, list(waiting)
    return QuotaUsage(sum(ceil(servers / size) for servers in counts), sum(counts))


def decide_start(
    *,
    wave_servers: Sequence[str],
    attempt: int,
    owned_jobs: Sequence[OwnedJob],
    busy: Mapping[str, str],
    live_instances: Mapping[str, RecoveryInstanceView],
    existing_instance_ids: Collection[str] | None,
    replace_allowed: Collection[str] = (),
    quotas: DrsQuotas,
    usage: QuotaUsage,
    reserved: QuotaUsage | None = None,
    now: float,
    not_before: Mapping[str, float] | None = None,
    cleaned_up: Collection[str] = (),
    owners: Mapping[str, str] | None = None,
    held: Mapping[str, str] | None = None,
) -> StartDecision:
    """Return which jobs to adopt and which servers to launch, now.

    - A server in a job of this attempt is never launched again, whatever became of it.
    - A server in a job of an earlier attempt is launched again only if that job is COMPLETED and its
      instance does not exist: DRS failed to launch it, or the drill was cleaned up since. One that is LAUNCHED, and
      whose instance nothing tells, may have one.
    - A server in another running job waits: that job may terminate or replace the instance it has.
    - A server that a call may have put into a job which is not visible yet waits, whatever instance it has.
    - A server with a live non-drill instance, or one that DRS describes too badly to know, is refused, unless it may
      be replaced.
    - A server whose drill instance somebody still uses waits.
    - What the quotas have no room for waits.

    :param wave_servers: source server ids in the wave's order; launched in that order
    :param owned_jobs: from ``ownership.own_jobs``, of all attempts
    :param busy: from :func:`busy_servers`
    :param live_instances: DescribeRecoveryInstances of the wave's servers, by server
    :param existing_instance_ids: those that EC2 has, of all instance ids in ``owned_jobs`` and
        ``live_instances``; None if EC2 could not be asked, and then instances count as existing
    :param replace_allowed: servers whose live instance may be replaced, approved for this run
    :param usage: from :func:`quota_usage`
    :param reserved: room that is left to executions that go first
    :param now: epoch seconds
    :param not_before: from ``ownership.unsettled_servers``: a call may have started a job that is not visible yet
    :param cleaned_up: jobs whose instances are proven to be gone, all of them
    :param owners: job -> whose it is, for reasons
    :param held: server -> who uses its drill instance
    """
    held = held or {}
    owned = tuple(sorted(owned_jobs, key=OwnedJob.order))
    facts = _Facts(attempt, owned, busy, live_instances, existing_instance_ids, frozenset(cleaned_up))
    obstacles = _Obstacles(facts, frozenset(replace_allowed), now, not_before or {}, owners or {})
    adopted = {own.job.job_id: own for own in facts.without_servers}
    waiting: dict[str, str] = {}
    refused: dict[str, str] = {}
    done: set[str] = set()
    ready: list[str] = []
    for server in dict.fromkeys(wave_servers):
        own = facts.job_of(server)
        if own is not None:
            adopted[own.job.job_id] = own
            if facts.launched(own, server):
                done.add(server)
        elif server in busy:
            waiting[server] = f"in job {busy[server]}, which must end first"
        # First what will be known soon: a live instance may be that of our own job which is not visible yet.
        elif reason := obstacles.delay(server):
            waiting[server] = reason
        elif reason := obstacles.refusal(server):
            refused[server] = reason
        elif server in held:
            waiting[server] = f"its drill instance is of {held[server]}, which has not ended"
        else:
            ready.append(server)
    launch, quota_limited = _batches(ready, quotas, usage, reserved or QuotaUsage())
    return StartDecision(
        adopted=tuple(sorted(adopted.values(), key=OwnedJob.order)),
        launch=launch,
        waiting=waiting | quota_limited,
        quota_limited=frozenset(quota_limited),
        refused=refused,
        done=frozenset(done),
    )


@dataclass(frozen=True)
class _Facts:
    """What is known of the wave's servers; ``owned`` is oldest first."""

    attempt: int
    owned: tuple[OwnedJob, ...]
    busy: Mapping[str, str]
    live: Mapping[str, RecoveryInstanceView]
    existing: Collection[str] | None
    cleaned_up: frozenset[str] = frozenset()

    def job_of(self, server: str) -> OwnedJob | None:
        """Return the job of ours that holds the server and still counts, the newest first."""
        for own in reversed(self.owned):
            if server not in own.job.server_ids:
                continue
            running = own.visible and not own.job.completed
            if own.attempt >= self.attempt or running:
                return own
            if server not in self.busy and (self._instance_exists(own, server) or self._untold(own, server)):
                return own
        return None

    def _untold(self, own: OwnedJob, server: str) -> bool:
        """Whether the job launched the server, and nothing tells its instance: it may run in EC2."""
        row = own.job.server(server)
        return (
            row is not None
            and row.launch_status == LaunchStatus.LAUNCHED
            and own.job.job_id not in self.cleaned_up
            and self._instance_id(own, server) is None
        )

    @property
    def without_servers(self) -> tuple[OwnedJob, ...]:
        """Running jobs of ours that do not say yet which servers they hold."""
        return tuple(own for own in self.owned if not own.job.completed and not own.job.servers)

    def launched(self, own: OwnedJob, server: str) -> bool:
        row = own.job.server(server)
        return row is not None and row.launch_status == "LAUNCHED" and self._instance_exists(own, server)

    def live_instance(self, server: str) -> RecoveryInstanceView | None:
        """Return the instance that a launch must not remove, if anything says that it lives."""
        view = self.live.get(server)
        if view is None or view.replaceable:
            return None
        in_ec2 = self.existing is not None and view.instance_id in self.existing
        return view if view.exists or in_ec2 else None

    def _instance_exists(self, own: OwnedJob, server: str) -> bool:
        """Whether the instance that this job launched for the server exists; EC2's word goes first."""
        instance_id = self._instance_id(own, server)
        if instance_id is None:
            return False
        if self.existing is not None:
            return instance_id in self.existing
        view = self._view(own, server)
        return view.exists if view is not None else True

    def _view(self, own: OwnedJob, server: str) -> RecoveryInstanceView | None:
        view = self.live.get(server)
        return view if view is not None and view.job_id == own.job.job_id else None

    def _instance_id(self, own: OwnedJob, server: str) -> str | None:
        row, view = own.job.server(server), self._view(own, server)
        return (row.recovery_instance_id if row else None) or (view.instance_id if view else None) or None


@dataclass(frozen=True)
class _Obstacles:
    """Why a server that no job of ours holds cannot be launched now, or at all."""

    facts: _Facts
    replace_allowed: frozenset[str]
    now: float
    not_before: Mapping[str, float]
    owners: Mapping[str, str]

    def refusal(self, server: str) -> str | None:
        live = self.facts.live_instance(server)
        if live is None or server in self.replace_allowed:
            return None
        return _live_reason(live, self.owners)

    def delay(self, server: str) -> str | None:
        if self.facts.without_servers:
            return f"job {self.facts.without_servers[0].job.job_id} does not say yet which servers it holds"
        if self.now < self.not_before.get(server, self.now):
            return "an earlier StartRecovery may have started a job that is not visible yet"
        return None


def _live_reason(view: RecoveryInstanceView, owners: Mapping[str, str]) -> str:
    origin = f" of job {view.job_id}" if view.job_id else ""
    if owner := owners.get(view.job_id or ""):
        origin += f" of {owner}"
    doubt = f" (DRS does not tell its {', '.join(view.missing)})" if view.missing else ""
    return (
        f"has the live recovery instance {view.instance_id or 'without an id'}{origin}{doubt}, which DRS would remove; "
        "to replace it, name the server in replace_live_instances and have that approved"
    )


def _batches(
    ready: Sequence[str], quotas: DrsQuotas, usage: QuotaUsage, reserved: QuotaUsage
) -> tuple[tuple[tuple[str, ...], ...], dict[str, str]]:
    """Cut what fits into as few jobs as possible; the rest waits with a reason."""
    size = quotas.batch_size
    free_jobs = max(0, quotas.concurrent_jobs - usage.active_jobs)
    free_servers = max(0, quotas.servers_in_jobs - usage.servers_in_active_jobs)
    left_jobs = max(0, free_jobs - reserved.active_jobs)
    left_servers = max(0, free_servers - reserved.servers_in_active_jobs)
    room = min(len(ready), left_servers, left_jobs * size)
    starting = ready[:room]
    batches = tuple(tuple(starting[at : at + size]) for at in range(0, room, size))
    if room < min(len(ready), free_servers, free_jobs * size):
        reason = "the quota that is free is left to executions that go first"
    elif free_jobs * size <= free_servers:
        reason = f"quota of {quotas.concurrent_jobs} jobs at a time is used up"
    else:
        reason = f"quota of {quotas.servers_in_jobs} servers in jobs is used up"
    return batches, dict.fromkeys(ready[room:], reason)
