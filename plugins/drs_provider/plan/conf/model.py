"""The run configuration of an execution: what a person asked of it, checked and complete."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from drs_provider.plan.fields import (
    ExactLine,
    Flag,
    Line,
    Message,
    PlanModel,
    ServerId,
    SnapshotId,
    Unique,
)
from drs_provider.plan.model import Plan, Wave


class SnapshotRule(PlanModel):
    """Which point in time is recovered.

    ``latest``: DRS takes the newest; ``not_after``: the newest whose timestamp is not after a time
    (epoch seconds); ``named``: the snapshot of ``snapshot_ids``, and the newest for servers not in it.
    """

    kind: Literal["latest", "not_after", "named"] = "latest"
    not_after: float | None = None
    snapshot_ids: dict[ServerId, SnapshotId] = Field(default={})


class RunConf(PlanModel):
    """A checked run configuration, complete with the defaults of plan and system.

    :param confirm_plan: the plan's name, exactly
    :param initiated_by: a name given by the caller; stored as ``requestedBy``, it proves nothing
    :param incident_time: when the disaster began, epoch seconds UTC; RTO counts from it
    :param waves: names of the waves to run, in the plan's order; empty: all
    :param pause_before: names of selected waves whose gates are armed in addition to the plan's
    :param failed_back: why the plan has failed back, though instances of its RECOVERY run on outside of DRS
    :param cleanup: what happens to the drill's instances: the plan's value, or the one asked for
    """

    execution_type: Literal["DRILL", "RECOVERY"] = "DRILL"
    confirm_plan: ExactLine | None = None
    reason: Message | None = None
    ticket: Line | None = None
    initiated_by: Line | None = None
    incident_time: float | None = None
    source_state: Literal["unknown", "lost", "fenced"] = "unknown"
    waves: Annotated[tuple[Line, ...], Unique] = ()
    pause_before: Annotated[tuple[Line, ...], Unique] = ()
    skip_gates: Flag = False
    snapshots: SnapshotRule = SnapshotRule()
    preflight: Literal["enforce", "warn"] = "enforce"
    dry_run: Flag = False
    cleanup: Literal["terminate", "keep"] = "terminate"
    replace_live_instances: Annotated[tuple[ServerId, ...], Unique] = ()
    preempt_drill: Flag = False
    failed_back: Message | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON data that ``RunConf.model_validate`` turns into an equal configuration."""
        return self.model_dump(mode="json")

    def selected_waves(self, plan: Plan) -> tuple[Wave, ...]:
        """Return the waves of the plan that this execution runs, in the plan's order."""
        return tuple(wave for wave in plan.waves if not self.waves or wave.name in self.waves)
