"""Whether the plan has failed over: servers of it run in recovery, launched by a RECOVERY of this plan."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from drs_provider.core.answers import Members
from drs_provider.core.identity import TAG_EXECUTION_TYPE, TAG_PLAN_NAME
from drs_provider.core.states import ExecutionType
from drs_provider.exceptions import DrsError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.hooks.ec2.ec2_rows import GONE_STATES
from drs_provider.preflight.checks.live_instances import jobs_of
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import TargetScope
from drs_provider.preflight.source_server import SourceServer
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView
from drs_provider.rules.plan_state.kept import FailedOverServer

log = logging.getLogger(__name__)


def failed_over(scope: TargetScope) -> Iterator[Finding]:
    """Note which servers run in recovery; yield a finding for those whose instance DRS no longer lists.

    Such an instance was taken out of DRS and runs on: no launch would remove it, and the plan has not failed back.
    """
    run = scope.run
    servers = {server.source_server_id: server for server in scope.servers}
    views = [view for view in scope.reads.recovery_instances.of(servers) if view.exists]
    live = [view for view in views if view.source_server_id in servers and not view.is_drill]
    jobs = jobs_of(scope, [view.job_id for view in live if view.job_id])
    for view in live:
        known = run.failover.get(view.source_server_id)
        if known == view.instance_id or _of_recovery(jobs.get(view.job_id or ""), run.plan.name):
            run.look.live.append(_row(scope, servers[view.source_server_id], view))
    run.look.looked_at |= servers.keys()
    told = {view.source_server_id for view in live}
    unlisted = {
        server: run.failover[server] for server in servers if server in run.failover and server not in told
    }
    for server_id in _still_in_ec2(scope, unlisted):
        run.look.outside.add(server_id)
        if not run.conf.failed_back:
            yield scope.finding(
                "recovery_instance_outside_drs",
                servers[server_id].ref(f"instance {unlisted[server_id]}"),
                "instances of the plan's RECOVERY run on, though DRS lists them no more",
                "Terminate them in EC2, or say that the plan has failed back: failed_back, with why you know.",
            )


def _of_recovery(job: JobView | None, plan_name: str) -> bool:
    return (
        job is not None
        and job.tags.get(TAG_PLAN_NAME) == plan_name
        and job.tags.get(TAG_EXECUTION_TYPE) == ExecutionType.RECOVERY
    )


def _row(scope: TargetScope, server: SourceServer, view: RecoveryInstanceView) -> FailedOverServer:
    origin = server.origin
    return FailedOverServer(
        source_server_id=server.source_server_id,
        name=server.name,
        account_id=scope.target.account_id,
        region=scope.target.region,
        origin_account_id=(origin and origin.account_id) or None,
        origin_region=(origin and origin.region) or None,
        origin_zone=(origin and origin.zone) or None,
        recovery_instance_id=view.recovery_instance_id or None,
        instance_id=view.ec2_instance_id,
        point_in_time=view.point_in_time,
    )


def _still_in_ec2(scope: TargetScope, unlisted: dict[str, str]) -> list[str]:
    """Return the servers whose instance EC2 has; all of them if EC2 does not tell."""
    if not unlisted:
        return []
    try:
        rows = scope.reads.instances(unlisted.values())
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("Whether instances of the plan's RECOVERY run on could not be read: %s", error)
        return list(unlisted)
    states = {instance: Members(row).part("State").text("Name") for instance, row in rows.items()}
    return [
        server
        for server, instance in unlisted.items()
        if states.get(instance, "gone") not in (*GONE_STATES, "gone")
    ]
