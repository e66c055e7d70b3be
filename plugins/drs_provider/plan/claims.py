"""Which servers an execution holds, so that no other one touches them while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drs_provider.plan.frozen import FrozenPlan, FrozenWave

#: What cleanup and everything that is not bounded by the plan may take on top.
MARGIN_SECONDS = 4 * 3600


@dataclass(frozen=True)
class Claim:
    """An execution's hold on servers.

    :param servers: ``account/region/server`` -> the server's name
    :param until: epoch seconds after which its owner counts as dead
    """

    execution_id: str
    execution_type: str
    plan_name: str
    dag_id: str
    run_id: str
    initiated_by: str
    servers: Mapping[str, str]
    until: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**vars(self), "servers": dict(self.servers)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Claim:
        """Read :meth:`to_dict`'s data.

        :raises TypeError: if a field is missing or unknown
        """
        return cls(**data)

    def conflict_with(self, other: Claim, *, now: float) -> tuple[str, ...]:
        """Return the names of the servers that both hold, sorted; none if the other one's owner is dead."""
        if other.until <= now or other.execution_id == self.execution_id:
            return ()
        return tuple(sorted(name for server, name in self.servers.items() if server in other.servers))


def claim_of(plan: FrozenPlan, waves: Iterable[FrozenWave]) -> Claim:
    """Return what an execution holds: the servers of its selected waves, for as long as it can last."""
    selected = [wave for wave in waves if wave.selected]
    return Claim(
        execution_id=plan.execution_id,
        execution_type=plan.execution_type.value,
        plan_name=plan.plan_name,
        dag_id=plan.dag_id,
        run_id=plan.dag_run_id,
        initiated_by=plan.initiated_by or "",
        servers={
            f"{wave.target.account_id}/{wave.target.region}/{server.source_server_id}": server.name
            for wave in selected
            for server in wave.servers
        },
        until=plan.started_at + longest_seconds(plan, selected),
    )


def longest_seconds(plan: FrozenPlan, waves: Sequence[FrozenWave]) -> float:
    """Return how long an execution can last, in seconds: all its timeouts one after the other, and a margin."""
    waiting = sum(
        wave.queue_timeout_seconds
        + wave.timeout_seconds
        + wave.post_launch_timeout_seconds
        + wave.gate.timeout_seconds
        for wave in waves
    )
    return waiting + (plan.hold.timeout_seconds if plan.hold.enabled else 0) + MARGIN_SECONDS


def conflict_text(other: Claim, servers: Sequence[str]) -> str:
    """Tell which execution is in the way, and the way out."""
    names = ", ".join(servers[:10]) + (f" and {len(servers) - 10} more" if len(servers) > 10 else "")
    started = f", started by {other.initiated_by}" if other.initiated_by else ""
    return (
        f"{other.execution_type} of {other.plan_name} (run {other.run_id}{started}) is at work on {names}. Wait for "
        f"its end, or mark that run of {other.dag_id} as failed: it then cleans up and lets them go."
    )
