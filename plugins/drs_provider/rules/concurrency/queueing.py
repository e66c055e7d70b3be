"""Who gets a quota that is short: waiting starts of several executions in one account and Region, in one order.

A start that waits for quota leaves a ticket. Whoever wants to launch leaves room for the tickets that go before it, so
that a slot that becomes free is not taken by who happens to look first. Only a wait for quota makes a ticket: what
waits for a busy server cannot use a slot, and keeps none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from drs_provider.core.identity import TAG_EXECUTION_ID, TAG_EXECUTION_TYPE, TAG_PLAN_NAME
from drs_provider.core.states import ExecutionType
from drs_provider.core.texts import named
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.wave.reconcile import API_MAX_SERVERS, Quotas, QuotaUsage

MAX_JOBS_NAMED = 3
MAX_HOLDERS_NAMED = 5


@dataclass(frozen=True)
class Ticket:
    """A start that waits for quota.

    :param priority: of the plan; smaller goes first, but a RECOVERY goes before every DRILL
    :param place: account and Region
    :param servers: how many servers wait for quota
    :param since: epoch seconds from which on it waits
    :param seen_at: epoch seconds at which it looked last; one that does not look any more keeps no room
    """

    execution_id: str
    execution_type: str
    plan_name: str
    run_id: str
    priority: int
    place: str
    wave_number: int
    servers: int
    since: float
    seen_at: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ticket:
        """Read :meth:`to_dict`'s data.

        :raises TypeError: if a field is missing or unknown
        """
        return cls(**data)

    def rank(self) -> tuple[bool, int, float, str, int]:
        """Sort key: who goes first comes first."""
        drill = self.execution_type != ExecutionType.RECOVERY
        return (drill, self.priority, self.since, self.execution_id, self.wave_number)

    @property
    def name(self) -> str:
        """Who it is, for messages."""
        return (
            f"{self.execution_type} of {self.plan_name} (run {self.run_id}, priority {self.priority}, "
            f"wave {self.wave_number})"
        )


def ahead_of(
    own: Ticket, others: Iterable[Ticket], *, now: float, stale_seconds: float
) -> tuple[Ticket, ...]:
    """Return the tickets that go before ours, the first one first.

    :param stale_seconds: a ticket that was not renewed for so long keeps no room
    """
    return tuple(
        sorted(
            (
                other
                for other in others
                if other.place == own.place
                and other.servers > 0
                and (other.execution_id, other.wave_number) != (own.execution_id, own.wave_number)
                and now - other.seen_at <= stale_seconds
                and other.rank() < own.rank()
            ),
            key=Ticket.rank,
        )
    )


def reserved_for(tickets: Iterable[Ticket], quotas: Quotas) -> QuotaUsage:
    """Return the room to be left for tickets."""
    size = min(quotas.servers_per_job, API_MAX_SERVERS)
    waiting = list(tickets)
    return QuotaUsage(
        active_jobs=sum(ceil(ticket.servers / size) for ticket in waiting),
        servers_in_active_jobs=sum(ticket.servers for ticket in waiting),
    )


def job_owner(job: JobView) -> str:
    """Tell whose job it is: the execution that its tags name, or what DRS says of it."""
    plan = job.tags.get(TAG_PLAN_NAME)
    execution = job.tags.get(TAG_EXECUTION_ID)
    if plan and execution:
        return f"{job.tags.get(TAG_EXECUTION_TYPE) or 'execution'} of {plan} (execution {execution})"
    return f"somebody else ({job.initiated_by or job.type or 'unknown'})"


def holders_text(jobs: Iterable[JobView]) -> str:
    """Tell which unfinished jobs of whom fill the quotas, the largest holder first."""
    by_owner: dict[str, list[JobView]] = {}
    for job in jobs:
        if not job.completed:
            by_owner.setdefault(job_owner(job), []).append(job)
    ordered = sorted(by_owner.items(), key=lambda item: (-len(item[1]), item[0]))
    parts = [_holder(owner, held) for owner, held in ordered[:MAX_HOLDERS_NAMED]]
    more = sum(len(held) for _, held in ordered[MAX_HOLDERS_NAMED:])
    return ", ".join([*parts, f"{more} jobs of others"] if more else parts)


def _holder(owner: str, jobs: Sequence[JobView]) -> str:
    ids = sorted(job.job_id for job in jobs)
    servers = sum(job.server_count for job in jobs)
    return f"{owner}: {len(ids)} jobs with {servers} servers ({named(ids, MAX_JOBS_NAMED)})"
