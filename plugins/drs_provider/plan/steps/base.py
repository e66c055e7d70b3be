"""What all steps of a plan have in common, whatever their kind."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from drs_provider.plan.fields import UNIQUE_ITEMS, Flag, Minutes, PlanModel, Slug, Unique, refusal
from drs_provider.plan.people import LoginOrTeam
from drs_provider.plan.problems import did_you_mean, quoted_list
from drs_provider.plan.steps.placeholders import ALL, OF_SERVER, OF_TARGET, OF_WAVE, placeholders

Mode = Literal["drill", "recovery"]
Each = Literal["server", "wave"]
OnFailure = Literal["ask", "fail", "continue"]
#: Where a step stands: in a wave before its launches or after them, or before the first wave and after the last one
Place = Literal["before", "after", "before_first", "after_last"]

DEFAULT_PARALLEL: Final = 10
DEFAULT_ACTION_MINUTES: Final = 60


class StepModel(PlanModel):
    """Fields of every step; :class:`CheckModel` and :class:`ActionModel` add their defaults.

    A kind's own fields are all others.
    """

    name: Slug | None = Field(
        default=None,
        description="Name of the step, unique in its list; part of a task id. Left out: its kind.",
    )
    together: Flag = Field(
        default=False, description="true: starts at the same time as the step above it, not after it."
    )
    each: Each | None = Field(
        default=None,
        description="server: for each recovered server of the wave, and decides over that server; "
        "wave: once, and decides over the wave. Left out: server if the step uses a value of a server.",
    )
    parallel: Annotated[int, Field(strict=True, ge=1, le=100)] | None = Field(
        default=None,
        description="With each: server, for how many servers at a time; left out: 10.",
    )
    timeout_minutes: Minutes = Field(
        default=DEFAULT_ACTION_MINUTES, description="How long each try of the step may take."
    )
    retries: Annotated[int, Field(strict=True, ge=0, le=10)] = Field(
        default=0, description="How often it is tried again by itself, after it failed or its time was over."
    )
    required: Flag = Field(
        default=True, description="false: a failure is only recorded, and no recovery time counts to it."
    )
    repeatable: Flag = Field(
        default=False,
        description="Whether a retry of the wave runs it again although it has passed.",
    )
    modes: Annotated[tuple[Mode, ...], Field(min_length=1), Unique] = Field(
        default=("recovery",),
        description="In which executions it runs.",
        json_schema_extra=UNIQUE_ITEMS,
    )
    on_failure: OnFailure | None = Field(
        default=None,
        description="ask: people decide (Retry, Accept, Fail); fail: the wave has failed; continue: only recorded. "
        "Left out: ask in a RECOVERY, fail in a DRILL.",
    )

    approvers: Annotated[tuple[LoginOrTeam, ...], Unique] = Field(
        default=(),
        description="Logins, and teams (team:<name>), of those whom the step may ask; left out: the approvers of its "
        "wave's gate.",
        json_schema_extra=UNIQUE_ITEMS,
    )

    @property
    @abstractmethod
    def kind(self) -> str:
        """Its kind, as ``check`` or ``run`` names it."""

    @property
    def label(self) -> str:
        """Its name, by default its kind."""
        return self.name or self.kind

    def settings(self) -> dict[str, Any]:
        """Return the kind's own fields as plain data."""
        common = {*StepModel.model_fields, "check", "run"}
        return self.model_dump(mode="json", exclude=common, exclude_none=True)

    @property
    def needs_servers(self) -> bool:
        """Whether it looks at recovered servers themselves, so that it has no meaning before they are launched."""
        return False

    @property
    def needs_target(self) -> bool:
        """Whether it calls AWS, in the account and Region of its wave."""
        return True

    @property
    def of_server(self) -> tuple[str, ...]:
        """The values of a server that it uses."""
        return tuple(sorted({name for name in placeholders(self.settings()) if name in OF_SERVER}))

    def each_at(self, place: Place) -> Each:
        """Return whether it runs for each server or once, at a place."""
        by_itself = place == "after" and (self.needs_servers or self.of_server)
        return self.each or ("server" if by_itself else "wave")

    def runs_in(self, execution_type: str) -> bool:
        """Whether an execution of this type runs it."""
        return execution_type.lower() in self.modes

    def on_failure_in(self, execution_type: str) -> OnFailure:
        """Return what its failure means in an execution of this type."""
        if not self.required:
            return "continue"
        return self.on_failure or ("fail" if execution_type == "DRILL" else "ask")

    @property
    def asks(self) -> bool:
        """Whether it may ask people."""
        return any(self.on_failure_in(mode.upper()) == "ask" for mode in self.modes)

    @model_validator(mode="after")
    def _placeholders(self) -> Self:
        for name in placeholders(self.settings()):
            if name not in ALL:
                known = [f"{{{item}}}" for item in ALL]
                remedy = did_you_mean(f"{{{name}}}", known, f"use {quoted_list(known)}")
                raise refusal(f"unknown placeholder `{{{name}}}`", remedy)
        return self

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.required and self.on_failure not in (None, "continue"):
            raise refusal(
                f"on_failure: {self.on_failure} does nothing in a step with required: false",
                "remove one of them",
            )
        if self.approvers and not self.asks:
            raise refusal(
                "approvers do nothing in a step that asks nobody", "remove them, or write on_failure: ask"
            )
        return self


class CheckModel(StepModel):
    """A step that looks until what it wants is there, or its time is over."""

    check: str
    timeout_minutes: Minutes = Field(description="How long to look before the check has failed.")
    repeatable: Flag = Field(
        default=True, description="false: a retry of the wave believes a check that has passed before."
    )
    modes: Annotated[tuple[Mode, ...], Field(min_length=1), Unique] = Field(
        default=("drill", "recovery"),
        description="In which executions it runs.",
        json_schema_extra=UNIQUE_ITEMS,
    )

    @property
    def kind(self) -> str:
        """Its kind."""
        return self.check


class ActionModel(StepModel):
    """A step that does something once."""

    run: str

    @property
    def kind(self) -> str:
        """Its kind."""
        return self.run


def misplaced(step: StepModel, place: Place) -> tuple[str, str] | None:
    """Return message and remedy if a step cannot stand at a place; None if it can."""
    each = step.each_at(place)
    found = sorted(set(placeholders(step.settings())))
    of_server = [f"`{{{name}}}`" for name in step.of_server]
    of_wave = [f"`{{{name}}}`" for name in found if name in OF_WAVE]
    if place != "after" and (each == "server" or step.needs_servers or of_server):
        what = [*of_server, f"`{step.kind}`" if step.needs_servers else "`each: server`"][0]
        return (
            f"{what} needs recovered servers, which `{place}` steps do not have",
            "move it to a wave's `after`",
        )
    if each == "wave" and of_server:
        return (
            f"{of_server[0]} is a value of one server, and the step runs once",
            "write each: server, or leave the placeholder out",
        )
    if each == "wave" and step.needs_servers:
        return f"`{step.kind}` looks at each server, and the step runs once", "leave `each` out"
    if each == "wave" and step.parallel is not None:
        return "parallel does nothing in a step that runs once", "remove it, or write each: server"
    if place in ("before_first", "after_last") and of_wave:
        return f"{of_wave[0]} is a value of a wave, and `{place}` belongs to none", "leave it out"
    return None


def wants_target(step: StepModel) -> bool:
    """Whether a step acts in, or names, the account and Region of one target."""
    return step.needs_target or any(name in OF_TARGET for name in placeholders(step.settings()))
