"""The notice with which a RECOVERY cancels a DRILL that holds its servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Required, TypedDict

from drs_provider.core.times import format_time
from drs_provider.rules.concurrency.claims import Claim


class Override(TypedDict, total=False):
    """A record's entry about what somebody set aside: what, with whom, who and why."""

    what: Required[str]
    subject: str
    loosened: str
    serverCount: int
    servers: list[str]
    by: str
    why: str | None
    at: float


@dataclass(frozen=True)
class Preemption:
    """Who cancelled which attempt of a drill. It is sealed for the drill's execution.

    :param attempt: the drill's attempt that ends; a later one is a new decision, and looks at others again
    :param at: epoch seconds
    """

    attempt: int
    by_execution: str
    by_type: str
    by_plan: str
    by_dag_id: str
    by_run_id: str
    by_user: str
    reason: str
    at: float

    @classmethod
    def of(cls, own: Claim, other: Claim, *, reason: str | None, at: float) -> Preemption:
        """Return the notice of one execution to another.

        :param own: of the RECOVERY
        :param other: of the drill
        """
        return cls(
            attempt=other.attempt,
            by_execution=own.execution_id,
            by_type=own.execution_type,
            by_plan=own.plan_name,
            by_dag_id=own.dag_id,
            by_run_id=own.run_id,
            by_user=own.initiated_by,
            reason=reason or "",
            at=at,
        )

    def ends(self, attempt: int, *, run_began: float | None = None) -> bool:
        """Whether it ends this attempt of the drill.

        A part that is cleared while the run lives makes the attempt grow, and is no new decision: the run still is the
        one that was cancelled.

        :param run_began: when the run began, or began anew after its end, in epoch seconds
        """
        return attempt <= self.attempt or (run_began is not None and self.at > run_began)

    def text(self) -> str:
        """Tell the drill's people who cancelled it."""
        started = f", started by {self.by_user}" if self.by_user else ""
        reason = f": {self.reason}" if self.reason else ""
        return (
            f"pre-empted by {self.by_type} of {self.by_plan} (run {self.by_run_id}{started}) at "
            f"{format_time(self.at)}{reason}"
        )

    def message(self) -> str:
        """Return what stops the drill's tasks."""
        return f"{self.text()}. The drill starts nothing more, and cleans up"

    def override(self) -> Override:
        """Return the entry of the drill's record."""
        return {
            "what": f"preempted: cancelled by {self.by_type} of {self.by_plan} (run {self.by_run_id})",
            "subject": f"run {self.by_run_id} of {self.by_dag_id}",
            "by": self.by_user,
            "why": self.reason or None,
            "at": self.at,
        }


def override_of(other: Claim, servers: tuple[str, ...], *, by: str, why: str | None) -> Override:
    """Return the entry of the RECOVERY's record: which drill it cancelled.

    :param servers: names of the common servers
    """
    return {
        "what": f"preempt_drill: cancelled {other.name}",
        "subject": f"run {other.run_id} of {other.dag_id}",
        "serverCount": len(servers),
        "servers": list(servers[:50]),
        "by": by,
        "why": why,
    }
