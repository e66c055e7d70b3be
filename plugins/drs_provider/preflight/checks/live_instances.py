"""Machines that a launch would destroy: DRS removes a server's recovery instance when it launches again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from drs_provider.exceptions import DrsError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.preflight.findings import Finding, ServerRef
from drs_provider.preflight.scope import RunScope, TargetScope
from drs_provider.preflight.source_server import SourceServer
from drs_provider.rules.drs.jobs import JobView, parse_jobs
from drs_provider.rules.drs.owners import block_holds, job_owner
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView

log = logging.getLogger(__name__)

# Any other state, also one that DRS may add, means that people are moving the workload back.
_NOT_FAILING_BACK = frozenset({"", "FAILBACK_NOT_STARTED", "FAILBACK_COMPLETED"})

RETRY = (
    "`airflow drs retry PLAN/RUN_ID`, or clear its failed wave's task group with downstream; it launches only what "
    "failed and leaves live instances alone"
)


def live_instances(scope: TargetScope) -> Iterator[Finding]:
    """Yield a finding for every recovery instance that exists and that a launch would replace.

    One that does not say that it is a drill's counts as live.
    """
    servers = {server.source_server_id: server for server in scope.servers}
    replaced: set[str] = set()
    views = [
        view
        for view in scope.reads.recovery_instances.of(servers)
        if view.exists and view.source_server_id in servers
    ]
    jobs = jobs_of(scope, [view.job_id for view in views if view.job_id])
    still_runs = scope.run.still_runs
    held = block_holds(views, jobs, still_runs) if still_runs else {}
    for view in views:
        server, job = servers[view.source_server_id], jobs.get(view.job_id or "")
        owner = held.get(server.source_server_id) or (job_owner(job) if job else "")
        if server.source_server_id in held:
            finding = _in_use(scope, server, view, owner)
        else:
            finding = _instance_finding(scope, server, view, owner)
        replaced.update(finding.server_ids if finding.overridden else ())
        yield finding
        if view.failback_state not in _NOT_FAILING_BACK:
            yield _failing_back(scope, server, f"instance {view.instance_id}, {view.failback_state}")
    for server in scope.servers:
        if server.direction == "FAILBACK":
            yield _failing_back(scope, server, "replicationDirection FAILBACK")
    for server in scope.named(set(scope.run.conf.replace_live_instances) - replaced):
        yield scope.finding(
            "nothing_to_replace",
            server.ref(),
            "servers of replace_live_instances have no live instance that a launch would replace",
        )


def jobs_of(scope: TargetScope, job_ids: Sequence[str]) -> dict[str, JobView]:
    """Return the jobs that launched instances. What cannot be read is left untold: live instances are so all the same,
    and whose a drill's are is asked again before its server is launched.
    """
    if not job_ids:
        return {}
    try:
        jobs = parse_jobs(scope.reads.drs.jobs(dict.fromkeys(job_ids)))
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("Whose jobs launched existing instances could not be read: %s", error)
        return {}
    return {job.job_id: job for job in jobs}


def _in_use(scope: TargetScope, server: SourceServer, view: RecoveryInstanceView, owner: str) -> Finding:
    return scope.finding(
        "drill_instance_in_use",
        server.ref(f"instance {view.instance_id}, of {owner}"),
        "a DAG that has not ended drills with instances of these servers, which launching removes",
        "Wait for the end of its run, or mark that run as failed and see that it has terminated them.",
    )


def _instance_finding(
    scope: TargetScope, server: SourceServer, view: RecoveryInstanceView, owner: str
) -> Finding:
    doubt = f", DRS does not tell its {', '.join(view.missing)}" if view.missing else ""
    told = f", of {owner}" if owner else ""
    detail = (
        f"instance {view.instance_id or 'without an id'}, {view.ec2_state or 'state unknown'}{doubt}{told}"
    )
    where = server.ref(detail)
    if view.replaceable:
        return scope.finding(
            "drill_instance_replaced",
            where,
            "instances of an earlier drill exist; launching removes and replaces them",
        )
    if server.source_server_id in scope.run.conf.replace_live_instances:
        return scope.finding(
            "live_instance",
            where,
            "live recovery instances will be destroyed and replaced, as replace_live_instances says",
            "Leave these servers out of replace_live_instances if their instances are in use.",
            overridden=True,
        )
    return scope.finding(
        "live_instance",
        where,
        "servers have live recovery instances (of no drill), which launching would destroy",
        "If an execution launched them and other waves of it failed, retry that execution instead of starting another: "
        f"{RETRY}. Else fail back or terminate these instances in DRS first, or leave the waves out. To destroy them "
        "knowingly, name the servers in replace_live_instances; preflight: warn does not cover this.",
    )


def _failing_back(scope: TargetScope, server: SourceServer, detail: str) -> Finding:
    return scope.finding(
        "failback_in_progress",
        server.ref(detail),
        "servers are failing back; a launch would interrupt that",
        "Complete or stop the failback in DRS first, or leave the waves out.",
    )


def replacements_in_run(run: RunScope) -> Iterator[Finding]:
    """Yield a finding for servers of ``replace_live_instances`` that the run does not launch."""
    if not run.resolved:
        return
    servers = run.servers
    strangers = [server for server in run.conf.replace_live_instances if server not in servers]
    if strangers:
        yield run.finding(
            "replacement_outside_run",
            "conf replace_live_instances",
            "it names servers that the selected waves do not have",
            "Remove these servers from replace_live_instances, or select their waves.",
            servers=tuple(ServerRef(server) for server in strangers),
        )
