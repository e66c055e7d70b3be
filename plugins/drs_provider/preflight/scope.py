"""What a check is given: the run, or one target of it with that target's servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from drs_provider.plan.account import AwsTarget
from drs_provider.plan.model import Plan, Wave
from drs_provider.plan.run_conf import RunConf
from drs_provider.plan.states import ExecutionType
from drs_provider.preflight.aws import TargetReads
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.source_server import SourceServer

EVERY_KIND = frozenset(ExecutionType)
DRILLS = frozenset({ExecutionType.DRILL})
RECOVERIES = frozenset({ExecutionType.RECOVERY})


@dataclass(frozen=True)
class RunScope:
    """The run that is checked.

    :param now: epoch seconds
    :param waves: the selected waves, in the plan's order
    :param groups: servers of each group of these waves; a group that could not be resolved is absent
    :param own_jobs: DRS jobs of this execution, of earlier attempts
    :param chosen_snapshots: server → point in time; the check of the snapshots fills it
    """

    plan: Plan
    conf: RunConf
    now: float
    waves: tuple[Wave, ...]
    groups: Mapping[str, tuple[SourceServer, ...]]
    own_jobs: frozenset[str] = frozenset()
    chosen_snapshots: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> ExecutionType:
        """Kind of the execution."""
        return ExecutionType(self.conf.execution_type)

    @property
    def resolved(self) -> bool:
        """Whether every group of the selected waves could be resolved."""
        return all(group in self.groups for wave in self.waves for group in wave.groups)

    @property
    def servers(self) -> dict[str, SourceServer]:
        """All resolved servers by id."""
        return {
            server.source_server_id: server
            for wave in self.waves
            for server in self.servers_of(wave, partly=True) or ()
        }

    def servers_of(self, wave: Wave, *, partly: bool = False) -> tuple[SourceServer, ...] | None:
        """Return the wave's distinct servers, or None if not all of its groups could be resolved.

        :param partly: return what could be resolved instead of None
        """
        if not partly and any(group not in self.groups for group in wave.groups):
            return None
        members = (server for group in wave.groups for server in self.groups.get(group, ()))
        return tuple({server.source_server_id: server for server in members}.values())


@dataclass(frozen=True)
class TargetScope:
    """One target of the run.

    :param servers: the run's distinct servers of this target
    """

    run: RunScope
    reads: TargetReads
    servers: tuple[SourceServer, ...]

    @property
    def target(self) -> AwsTarget:
        """The account context."""
        return self.reads.target

    @property
    def subject(self) -> str:
        """The target, as the subject of a finding."""
        return target_subject(self.target)

    @property
    def place(self) -> str:
        """Account and Region, for messages."""
        return f"account {self.target.account_id}, Region {self.target.region}"

    def named(self, server_ids: Iterable[str]) -> tuple[SourceServer, ...]:
        """Return the servers of this target among these ids."""
        wanted = set(server_ids)
        return tuple(server for server in self.servers if server.source_server_id in wanted)


@dataclass(frozen=True)
class PlanCheck:
    """A check of the whole run, without a call of AWS."""

    find: Callable[[RunScope], Iterable[Finding]]


@dataclass(frozen=True)
class TargetCheck:
    """A check of one target.

    :param topic: what it is about, for the finding that it could not be done
    :param overridable: whether ``preflight: warn`` covers that it could not be done
    :param kinds: kinds of execution that it is for
    """

    topic: str
    find: Callable[[TargetScope], Iterable[Finding]]
    overridable: bool
    kinds: frozenset[ExecutionType] = EVERY_KIND


def target_subject(target: AwsTarget) -> str:
    """Return a target as the subject of a finding."""
    return f"target {target.name}"
