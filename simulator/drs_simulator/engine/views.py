"""The engine's objects in the form of the service model."""

from __future__ import annotations

from typing import Any

from drs_simulator.engine.entities import (
    ActionRun,
    Job,
    JobServer,
    LastLaunch,
    LogItem,
    RecoveryInstance,
    RegionState,
    SourceServer,
)
from drs_simulator.engine.ids import digest_id
from drs_simulator.engine.machines import Machines
from drs_simulator.engine.post_launch import action_id
from drs_simulator.engine.replication_view import GIB, device_name, replication_view
from drs_simulator.engine.snapshots import BROKEN, Snapshot, lag_seconds
from drs_simulator.engine.storage_view import instance_disks, release_storage
from drs_simulator.engine.times import duration_text, stamp
from drs_simulator.server_spec import LaunchActionSpec

_AGENT_VERSION = "4.5.1"


def job_view(job: Job, now: float) -> dict[str, Any]:
    """A job, with its tags if they can be seen yet. The result is shared: do not change it."""
    if job.view is None:
        job.view = _render_job(job)
    tags_seen = job.tags_visible_at is not None and now >= job.tags_visible_at
    return job.view if tags_seen or not job.tags else {**job.view, "tags": {}}


def _render_job(job: Job) -> dict[str, Any]:
    view: dict[str, Any] = {
        "jobID": job.job_id,
        "arn": job.arn,
        "type": job.kind,
        "initiatedBy": job.initiated_by,
        "creationDateTime": stamp(job.created_at),
        "status": job.status,
        "participatingServers": [_job_server(part, job.kind) for part in job.servers],
        "tags": dict(job.tags),
    }
    if job.ended_at is not None:
        view["endDateTime"] = stamp(job.ended_at)
    return view


def _job_server(part: JobServer, kind: str) -> dict[str, Any]:
    view: dict[str, Any] = {"sourceServerID": part.server_id, "launchStatus": part.launch_status}
    if part.instance_id is not None and part.instance_named:
        view["recoveryInstanceID"] = part.instance_id
    if kind == "LAUNCH":
        actions: dict[str, Any] = {"runs": [_action_run(run) for run in part.runs]}
        if part.agent_found_at is not None:
            actions["ssmAgentDiscoveryDatetime"] = stamp(part.agent_found_at)
        view["launchActionsStatus"] = actions
    return view


def _action_run(run: ActionRun) -> dict[str, Any]:
    view = {"action": _action(run.action, run.action_id), "runId": run.run_id, "status": run.status}
    if run.failure_reason is not None:
        view["failureReason"] = run.failure_reason
    return view


def launch_action_views(server: SourceServer) -> list[dict[str, Any]]:
    """A server's post-launch actions in their order."""
    actions = sorted(server.spec.launch_actions, key=lambda a: (a.order, a.name))
    return [_action(action, action_id(server, action)) for action in actions]


def _action(action: LaunchActionSpec, identifier: str) -> dict[str, Any]:
    return {
        "actionId": identifier,
        "actionCode": action.code,
        "type": action.kind,
        "name": action.name,
        "active": action.active,
        "order": action.order,
        "actionVersion": "$DEFAULT",
        "optional": action.optional,
        "parameters": {},
        "category": action.category,
    }


def log_view(item: LogItem) -> dict[str, Any]:
    """A line of a job's log."""
    return {"logDateTime": stamp(item.at), "event": item.event, "eventData": item.data}


def snapshot_view(snapshot: Snapshot) -> dict[str, Any]:
    """A point in time."""
    view: dict[str, Any] = {
        "snapshotID": snapshot.snapshot_id,
        "sourceServerID": snapshot.server_id,
        "expectedTimestamp": stamp(snapshot.expected_at),
    }
    if snapshot.taken_at is not None:
        view["timestamp"] = stamp(snapshot.taken_at)
        view["ebsSnapshots"] = list(snapshot.ebs_snapshots)
    return view


def launch_configuration_view(server: SourceServer) -> dict[str, Any]:
    """A server's launch configuration."""
    config = server.launch
    view: dict[str, Any] = {
        "sourceServerID": server.server_id,
        "name": config.name,
        "ec2LaunchTemplateID": config.template_id,
        "launchDisposition": config.disposition,
        "targetInstanceTypeRightSizingMethod": config.right_sizing,
        "copyPrivateIp": config.copy_private_ip,
        "copyTags": config.copy_tags,
        "licensing": {"osByol": config.os_byol},
        "postLaunchEnabled": config.post_launch,
        "recoveryMode": config.recovery_mode,
    }
    if config.into_instance_id is not None:
        view["launchIntoInstanceProperties"] = {"launchIntoEC2InstanceID": config.into_instance_id}
    return view


