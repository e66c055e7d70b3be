"""The recovery plan: its schema, its references and what other layers ask it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from drs_provider.core.account import AwsTarget
from drs_provider.core.canonical import content_hash
from drs_provider.core.identity import OWN_DAGS, dag_id_of
from drs_provider.plan.fields import (
    MAX_PLAN_TAGS,
    Key,
    Line,
    PlanModel,
    PlanTagKey,
    PlanTagValue,
    Slug,
    refusal,
)
from drs_provider.plan.operations import DrillRules, Exclusion, Hold, Notification, Schedule
from drs_provider.plan.outline import GroupOutline, Outline, RecoveryOutline, WaveOutline, idle_events
from drs_provider.plan.people import Logins
from drs_provider.plan.problems import quoted_list
from drs_provider.plan.references import REFERENCES_ERROR, Finding, check_references
from drs_provider.plan.sections import (
    DrillNetwork,
    NetworkRules,
    Objectives,
    ProtectionGroup,
    RecoveryRules,
    Target,
)
from drs_provider.plan.steps.base import StepModel, wants_target
from drs_provider.plan.steps.checks import LookStep
from drs_provider.plan.steps.kinds import AfterLastSteps, BeforeFirstSteps
from drs_provider.plan.waves import Gate, OptionalServers, PostLaunch, Wave

__all__ = [
    "DrillNetwork",
    "DrillRules",
    "Exclusion",
    "Gate",
    "Hold",
    "Library",
    "NetworkRules",
    "Notification",
    "Objectives",
    "OptionalServers",
    "Plan",
    "PostLaunch",
    "ProtectionGroup",
    "RecoveryRules",
    "Schedule",
    "Target",
    "Wave",
]

MAX_WAVES = 100

SchemaVersion = Annotated[Literal[1], Field(description="Version of this file format.")]


class SharedParts(PlanModel):
    """What plans and libraries have alike."""

    schema_version: SchemaVersion = 1
    targets: dict[Key, Target] = Field(default={}, description="Accounts and Regions, by name.")
    protection_groups: dict[Key, ProtectionGroup] = Field(
        default={}, description="Sets of DRS source servers, by name."
    )


class Library(SharedParts):
    """A plans file with only targets, protection groups, teams and persons, for all plans of the folder."""

    teams: dict[Key, Logins] = Field(
        default={}, description="Logins of the members by team; lists of plans name one as team:<name>."
    )
    persons: dict[Line, Logins] = Field(
        default={},
        description="Logins by person, of those who have several, or share one: two-person rules compare persons.",
    )


class Plan(SharedParts):
    """A recovery plan, complete in itself: what it uses of libraries is merged into it.

    Validation refuses unknown fields, names that lead nowhere, servers named twice, dependency cycles
    and everything else that a run could not honour.
    """

    name: Slug = Field(description="Name of the plan (planId); its DAG is drs_<name>.")
    title: Line | None = Field(default=None, description="Title for people.")
    owner: Line | None = Field(default=None, description="Who looks after the plan; owner of the DAG.")
    business_function: Line | None = Field(default=None, description="What this plan protects.")
    criticality: Annotated[int, Field(strict=True, ge=1, le=10)] | None = Field(
        default=None, description="How critical the business function is; 1 is the most critical."
    )
    priority: Annotated[int, Field(strict=True, ge=1, le=1000)] = Field(
        default=100, description="Admission when quotas are short: smaller goes first."
    )
    tags: Annotated[dict[PlanTagKey, PlanTagValue], Field(max_length=MAX_PLAN_TAGS)] = Field(
        default={}, description="Tags of every recovery job, beside the execution's own."
    )
    network: NetworkRules | None = Field(default=None, description="Where drills may launch.")
    objectives: Objectives = Field(default=Objectives(), description="What the plan promises.")
    recovery: RecoveryRules = Field(
        default=RecoveryRules(), description="Who may start and approve a RECOVERY."
    )
    waves: Annotated[tuple[Wave, ...], Field(min_length=1, max_length=MAX_WAVES)] = Field(
        description="What is recovered, in order."
    )
    before_first: BeforeFirstSteps = Field(
        default=(), description="Steps before the first waves, after the gates of those."
    )
    after_last: AfterLastSteps = Field(
        default=(), description="Steps after the last waves; in a drill before it is held."
    )
    schedule: Schedule | None = Field(default=None, description="When drills run by themselves.")
    drill: DrillRules = Field(default=DrillRules(), description="What happens to a drill's instances.")
    notifications: tuple[Notification, ...] = Field(default=(), description="Who is told what.")

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if whose := OWN_DAGS.get(dag_id_of(name)):
            raise refusal(f"`{name}` is taken: {dag_id_of(name)} is {whose}'s DAG", "choose another name")
        return name

    @model_validator(mode="after")
    def _references(self) -> Self:
        findings = [
            *check_references(self._outline()),
            *self._steps_without_target(),
            *self._steps_that_leave_drills(),
        ]
        if findings:
            text = "; ".join(str(finding) for finding in findings)
            raise PydanticCustomError(REFERENCES_ERROR, "{text}", {"text": text, "findings": findings})
        return self

    def _steps_without_target(self) -> Iterator[Finding]:
        """Steps around all waves act in the plan's only target; which one of several would be a guess."""
        around: dict[str, tuple[StepModel, ...]] = {
            "before_first": self.before_first,
            "after_last": self.after_last,
        }
        for place, steps in around.items():
            for index, step in enumerate(steps):
                if len(self.targets) > 1 and wants_target(step):
                    yield Finding(
                        (place, index),
                        f"`{step.label}` acts in one target, and the plan has {quoted_list(sorted(self.targets))}",
                        "make it a step of a wave",
                    )

    def _steps_that_leave_drills(self) -> Iterator[Finding]:
        """Looks of a drill that leave its networks, or of which nobody could tell."""
        networks = bool(self.network and self.network.drill.allowed_subnets)
        for path, step in self.steps:
            if isinstance(step, LookStep) and (told := step.leaves_drill(networks=networks)):
                yield Finding(path, f"`{step.label}`: {told[0]}", told[1])

    def _outline(self) -> Outline:
        return Outline(
            waves=tuple(_wave_outline(index, wave) for index, wave in enumerate(self.waves)),
            own_targets=frozenset(self.targets),
            own_groups={
                name: GroupOutline(group.target, group.servers, listed=group.tags is None)
                for name, group in self.protection_groups.items()
            },
            recovery=RecoveryOutline(**dict(self.recovery)),
            idle_events=idle_events(
                self.objectives.model_dump(), (item.events for item in self.notifications)
            ),
        )

    @property
    def steps(self) -> Iterator[tuple[tuple[str | int, ...], StepModel]]:
        """Every step, with its path in the file."""
        lists: list[tuple[tuple[str | int, ...], tuple[StepModel, ...]]] = [
            (("before_first",), self.before_first)
        ]
        for number, wave in enumerate(self.waves):
            lists += [(("waves", number, "before"), wave.before), (("waves", number, "after"), wave.after)]
        for path, steps in (*lists, (("after_last",), self.after_last)):
            yield from (((*path, index), step) for index, step in enumerate(steps))

    @property
    def dag_id(self) -> str:
        """Id of the plan's DAG."""
        return dag_id_of(self.name)

    @property
    def display_title(self) -> str:
        """Title for people; the name where the plan has none."""
        return self.title or self.name

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of the plan's content with all defaults, whatever the order of its keys."""
        return content_hash(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return JSON data that ``Plan.model_validate`` turns into an equal plan."""
        return self.model_dump(mode="json")

    def wave(self, name: str) -> Wave:
        """Return the wave of this name.

        :raises KeyError: if the plan has no such wave
        """
        return self.waves[self.wave_number(name) - 1]

    def wave_number(self, name: str) -> int:
        """Return the wave's number, counted from 1 in the order of the file.

        :raises KeyError: if the plan has no such wave
        """
        for number, wave in enumerate(self.waves, start=1):
            if wave.name == name:
                return number
        raise KeyError(f"plan {self.name} has no wave {name!r}")

    def dependencies(self, wave_name: str) -> tuple[str, ...]:
        """Return the waves that must be met first: ``depends_on``, or by default the wave before.

        :raises KeyError: if the plan has no such wave
        """
        number = self.wave_number(wave_name)
        wave = self.waves[number - 1]
        if wave.depends_on is not None:
            return wave.depends_on
        return (self.waves[number - 2].name,) if number > 1 else ()

    @property
    def named_people(self) -> tuple[str, ...]:
        """Logins and teams (``team:<name>``) that lists of the plan name, each once."""
        steps = [*self.before_first, *self.after_last]
        lists = [names for _, names in self.recovery if names]
        for wave in self.waves:
            steps += [*wave.before, *wave.after]
            if wave.gate:
                lists += [wave.gate.approvers, wave.gate.escalate_to]
        lists += [step.approvers for step in steps]
        return tuple(dict.fromkeys(name for names in lists for name in names))

    def groups_of(self, wave: Wave) -> dict[str, ProtectionGroup]:
        """Return the wave's protection groups by name, in the wave's order."""
        return {name: self.protection_groups[name] for name in wave.groups}

    def selection_of(self, wave: Wave) -> str:
        """Tell how the servers of a wave are chosen: by which tags, or how many are listed."""
        parts = []
        for name, group in self.groups_of(wave).items():
            if group.tags is not None:
                tags = ", ".join(f"{key}={value}" for key, value in sorted(group.tags.items()))
                parts.append(f"{name}: tags {tags}")
            else:
                parts.append(f"{name}: {len(group.servers)} listed")
        return "; ".join(parts)

    def target_of(self, wave: Wave) -> AwsTarget:
        """Return the account context that all groups of the wave share."""
        name = self.protection_groups[wave.groups[0]].target
        return self.targets[name].to_aws_target(name)

    def aws_targets(self) -> tuple[AwsTarget, ...]:
        """Return all account contexts of the plan, in the order of the file."""
        return tuple(target.to_aws_target(name) for name, target in self.targets.items())

    def listed_servers(self, waves: Iterable[Wave]) -> frozenset[str] | None:
        """Return the servers of these waves, or None if tags decide over some of them at run time."""
        groups = [group for wave in waves for group in self.groups_of(wave).values()]
        if any(group.tags is not None for group in groups):
            return None
        return frozenset(server for group in groups for server in group.servers)


def _wave_outline(index: int, wave: Wave) -> WaveOutline:
    gate = wave.gate or Gate()
    return WaveOutline(
        index=index,
        name=wave.name,
        groups=wave.groups,
        depends_on=wave.depends_on,
        optional_servers=wave.optional.servers if wave.optional else (),
        min_launched=wave.min_launched if isinstance(wave.min_launched, int) else None,
        gate_approvers=gate.approvers,
        gate_escalate_to=gate.escalate_to,
        two_people=gate.two_people != "never",
        two_in_recovery=gate.people("RECOVERY") > 1,
    )
