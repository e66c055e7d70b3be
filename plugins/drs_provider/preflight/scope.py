"""What a check is given: the run, or one target of it with that target's servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from drs_provider.core.account import AwsTarget
from drs_provider.core.states import ExecutionType
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan, Wave
from drs_provider.plan.people import People
from drs_provider.preflight.aws import TargetReads
from drs_provider.preflight.catalog import found
from drs_provider.preflight.findings import Finding, ServerRef
from drs_provider.preflight.launches import Launch, LaunchSettings
from drs_provider.preflight.source_server import SourceServer
from drs_provider.preflight.steps import AirflowReads, PlannedStep, planned_steps
from drs_provider.rules.drs.owners import StillRuns
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, by_server
from drs_provider.rules.plan_state.failover import Look

EVERY_KIND = frozenset(ExecutionType)
DRILLS = frozenset({ExecutionType.DRILL})
RECOVERIES = frozenset({ExecutionType.RECOVERY})


@dataclass(frozen=True)
class Ledger:
    """What the targets that were checked before will take, where targets share it.

    :param addresses: subnet → private addresses
    :param vcpus: (account, Region, quota code) → vCPUs
    :param private_ips: (subnet, address) → the server that insists on it
    :param instances: id of a pre-provisioned instance → the server that is launched into it
    """

    addresses: Counter[str] = field(default_factory=Counter)
    vcpus: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    private_ips: dict[tuple[str, str], ServerRef] = field(default_factory=dict)
    instances: dict[str, ServerRef] = field(default_factory=dict)


@dataclass(frozen=True)
class RunScope:
    """The run that is checked.

    :param now: epoch seconds
    :param waves: the selected waves, in the plan's order
    :param groups: servers of each group of these waves; a group that could not be resolved is absent
    :param chosen_snapshots: server → point in time; the check of the snapshots fills it
    :param drill_networks: target → CIDR blocks that looks of a drill may go to; the check of the steps fills it
    :param failover: server → EC2 instance in which it runs in recovery, as it was kept
    :param look: what runs in recovery; the check of that fills it
    :param airflow: what Airflow says of steps; None if nobody can be asked
    :param still_runs: whether another run of Airflow has not ended; None if nobody can be asked
    :param people: teams and persons; None if nobody is to open a gate
    :param initiated_by: login of who starts it
    """

    plan: Plan
    conf: RunConf
    now: float
    waves: tuple[Wave, ...]
    groups: Mapping[str, tuple[SourceServer, ...]]
    chosen_snapshots: dict[str, str] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    drill_networks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failover: Mapping[str, str] = field(default_factory=dict)
    look: Look = field(default_factory=Look)
    airflow: AirflowReads | None = None
    still_runs: StillRuns | None = None
    people: People | None = None
    initiated_by: str = ""

    @cached_property
    def steps(self) -> tuple[PlannedStep, ...]:
        """The steps of the plan around the selected waves."""
        return tuple(planned_steps(self.plan, self.conf, self.waves))

    @property
    def kind(self) -> ExecutionType:
        """Kind of the execution."""
        return ExecutionType(self.conf.execution_type)

    def finding(
        self,
        code: str,
        subject: str,
        message: str,
        remedy: str = "",
        *,
        servers: tuple[ServerRef, ...] = (),
        milder: bool = False,
        overridden: bool = False,
    ) -> Finding:
        """Return a finding of the run, as severe as the catalog says."""
        return found(
            self.kind,
            code,
            subject,
            message,
            remedy,
            servers=servers,
            milder=milder,
            overridden=overridden,
        )

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

    def finding(
        self, code: str, server: ServerRef, message: str, remedy: str = "", *, overridden: bool = False
    ) -> Finding:
        """Return a finding about one of its servers; the report makes one of those that differ in servers only."""
        return self.run.finding(code, self.subject, message, remedy, servers=(server,), overridden=overridden)

    @property
    def place(self) -> str:
        """Account and Region, for messages."""
        return f"account {self.target.account_id}, Region {self.target.region}"

    @property
    def settings(self) -> dict[str, LaunchSettings]:
        """Launch settings by server."""
        rows = self.reads.launch_configurations(server.source_server_id for server in self.servers)
        return {server: LaunchSettings.from_api(row) for server, row in rows.items()}

    @property
    def launches(self) -> tuple[Launch, ...]:
        """The servers that are launched into new instances."""
        settings = self.settings
        templates = self.reads.launch_templates(
            item.template_id for item in settings.values() if item.template_id
        )
        return tuple(
            Launch(server, chosen, templates.get(chosen.template_id))
            for server in self.servers
            if not (chosen := settings[server.source_server_id]).into_instance
        )

    @property
    def earlier_instances(self) -> dict[str, RecoveryInstanceView]:
        """Recovery instances that exist, by server; a launch removes and replaces them."""
        asked = [server.source_server_id for server in self.servers]
        views = by_server(self.reads.recovery_instances.of(asked))
        return {server: view for server, view in views.items() if view.exists}

    def named(self, server_ids: Iterable[str]) -> tuple[SourceServer, ...]:
        """Return the servers of this target among these ids."""
        wanted = set(server_ids)
        return tuple(server for server in self.servers if server.source_server_id in wanted)


@dataclass(frozen=True)
class PlanCheck:
    """A check of the whole run, without a call of AWS.

    :param topic: what it is about, for the finding that it could not be done
    :param overridable: whether ``preflight: warn`` covers that it could not be done
    """

    topic: str
    find: Callable[[RunScope], Iterable[Finding]]
    overridable: bool = False


@dataclass(frozen=True)
class Reading:
    """What several checks must know of AWS first; that it cannot be read is one finding, not one for each check.

    :param overridable: kinds of execution in which ``preflight: warn`` covers that it cannot be read
    :param after: what must have been read before
    """

    topic: str
    read: Callable[[TargetScope], object]
    overridable: frozenset[ExecutionType] = EVERY_KIND
    after: Reading | None = None


@dataclass(frozen=True)
class TargetCheck:
    """A check of one target.

    :param topic: what it is about, for the finding that it could not be done
    :param overridable: whether ``preflight: warn`` covers that it could not be done
    :param kinds: kinds of execution that it is for
    :param needs: what must have been read; otherwise that finding names this check's topic
    :param only_warns: whether it does not stop an execution that it could not be done
    """

    topic: str
    find: Callable[[TargetScope], Iterable[Finding]]
    overridable: bool
    kinds: frozenset[ExecutionType] = EVERY_KIND
    needs: Reading | None = None
    only_warns: bool = False


def target_subject(target: AwsTarget) -> str:
    """Return a target as the subject of a finding."""
    return f"target {target.name}"
