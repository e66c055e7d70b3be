"""Looking for drill instances that have outlived their time, in every account and Region of every plan."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drs_provider.core.account import AwsTarget
from drs_provider.core.answers import Members
from drs_provider.core.identity import TAG_EXECUTION_ID, TAG_PLAN_NAME, is_runbook, task_of_tags
from drs_provider.core.texts import cause
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.ec2.ec2_rows import instance_exists
from drs_provider.orchestration.launch.launch_into import launched_into
from drs_provider.orchestration.sweep.executions import Executions, KnownExecution
from drs_provider.orchestration.sweep.scope import LOOK_ERRORS, SESSION, SweepScope
from drs_provider.rules.drs.jobs import JobView, parse_jobs
from drs_provider.rules.drs.launch_into import may_be_launched_into
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, parse_instances
from drs_provider.rules.sweep.conf import SweepConf
from drs_provider.rules.sweep.instances import (
    DrillInstance,
    InstanceKind,
    Owner,
    OwnerState,
    TerminationPolicy,
    instance_kind,
)
from drs_provider.rules.sweep.report import Finding, SweepReport
from drs_provider.runtime.execution import AwsAccess

log = logging.getLogger(__name__)

_REMEDIES = {
    InstanceKind.FOREIGN: "Whoever launched it must say whether it may go; nobody here knows.",
    InstanceKind.BLOCK: "Let its DAG terminate it: run or clear its terminating task; or do it in DRS by hand.",
    InstanceKind.UNPROVEN: "If it is of this Airflow, terminate it in DRS by hand; else leave it to its own.",
    InstanceKind.UNKNOWN: "See the failures below; the next sweep looks again.",
    InstanceKind.RUNNING: "Bring the execution to its end; its own cleanup then terminates it.",
    InstanceKind.PRE_PROVISIONED: "It existed before the drill and is never terminated here; see to it by hand.",
    InstanceKind.KEPT: "It was kept on purpose: terminate it in DRS, or trigger the sweeper with terminate.",
    InstanceKind.OUTLIVED: "Clear the run's cleanup_drill, or trigger the sweeper with terminate.",
}


@dataclass(frozen=True)
class JudgedInstance:
    """A drill instance, and what it is; ``kind`` is None if it has not outlived its time."""

    instance: DrillInstance
    kind: InstanceKind | None
    owner: Owner
    execution: KnownExecution | None


@dataclass
class InstanceSweep:
    """One look at the drill instances of every account and Region.

    :param known: what was found of executions so far, by id
    """

    scope: SweepScope
    conf: SweepConf
    executions: Executions
    report: SweepReport
    now: float
    known: dict[str, KnownExecution] = field(default_factory=dict)

    def run(self) -> list[JudgedInstance]:
        """Return all drill instances; what could not be looked at is in the report."""
        found: list[JudgedInstance] = []
        for ways in self.scope.places():
            wanted = [target for target in ways if self.conf.wants(target)]
            if wanted:
                found += self._place(wanted)
        return found

    def _place(self, ways: list[AwsTarget]) -> list[JudgedInstance]:
        """Look at one account and Region, by the first way that leads into it."""
        problems = []
        for target in ways:
            try:
                instances, doubts = _drill_instances(target)
            except LOOK_ERRORS as error:
                # What is wrong in one account must not hide the instances of another one.
                log.warning("Account %s, Region %s: %s", target.account_id, target.region, error)
                problems.append(
                    f"connection {target.connection}, role {target.role or 'none'}: {cause(str(error))}"
                )
                continue
            self._row(target, "ok", len(instances))
            self.report.notes += doubts
            return [self._judge(instance, target) for instance in instances]
        self._row(ways[0], "failed", 0)
        place = f"account {ways[0].account_id}, Region {ways[0].region}"
        self.report.failures.append(f"{place} could not be looked at: {'; '.join(problems)}")
        return []

    def _row(self, target: AwsTarget, state: str, count: int) -> None:
        row = {
            "accountId": target.account_id,
            "region": target.region,
            "state": state,
            "drillInstances": count,
        }
        self.report.targets.append(row)

    def _judge(self, instance: DrillInstance, target: AwsTarget) -> JudgedInstance:
        known = self._execution_of(instance)
        owner = known.owner if known else Owner(OwnerState.NONE, told="its job carries no tags of ours")
        kind = instance_kind(instance, owner, now=self.now)
        if kind in (InstanceKind.OUTLIVED, InstanceKind.KEPT):
            try:
                before = _existed_before(AwsAccess(SESSION).drs(target), instance)
            except LOOK_ERRORS as error:
                self.report.failures.append(
                    f"{instance.instance_id}: left alone, launch configuration of {instance.source_server_id}: {error}"
                )
                kind = InstanceKind.UNKNOWN
            else:
                kind = instance_kind(instance, owner, now=self.now, pre_provisioned=before)
        return JudgedInstance(instance, kind, owner, known)

    def _execution_of(self, instance: DrillInstance) -> KnownExecution | None:
        if instance.task is not None:
            return KnownExecution(Owner(OwnerState.BLOCK, told=f"launched by task {instance.task}"))
        execution_id = instance.execution_id
        if execution_id is None:
            return None
        if is_runbook(execution_id):
            told = f"the runbook of {instance.plan_name} launched it, without Airflow: whoever ran it terminates it"
            return KnownExecution(Owner(OwnerState.UNPROVEN, told=told))
        if execution_id not in self.known:
            try:
                self.known[execution_id] = self.executions.find(execution_id, instance.plan_name)
            except LOOK_ERRORS as error:
                self.report.failures.append(
                    f"execution {execution_id} of {instance.plan_name}: it could not be asked, its instances were left "
                    f"alone: {error}"
                )
                self.known[execution_id] = KnownExecution(Owner(OwnerState.UNKNOWN, told=str(error)))
        return self.known[execution_id]


_NOT_THERE: Mapping[str, Any] = {"State": {"Name": "terminated"}}


def _drill_instances(target: AwsTarget) -> tuple[list[DrillInstance], list[str]]:
    """Return the drill instances of a target, and what is to be said of instances that may be a drill's, or not."""
    access = AwsAccess(SESSION)
    drs = access.drs(target)
    views = [view for view in parse_instances(drs.recovery_instances()) if view.exists]
    drills = [view for view in views if view.is_drill and view.identified]
    doubts = [
        f"account {target.account_id}, Region {target.region}: {view.name} was left alone, because DRS does not tell "
        f"its {', '.join(view.missing)}"
        for view in views
        if "isDrill" in view.missing or not view.identified
    ]
    jobs = {job.job_id: job for job in parse_jobs(drs.jobs(sorted({v.job_id for v in drills if v.job_id})))}
    rows = access.ec2(target).instances(sorted(view.instance_id for view in drills))
    # DRS learns late that an instance was terminated in EC2.
    there = [view for view in drills if instance_exists(rows.get(view.instance_id, _NOT_THERE))]
    found = [_instance(target, view, jobs.get(view.job_id or ""), rows[view.instance_id]) for view in there]
    return found, doubts


