"""Other executions as preflight findings: what a look tells without claiming anything."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from drs_provider.airflow_api.run import RunView
from drs_provider.core.states import ExecutionType
from drs_provider.orchestration.concurrency.claims import conflicts
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan
from drs_provider.preflight.catalog import found
from drs_provider.preflight.findings import Finding, ServerRef, build_report
from drs_provider.preflight.run import PreflightResult
from drs_provider.rules.concurrency.claims import Claim, Conflict, place_of
from drs_provider.rules.execution.freezing import ResolvedServer, RunIdentity


def with_other_executions(
    result: PreflightResult,
    plan: Plan,
    conf: RunConf,
    identity: RunIdentity,
    view: RunView,
    dag_ids: Collection[str],
) -> PreflightResult:
    """Return a preflight result that also tells which executions are at work on its servers now.

    They only warn: a dry run refuses nothing, and a run that preflight refuses anyway should say everything at once.
    """
    own = _looking(plan, conf, identity, result.servers)
    findings = [_finding(item, own, conf) for item in conflicts(view, own, dag_ids)]
    if not findings:
        return result
    report = result.report
    merged = build_report(
        [*report.findings, *findings],
        checked_at=report.checked_at,
        server_count=report.server_count,
        initiated_by=report.overridden_by,
    )
    return replace(result, report=merged)


def _looking(
    plan: Plan, conf: RunConf, identity: RunIdentity, servers: Mapping[str, Sequence[ResolvedServer]]
) -> Claim:
    held = {}
    for group, members in servers.items():
        target = plan.targets[plan.protection_groups[group].target]
        place = place_of(target.account_id, target.region)
        held.update({f"{place}/{server.source_server_id}": server.name for server in members})
    return Claim(
        execution_id=identity.execution_id,
        execution_type=conf.execution_type,
        plan_name=plan.name,
        dag_id=identity.dag_id,
        run_id=identity.dag_run_id,
        attempt=1,
        initiated_by=identity.initiated_by or "",
        priority=plan.priority,
        servers=held,
        waves={},
        until=time.time(),
    )


def _finding(item: Conflict, own: Claim, conf: RunConf) -> Finding:
    if conf.preempt_drill and item.may_be_preempted_by(own):
        effect, remedy = "preempt_drill cancels it", "be sure that its people can spare it"
    else:
        effect, remedy = "the execution would be refused", item.way_out(own)
    return found(
        ExecutionType(conf.execution_type),
        "other_execution",
        f"run {item.claim.run_id} of {item.claim.dag_id}",
        f"{item.what()}; {effect}",
        remedy,
        servers=tuple(
            ServerRef(server.rpartition("/")[2], name) for server, name in sorted(item.servers.items())
        ),
    )
