"""Which drill instances have outlived their time, and which of them a sweep may terminate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drs_provider.plan.operations import DrillRules

SECONDS_PER_HOUR = 3600.0
DEFAULT_MAX_AGE_SECONDS = DrillRules().max_age_hours * SECONDS_PER_HOUR


class OwnerState(StrEnum):
    """What is known of the execution that launched an instance."""

    NONE = "none"  # its job carries no tags of ours
    BLOCK = "block"  # a building block of some DAG, which nobody but that DAG may clean up
    UNPROVEN = "unproven"  # its tags name an execution that is not known to be this Airflow's
    UNKNOWN = "unknown"  # it could not be asked
    RUNS = "runs"
    OVER = "over"


class InstanceKind(StrEnum):
    """What an instance that is older than it may be is."""

    FOREIGN = "foreign drill instance"
    BLOCK = "drill instance of a building block"
    UNPROVEN = "drill instance of unproven origin"
    UNKNOWN = "drill instance of an execution that could not be asked"
    RUNNING = "old drill instance of a running execution"
    PRE_PROVISIONED = "pre-provisioned instance"
    KEPT = "kept drill instance"
    OUTLIVED = "outlived drill instance"


@dataclass(frozen=True)
class DrillInstance:
    """A recovery instance with ``isDrill``, as a target shows it now.

    :param launched_at: epoch seconds: when its job was created, or else EC2's launch time; None if neither is known
    :param execution_id: the ``ExecutionId`` tag of the job that launched it
    :param plan_name: the ``PlanName`` tag of that job
    :param task: the task of a building block that the job's tags name
    :param may_be_launched_into: EC2 shows the tag that a pre-provisioned instance has
    """

    account_id: str
    region: str
    recovery_instance_id: str
    instance_id: str
    source_server_id: str
    job_id: str | None
    launched_at: float | None
    execution_id: str | None = None
    plan_name: str | None = None
    task: str | None = None
    may_be_launched_into: bool = False

    def age_seconds(self, now: float) -> float | None:
        """Return its age, or None if it is not known."""
        return None if self.launched_at is None else now - self.launched_at


@dataclass(frozen=True)
class Owner:
    """The execution that launched an instance.

    :param max_age_seconds: how old its instances may become
    :param kept: whether plan or run say that its instances stay
    :param told: what is known, or why nothing is
    """

    state: OwnerState
    max_age_seconds: float = DEFAULT_MAX_AGE_SECONDS
    kept: bool = False
    told: str = ""


_KINDS = {
    OwnerState.NONE: InstanceKind.FOREIGN,
    OwnerState.BLOCK: InstanceKind.BLOCK,
    OwnerState.UNPROVEN: InstanceKind.UNPROVEN,
    OwnerState.UNKNOWN: InstanceKind.UNKNOWN,
    OwnerState.RUNS: InstanceKind.RUNNING,
}


def instance_kind(
    instance: DrillInstance, owner: Owner, *, now: float, pre_provisioned: bool = False
) -> InstanceKind | None:
    """Return what an instance is that is too old, or None for one that is not; an unknown age counts as too old."""
    age = instance.age_seconds(now)
    if age is not None and age < owner.max_age_seconds:
        return None
    if owner.state in _KINDS:
        return _KINDS[owner.state]
    if pre_provisioned:
        return InstanceKind.PRE_PROVISIONED
    return InstanceKind.KEPT if owner.kept else InstanceKind.OUTLIVED


@dataclass(frozen=True)
class TerminationPolicy:
    """Whether instances that have outlived their time are to be terminated.

    :param always: ``[drs] sweep_terminate``
    :param asked: by a person, for this sweep
    """

    always: bool = False
    asked: bool = False

    def covers(self, kinds: frozenset[InstanceKind | None]) -> bool:
        """Tell whether an execution's instances may be terminated, by what they are.

        All of them must have outlived their time: None stands for one that has not. What was kept on purpose goes
        only if a person asks.
        """
        if not kinds:
            return False
        allowed: set[InstanceKind | None] = {InstanceKind.OUTLIVED} if self.always or self.asked else set()
        if self.asked:
            allowed.add(InstanceKind.KEPT)
        return kinds <= allowed