def source_server_view(state: RegionState, server: SourceServer, now: float) -> dict[str, Any]:
    """A source server."""
    view: dict[str, Any] = {
        "sourceServerID": server.server_id,
        "arn": server.arn,
        "tags": dict(server.tags),
        "lastLaunchResult": server.last_result,
        "dataReplicationInfo": replication_view(state, server, now),
        "lifeCycle": _life_cycle(server, now),
        "sourceProperties": _source_properties(server, now),
        "stagingArea": _staging_area(state, server),
        "replicationDirection": "FAILOVER",
        "agentVersion": _AGENT_VERSION,
    }
    if server.spec.replication == "DISCONNECTED":
        release_storage(view["dataReplicationInfo"])
    if server.recovery_instance_id is not None:
        view["recoveryInstanceId"] = server.recovery_instance_id
    if server.spec.origin_region is not None:
        view["sourceCloudProperties"] = {
            "originAccountID": state.place.account_id,
            "originRegion": server.spec.origin_region,
            "originAvailabilityZone": f"{server.spec.origin_region}a",
        }
    return view


def _life_cycle(server: SourceServer, now: float) -> dict[str, Any]:
    # Assumed: a disconnected agent was last seen when the scenario's lag began.
    gone = server.spec.replication == "DISCONNECTED"
    seen = now - lag_seconds(server, now) if gone else now
    replicating = now - server.added_at - 600
    return {
        "addedToServiceDateTime": stamp(server.added_at),
        "firstByteDateTime": stamp(server.added_at + 600),
        "elapsedReplicationDuration": duration_text(replicating, fractions=True),
        "lastSeenByServiceDateTime": stamp(seen),
        "lastLaunch": _last_launch(server.last_launch),
    }


def _last_launch(last: LastLaunch | None) -> dict[str, Any]:
    if last is None:
        return {"initiated": {}}
    initiated = {
        "apiCallDateTime": stamp(last.at),
        "jobID": last.job_id,
        "type": "DRILL" if last.is_drill else "RECOVERY",
    }
    return {"initiated": initiated, "status": last.status}


def _source_properties(server: SourceServer, now: float) -> dict[str, Any]:
    spec, number = server.spec, digest_id("", server.spec.id)
    hints = {"hostname": spec.name, "fqdn": spec.name}
    if spec.origin_region is not None:
        hints["awsInstanceID"] = digest_id("i-", spec.id)
    return {
        "lastUpdatedDateTime": stamp(now if spec.replication not in BROKEN else server.lag_at),
        "recommendedInstanceType": spec.instance_type,
        "identificationHints": hints,
        "networkInterfaces": [
            {
                "macAddress": "-".join(("02", *(number[i : i + 2] for i in range(0, 10, 2)))).upper(),
                "ips": [spec.private_ip or "192.0.2.10"],
                "isPrimary": True,
            },
            # Recorded as it is: no address, and a number for a MAC address.
            {"macAddress": str(int(number[:10], 16)), "ips": [], "isPrimary": False},
        ],
        "disks": [
            {"deviceName": device_name(index), "bytes": size * GIB} for index, size in enumerate(spec.disks)
        ],
        "cpus": [{"cores": 2, "modelName": "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"}],
        "ramBytes": 8 * GIB,
        "os": {"fullString": spec.os},
        "supportsNitroInstances": True,
        "architecture": "x86_64",
    }


def _staging_area(state: RegionState, server: SourceServer) -> dict[str, Any]:
    staging = server.spec.staging_account
    if staging is None:
        return {"status": "NOT_EXTENDED"}
    staged = digest_id("s-", staging, server.server_id)
    arn = f"arn:aws:drs:{state.place.region}:{staging}:source-server/{staged}"
    return {"status": "EXTENDED", "stagingAccountID": staging, "stagingSourceServerArn": arn}


def recovery_instance_view(
    state: RegionState, instance: RecoveryInstance, machines: Machines, now: float
) -> dict[str, Any]:
    """A recovery instance, with the state that EC2 says it has."""
    server = state.servers.get(instance.server_id)
    ip = machines.private_ip(state.place, instance.instance_id)
    name = server.spec.name if server else instance.server_id
    view: dict[str, Any] = {
        "ec2InstanceID": instance.instance_id,
        "ec2InstanceState": machines.state(state.place, instance.instance_id),
        "jobID": instance.job_id,
        "recoveryInstanceID": instance.instance_id,
        "sourceServerID": instance.server_id,
        "arn": instance.arn,
        "tags": dict(instance.tags),
        "failback": {"state": "FAILBACK_NOT_STARTED"},
        "dataReplicationInfo": {
            "dataReplicationState": "NOT_STARTED" if instance.connected else "DISCONNECTED",
            "replicatedDisks": instance_disks(server),
        },
        "recoveryInstanceProperties": {
            "lastUpdatedDateTime": stamp(now),
            "identificationHints": {"hostname": name, "awsInstanceID": instance.instance_id},
            "networkInterfaces": [{"ips": [ip], "isPrimary": True}] if ip else [],
            "os": {"fullString": server.spec.os if server else "unknown"},
        },
        "pointInTimeSnapshotDateTime": stamp(instance.point_in_time),
        "isDrill": instance.is_drill,
        "originEnvironment": "AWS" if server and server.spec.origin_region else "ON_PREMISES",
        "agentVersion": _AGENT_VERSION,
    }
    if not instance.connected:
        release_storage(view["dataReplicationInfo"])
    if server and server.spec.origin_region:
        view["originAvailabilityZone"] = f"{server.spec.origin_region}a"
    return view