def _instance(
    target: AwsTarget, view: RecoveryInstanceView, job: JobView | None, row: Mapping[str, Any]
) -> DrillInstance:
    tags = job.tags if job else {}
    launched = Members(row).moment("LaunchTime")
    return DrillInstance(
        account_id=target.account_id,
        region=target.region,
        recovery_instance_id=view.recovery_instance_id,
        instance_id=view.instance_id,
        source_server_id=view.source_server_id,
        job_id=view.job_id,
        launched_at=(job.created_at if job else None) or launched,
        execution_id=tags.get(TAG_EXECUTION_ID),
        plan_name=tags.get(TAG_PLAN_NAME),
        task=task_of_tags(tags),
        may_be_launched_into=may_be_launched_into(row),
    )


def _existed_before(drs: DrsApi, instance: DrillInstance) -> bool:
    """Whether the server was, or is set to be, launched into this instance, which was there before."""
    server = instance.source_server_id
    into = launched_into(drs, [server])
    if server in into.unread:
        raise into.unread[server]
    return instance.may_be_launched_into or into.instances.get(server) == instance.instance_id


def to_terminate(judged: Iterable[JudgedInstance], policy: TerminationPolicy) -> set[str]:
    """Return the executions whose instances may be terminated: all that are known of them, or none."""
    by_execution: dict[str, list[JudgedInstance]] = {}
    for item in judged:
        if item.instance.execution_id is not None:
            by_execution.setdefault(item.instance.execution_id, []).append(item)
    return {
        execution_id
        for execution_id, items in by_execution.items()
        if all(item.execution is not None and item.execution.open is not None for item in items)
        and policy.covers(frozenset(item.kind for item in items))
    }


def finding(item: JudgedInstance, kind: InstanceKind, action: str, *, now: float) -> Finding:
    """Return an instance as a finding."""
    instance = item.instance
    age = instance.age_seconds(now)
    hours = "of unknown age" if age is None else f"{age / 3600:.1f} hours old"
    reason = "; ".join(
        part
        for part in (
            f"{hours}, allowed are {item.owner.max_age_seconds / 3600:g}",
            f"server {instance.source_server_id}, job {instance.job_id or 'not known'}",
            item.owner.told,
        )
        if part
    )
    return Finding(
        kind=kind.value,
        subject=f"{instance.account_id}/{instance.region} {instance.instance_id}",
        action=action,
        reason=reason,
        remedy="" if action in ("terminating", "terminated") else _REMEDIES[kind],
        execution_id=instance.execution_id,
        plan_name=instance.plan_name,
    )
