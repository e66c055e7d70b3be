"""Waves of a plan and what belongs to one: gate, optional servers, post-launch rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from drs_provider.plan.fields import (
    UNIQUE_ITEMS,
    Key,
    Message,
    MinLaunched,
    Minutes,
    PlanModel,
    ServerId,
    Slug,
    TagSelector,
    Unique,
    refusal,
)
from drs_provider.plan.people import LoginOrTeam
from drs_provider.plan.steps.kinds import AfterSteps, BeforeSteps

ExecutionTypeName = Literal["DRILL", "RECOVERY"]

DEFAULT_POST_LAUNCH_MINUTES: Final = 30


class Gate(PlanModel):
    """A pause before a wave until a person answers."""

    message: Message | None = Field(default=None, description="What the approver should look at first.")
    approvers: Annotated[tuple[LoginOrTeam, ...], Unique] = Field(
        default=(),
        description="Logins, and teams (team:<name>), of those who may answer; empty: whoever may act on the run.",
        json_schema_extra=UNIQUE_ITEMS,
    )
    two_people: Literal["never", "drill", "recovery", "always"] = Field(
        default="never", description="When two different people must approve."
    )
    timeout_minutes: Minutes = Field(
        default=60, description="How long the gate waits for an answer before on_timeout."
    )
    on_timeout: Literal["reject", "approve", "escalate"] = Field(
        default="reject",
        description="What a timeout means in a drill; escalate: the next of escalate_to are asked as well, and the "
        "gate stays open. In a RECOVERY it always escalates.",
    )
    remind_after_minutes: Minutes | None = Field(
        default=None,
        description="After how long people are reminded: again and again by a gate that escalates, else once; left "
        "out: at half of timeout_minutes.",
    )
    escalate_to: Annotated[tuple[LoginOrTeam, ...], Unique] = Field(
        default=(),
        description="Logins and teams that are asked as well, one after the other, each timeout_minutes after the "
        "one before; left out, in a RECOVERY: those of recovery.escalate_to.",
        json_schema_extra=UNIQUE_ITEMS,
    )

    @model_validator(mode="after")
    def _reminds_in_time(self) -> Self:
        if self.remind_after_minutes is not None and self.remind_after_minutes > self.timeout_minutes:
            raise refusal(
                f"remind_after_minutes ({self.remind_after_minutes}) is longer than timeout_minutes "
                f"({self.timeout_minutes})",
                "remind people before the next ones are asked",
            )
        return self

    def people(self, execution_type: ExecutionTypeName) -> Literal[1, 2]:
        """Return how many different people must approve in an execution of this type."""
        return 2 if self.two_people in ("always", execution_type.lower()) else 1

    def timeout_policy(self, execution_type: ExecutionTypeName) -> Literal["reject", "approve", "escalate"]:
        """Return what a timeout means; in a RECOVERY it decides nothing."""
        return self.on_timeout if execution_type == "DRILL" else "escalate"

    @property
    def reminds_after_minutes(self) -> int:
        """After how many minutes people are reminded."""
        return self.remind_after_minutes or max(1, self.timeout_minutes // 2)


class OptionalServers(PlanModel):
    """Servers of a wave whose failure does not fail it; all others are CRITICAL."""

    servers: Annotated[tuple[ServerId, ...], Unique] = Field(
        default=(), description="DRS source server IDs.", json_schema_extra={**UNIQUE_ITEMS, "minItems": 1}
    )
    tags: TagSelector | None = Field(default=None, description="Servers that have all these tags.")

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.servers and self.tags is None:
            raise refusal("it names no servers", "give servers or tags, or remove `optional`")
        return self

    def matches(self, source_server_id: str, tags: Mapping[str, str]) -> bool:
        """Return whether the server is optional, by its ID or by its DRS tags."""
        if source_server_id in self.servers:
            return True
        return self.tags is not None and all(tags.get(key) == value for key, value in self.tags.items())


class PostLaunch(PlanModel):
    """Whether DRS post-launch actions decide over a server."""

    drill: Literal["ignore", "require"] = Field(default="ignore", description="In a DRILL.")
    recovery: Literal["ignore", "require"] = Field(default="ignore", description="In a RECOVERY.")
    timeout_minutes: Minutes = Field(
        default=DEFAULT_POST_LAUNCH_MINUTES,
        description="How long required actions may take.",
    )

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.drill == self.recovery == "ignore" and self.timeout_minutes != DEFAULT_POST_LAUNCH_MINUTES:
            raise refusal(
                "timeout_minutes does nothing while post-launch actions are ignored",
                "say `require` for drill or recovery, or remove timeout_minutes",
            )
        return self

    def required(self, execution_type: ExecutionTypeName) -> bool:
        """Return whether post-launch actions must succeed in an execution of this type."""
        return (self.drill if execution_type == "DRILL" else self.recovery) == "require"


class Wave(PlanModel):
    """Servers of one target that are recovered together."""

    name: Slug = Field(description="Name of the wave, unique in the plan; part of task ids.")
    groups: Annotated[tuple[Key, ...], Field(min_length=1), Unique] = Field(
        description="Names of protection groups, all of the same target.", json_schema_extra=UNIQUE_ITEMS
    )
    depends_on: Annotated[tuple[Slug, ...], Unique] | None = Field(
        default=None,
        description="Waves that must be met first. Left out: the wave before; []: none, starts at once.",
        json_schema_extra=UNIQUE_ITEMS,
    )
    optional: OptionalServers | None = Field(
        default=None, description="Servers whose failure does not fail the wave."
    )
    min_launched: MinLaunched | None = Field(
        default=None,
        description="Least number (5) or share (80%) of servers, on top of every CRITICAL server.",
    )
    post_launch: PostLaunch = Field(
        default=PostLaunch(), description="Whether DRS post-launch actions decide over a server."
    )
    gate: Gate | None = Field(default=None, description="Pause before this wave until a person answers.")
    timeout_minutes: Minutes = Field(
        default=90, description="How long the wave may take per attempt, waiting for people excluded."
    )
    queue_timeout_minutes: Minutes = Field(
        default=60, description="How long the wave may wait for quota or for servers busy in another job."
    )

    before: BeforeSteps = Field(
        default=(), description="Steps after the wave's gate and before its servers are launched."
    )
    after: AfterSteps = Field(
        default=(), description="Steps after its servers are launched; the wave is decided by them."
    )

    def is_critical(self, source_server_id: str, tags: Mapping[str, str]) -> bool:
        """Return whether the server must recover for the wave to be met."""
        return self.optional is None or not self.optional.matches(source_server_id, tags)

    def min_launched_of(self, total: int) -> int:
        """Return how many of ``total`` servers must launch; 0 if the plan asks for no number.

        A percentage is rounded up.
        """
        if self.min_launched is None:
            return 0
        if isinstance(self.min_launched, str):
            return -(-total * int(self.min_launched.removesuffix("%")) // 100)
        return self.min_launched
