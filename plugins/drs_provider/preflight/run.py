"""The preflight of an execution: every check, one report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from drs_provider.core.account import AwsTarget
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan, Wave
from drs_provider.plan.people import People
from drs_provider.preflight.aws import AwsApis, DrsReads, Ec2Reads, IamReads, StepReads, TargetReads
from drs_provider.preflight.checks.all_checks import PLAN_CHECKS, READINGS, TARGET_CHECKS
from drs_provider.preflight.checks.records import table_is_told_apart, table_reachable
from drs_provider.preflight.findings import Finding, PreflightReport, build_report
from drs_provider.preflight.resolve import group_findings, resolve_group, unnamed_findings
from drs_provider.preflight.scope import Reading, RunScope, TargetScope
from drs_provider.preflight.source_server import SourceServer
from drs_provider.preflight.steps import AirflowReads
from drs_provider.preflight.unreadable import guarded
from drs_provider.rules.drs.owners import StillRuns
from drs_provider.rules.execution.freezing import ResolvedServer
from drs_provider.rules.plan_state.failover import Look


@dataclass(frozen=True)
class PreflightResult:
    """What the plan is frozen from, and whether it may be.

    :param servers: servers of each group of the selected waves; a group that could not be read is absent
    :param snapshots: server → point in time (``pit-…``) to launch from; empty where the latest is wanted
    :param drill_networks: target → CIDR blocks that looks of a drill's steps may go to
    :param look: which servers run in recovery
    """

    report: PreflightReport
    servers: dict[str, list[ResolvedServer]]
    snapshots: dict[str, str]
    drill_networks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    look: Look = field(default_factory=Look)


def run_preflight(
    plan: Plan,
    conf: RunConf,
    *,
    drs: Callable[[AwsTarget], DrsReads],
    ec2: Callable[[AwsTarget], Ec2Reads],
    iam: Callable[[AwsTarget], IamReads],
    steps: Callable[[AwsTarget], StepReads],
    now: float,
    initiated_by: str = "",
    read_history: Callable[[], object] | None = None,
    own_deployment_id: bool = True,
    airflow: AirflowReads | None = None,
    still_runs: StillRuns | None = None,
    failover: Mapping[str, str] | None = None,
    people: People | None = None,
) -> PreflightResult:
    """Check the selected waves of a plan against AWS, reading only, and return all findings at once.

    Raises nothing for what AWS answers or fails to answer: that is in the report. A target that cannot be
    reached does not keep the others from being checked.

    :param drs: gives DRS of a target; it, or its first call, proves the identity
    :param ec2: gives EC2 of a target
    :param iam: gives IAM of a target
    :param steps: gives what steps name in a target
    :param now: epoch seconds
    :param initiated_by: who answers for what the run configuration overrides
    :param read_history: reads something of the history table; None if there is none
    :param own_deployment_id: whether this Airflow has a deployment id of its own, not the default
    :param airflow: what Airflow says of steps
    :param still_runs: whether another run, by DAG and run id, has not ended
    :param failover: server → EC2 instance in which it runs in recovery, as it was kept
    :param people: teams and persons, for an execution with gates
    """
    waves = conf.selected_waves(plan)
    targets = _targets(plan, waves, AwsApis(drs, ec2, iam, steps))
    findings: list[Finding] = []
    groups: dict[str, tuple[SourceServer, ...]] = {}
    run = RunScope(
        plan,
        conf,
        now,
        waves,
        groups,
        airflow=airflow,
        still_runs=still_runs,
        people=people,
        initiated_by=initiated_by,
        failover=failover or {},
    )
    for name, reads in targets.items():
        names = [group for group in _group_names(waves) if plan.protection_groups[group].target == name]
        resolve = partial(_resolve, run, reads, names, groups)
        findings += guarded(run.kind, "source servers", reads.target, resolve, overridable=False)
    for check in PLAN_CHECKS:
        findings += guarded(
            run.kind, check.topic, None, partial(check.find, run), overridable=check.overridable
        )
    for scope in _target_scopes(run, targets):
        findings += _target_findings(scope)
    if read_history is not None:
        findings += table_reachable(run, read_history)
        findings += table_is_told_apart(run, own_deployment_id)
    return PreflightResult(
        report=build_report(
            findings,
            checked_at=now,
            server_count=len(run.servers),
            override=conf.preflight == "warn",
            initiated_by=initiated_by,
        ),
        servers={name: [server.resolved for server in found] for name, found in groups.items()},
        snapshots=dict(run.chosen_snapshots),
        drill_networks=dict(run.drill_networks),
        look=run.look,
    )


def _group_names(waves: tuple[Wave, ...]) -> list[str]:
    return list(dict.fromkeys(group for wave in waves for group in wave.groups))


def _targets(plan: Plan, waves: tuple[Wave, ...], apis: AwsApis) -> dict[str, TargetReads]:
    names = dict.fromkeys(plan.protection_groups[group].target for group in _group_names(waves))
    return {name: TargetReads(plan.targets[name].to_aws_target(name), apis) for name in names}


def _resolve(
    run: RunScope, reads: TargetReads, names: list[str], groups: dict[str, tuple[SourceServer, ...]]
) -> Iterator[Finding]:
    """Put the servers of these groups of one target into ``groups`` and yield what is wrong with them."""
    rows = reads.source_servers
    for name in names:
        group = run.plan.protection_groups[name]
        groups[name] = resolve_group(group, rows)
        yield from group_findings(run.kind, name, group, reads.target, groups[name])
        yield from unnamed_findings(run.kind, name, group, reads.unnamed_servers)


def _target_scopes(run: RunScope, targets: dict[str, TargetReads]) -> Iterator[TargetScope]:
    """Yield the targets that answered and have servers."""
    for name, reads in targets.items():
        servers = {
            server.source_server_id: server
            for group, members in run.groups.items()
            if run.plan.protection_groups[group].target == name
            for server in members
        }
        if servers:
            yield TargetScope(run, reads, tuple(servers.values()))


def _target_findings(scope: TargetScope) -> Iterator[Finding]:
    checks = [check for check in TARGET_CHECKS if scope.run.kind in check.kinds]
    unread: set[Reading] = set()
    for reading in READINGS:
        if reading.after in unread:
            unread.add(reading)
            continue
        found = guarded(
            scope.run.kind,
            reading.topic,
            scope.target,
            partial(_read, scope, reading),
            overridable=scope.run.kind in reading.overridable,
            depending=[
                check.topic
                for check in checks
                if _rests_on(check.needs, reading) and check.topic != reading.topic
            ],
        )
        unread.update([reading] if found else [])
        yield from found
    for check in checks:
        if check.needs not in unread:
            yield from guarded(
                scope.run.kind,
                check.topic,
                scope.target,
                partial(check.find, scope),
                overridable=check.overridable,
                only_warns=check.only_warns,
            )


def _read(scope: TargetScope, reading: Reading) -> Iterable[Finding]:
    reading.read(scope)
    return ()


def _rests_on(needed: Reading | None, reading: Reading) -> bool:
    return needed is not None and (needed is reading or _rests_on(needed.after, reading))
