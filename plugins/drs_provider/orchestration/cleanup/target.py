"""Where a drill's cleanup stands in one account and Region, and what is left there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.account import AwsTarget
from drs_provider.core.texts import cause, grouped, named
from drs_provider.hooks.aws.errors import is_transient
from drs_provider.orchestration.launch.instances import Told
from drs_provider.rules.cleanup import CleanupStep
from drs_provider.rules.drs.recovery_instances import instance_ids
from drs_provider.rules.drs.unlisted import UnlistedInstance, unlisted_text, untold_text
from drs_provider.rules.record.schema import LeftRow

_STORED = ("instance_ids", "terminate_jobs", "told", "tagged", "pre_provisioned")


@dataclass
class TargetState:
    """What is known of the drill's instances in one target.

    :param instance_ids: EC2 instances that were found to be the drill's, in this step or before
    :param terminate_jobs: DRS jobs that terminate them
    :param told: COMPLETED launch job -> server -> instance, by whatever told it: DRS forgets its recovery instances
    :param tagged: the same of servers whose instances only EC2's tags tell
    :param pre_provisioned: EC2 instances that existed before and were found to be launched into: never terminated
    :param unread: server -> why its launch configuration could not be read; its instance is not terminated
    :param held: EC2 instances of those servers
    :param unproven: what was launched on start intents that do not verify: only its jobs' tags tell whose it is
    :param unlisted: EC2 instances that launches left, and that DRS does not list: only people may end them
    :param untold: servers that were launched, with their jobs, whose instances nothing tells: they may run
    :param problem: what kept the last step from being taken, or from being proven
    :param recorded: as `told`, by the waves' results; they may exist if DRS or EC2 cannot be asked
    """

    target: AwsTarget
    instance_ids: list[str] = field(default_factory=list)
    terminate_jobs: list[str] = field(default_factory=list)
    told: Told = field(default_factory=dict)
    tagged: Told = field(default_factory=dict)
    pre_provisioned: list[str] = field(default_factory=list)
    unread: Mapping[str, Exception] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    unproven: Sequence[str] = ()
    unlisted: Sequence[UnlistedInstance] = ()
    step: CleanupStep = field(default_factory=CleanupStep)
    problem: Exception | None = None
    recorded: Told = field(default_factory=dict)
    untold: Sequence[str] = ()

    @classmethod
    def of(cls, target: AwsTarget, stored: Mapping[str, Any], *, recorded: Told | None = None) -> TargetState:
        """Return it with what :meth:`stored` gave in an earlier step."""
        known = {name: stored[name] for name in _STORED if name in stored}
        return cls(target, **known, recorded=recorded or {})

    def stored(self) -> dict[str, Any]:
        """Return what later steps must know, as plain data."""
        return {name: getattr(self, name) for name in _STORED}

    def known(self, job_id: str) -> dict[str, str]:
        """Return the instances of a launch job that anything told, by server."""
        tellers = (self.tagged, self.recorded, self.told)
        return {server: instance for told in tellers for server, instance in told.get(job_id, {}).items()}

    @property
    def recorded_ids(self) -> set[str]:
        """EC2 instances that the waves' results name."""
        return {instance for servers in self.recorded.values() for instance in servers.values()}

    @property
    def unlisted_ids(self) -> set[str]:
        """EC2's ids of the unlisted instances."""
        return {item.instance_id for item in self.unlisted}

    @property
    def done(self) -> bool:
        """Whether it is proven that nothing of the drill is left."""
        return self.problem is None and not self.unproven and not self.untold and self.step.done

    @property
    def needs_operator(self) -> bool:
        """Whether looking again will not help unless people act."""
        step = self.step
        if step.wait_for or step.unsettled:
            return False
        if self.problem is not None:
            return not is_transient(self.problem)
        unmoved = self.held | instance_ids(step.doubtful) | self.unlisted_ids | set(step.unlisted)
        moving = set(step.remaining) - unmoved
        return not moving and not any(is_transient(error) for error in self.unread.values())

    @property
    def refused(self) -> bool:
        """Whether what is in the way may yet go by itself, or by what people are about to correct."""
        late = self.untold or self.taken_out or any(item.launched for item in self.unlisted)
        return self.problem is not None or bool(self.unread or late)

    @property
    def taken_out(self) -> list[str]:
        """Instances that EC2 has and that DRS does not list as the drill's: it cannot terminate them."""
        return sorted(set(self.step.unlisted) - self.unlisted_ids)

    @property
    def instances_left(self) -> list[str]:
        """EC2 instances that are left, or that may be, because DRS or EC2 could not be asked."""
        found = {*self.step.remaining, *self.step.kept}
        if not found and self.problem is not None:
            found = {*self.instance_ids, *self.recorded_ids} - set(self.pre_provisioned)
        return sorted(found)

    def left_row(self) -> LeftRow:
        """Return what is left as records carry it: account, Region, every instance, and why."""
        why = "; ".join(self._causes()) or "their termination is not proven"
        return {
            "accountId": self.target.account_id,
            "region": self.target.region,
            "instances": self.instances_left,
            "why": why,
        }

    def left(self) -> str:
        """Describe what is left, or may be left."""
        told = {*self.step.kept, *self.unlisted_ids, *self.taken_out}
        others = [item for item in self.instances_left if item not in told]
        parts = [f"instances {named(others)}"] if others else []
        what = "; ".join([*parts, *self._causes()]) or "instances whose termination is not proven"
        return f"account {self.target.account_id}, Region {self.target.region}: {what}"

    def _causes(self) -> list[str]:
        step = self.step
        parts = [
            f"jobs that still launch: {named(step.wait_for)}" if step.wait_for else "",
            f"a start whose job never showed, of {named(step.unsettled)}" if step.unsettled else "",
            f"pre-provisioned instances {named(step.kept)}, which existed before the drill and are never "
            "terminated here; see to them by hand: disconnect and delete their recovery instances in DRS, which leaves "
            "them in EC2"
            if step.kept
            else "",
            f"not terminated, because DRS does not tell all of what proves that they are the drill's: "
            f"{named(step.doubts)}; look at them in DRS before you terminate by hand"
            if step.doubtful
            else "",
            f"not terminated, because it is not known whether they existed before: {named(sorted(self.held))}; "
            f"{self._unread_text()}; make the launch configurations readable, or look at them in DRS before you "
            "terminate by hand"
            if self.unread
            else "",
            unlisted_text(self.unlisted) if self.unlisted else "",
            f"in EC2, but DRS does not list them as the drill's: {named(self.taken_out)}; people may have taken them "
            "out of DRS, and only what it lists is terminated here: terminate them in EC2 by hand"
            if self.taken_out
            else "",
            untold_text(self.untold) if self.untold else "",
            *self.unproven,
            cause(str(self.problem)) if self.problem else "",
        ]
        return [part for part in parts if part]

    def _unread_text(self) -> str:
        causes = grouped((server, str(error)) for server, error in sorted(self.unread.items()))
        return "; ".join(
            f"launch configuration of {named(servers)}: {text}" for text, servers in causes.items()
        )


#: For so long a refusal is looked at again: rights and connections are edited while drills run, and IAM takes a while.
#: So is an instance that DRS does not list: it may do so yet.
REFUSED_SECONDS = 300


def people_must_act(unfinished: Sequence[TargetState], state: TaskState, key: str, *, now: float) -> bool:
    """Tell whether looking again will not help, and has not for a while.

    :param key: where the task's state keeps since when
    :param now: epoch seconds
    """
    needed = all(target.needs_operator for target in unfinished)
    if needed and any(target.refused for target in unfinished):
        return bool(now - state.once(key, now) > REFUSED_SECONDS)
    if state.get(key) is not None:
        state.forget(key)
    return needed
