"""Server rows of the execution record, built from jobs, job logs and instances as they become known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from drs_provider.core.states import LaunchStatus
from drs_provider.rules.drs.jobs import JobServerView, JobView, LogEvent
from drs_provider.rules.drs.phases import Phase as JobPhase
from drs_provider.rules.drs.phases import PhaseName, phases_by_server
from drs_provider.rules.execution.frozen import FrozenServer
from drs_provider.rules.record.schema import Phase, ServerRow, Transition, without_empty
from drs_provider.rules.wave.server_verdict import PostLaunchStatus, post_launch_status

_WRITTEN_ONCE = ("launchTime", "launchedTime", "postLaunchActionsCompleted")
_KEPT_WHEN_UNKNOWN = (
    "recoveryInstanceId",
    "instanceId",
    "privateIp",
    "hostname",
    "instanceType",
    "statusChecks",
    "pointInTime",
    "phases",
    "postLaunchActionsStatus",
)


def server_phases(events: Iterable[LogEvent]) -> dict[str, list[Phase]]:
    """Return each server's phases as records carry them, by source server id, from one job's log in any order."""
    return {
        server_id: [_phase_row(phase) for phase in phases]
        for server_id, phases in phases_by_server(events).items()
    }


def _phase_row(phase: JobPhase) -> Phase:
    return cast("Phase", without_empty({**asdict(phase), "name": phase.name.value}))


def server_row(
    server: FrozenServer,
    *,
    is_drill: bool,
    job: JobView | None = None,
    phases: Sequence[Phase] = (),
    instance: Mapping[str, Any] | None = None,
    verdict: Mapping[str, Any] | None = None,
    polled_at: float | None = None,
    previous: ServerRow | None = None,
) -> ServerRow:
    """Build a server's row from what is known of it.

    :param job: the DRS job that launches it
    :param phases: its phases from that job's log (:func:`server_phases`)
    :param instance: record fields of its instance: ``recoveryInstanceId``, ``instanceId``, ``privateIp``,
        ``hostname``, ``instanceType``, ``launchTime``, ``pointInTime``
    :param verdict: record fields that a verdict adds or corrects: ``launchStatus``, ``error``,
        ``postLaunchActionsStatus``
    :param polled_at: when DRS was asked; None outside a poll
    :param previous: the row as it was; times of the same job are kept (trap 18), its history goes on
    """
    in_job = job.server(server.source_server_id) if job else None
    row: dict[str, Any] = {
        "sourceServerId": server.source_server_id,
        "serverName": server.name,
        "critical": server.critical,
        "isDrill": is_drill,
        "launchStatus": LaunchStatus.PENDING.value,
        "snapshotId": server.snapshot_id,
        "lagAtStart": server.lag_at_start,
        **_origin(server),
        "phases": [phase.copy() for phase in phases] or None,
        "lastPolledTime": polled_at,
    }
    if job and in_job:
        row |= _job_fields(job, in_job, phases, polled_at)
    row |= without_empty(instance or {}) | without_empty(verdict or {})
    current = cast("ServerRow", without_empty(row))
    return carry_over(current, previous, at=polled_at)


def _origin(server: FrozenServer) -> dict[str, str]:
    if server.origin is None:
        return {}
    told = {
        "originAccountId": server.origin.account_id,
        "originRegion": server.origin.region,
        "originZone": server.origin.zone,
    }
    return {name: value for name, value in told.items() if value}


def _job_fields(
    job: JobView, in_job: JobServerView, phases: Sequence[Phase], polled_at: float | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "recoveryJobId": job.job_id,
        "launchStatus": in_job.launch_status,
        "recoveryInstanceId": in_job.recovery_instance_id,
    }
    launch_end = next((phase.get("end") for phase in phases if phase["name"] == "launch"), None)
    if in_job.launch_status == LaunchStatus.LAUNCHED:
        fields["launchedTime"] = launch_end or job.ended_at
    if in_job.launch_actions:
        status = post_launch_status(in_job.launch_actions)
        # DRS tells no time of it: the poll that saw it first is the nearest.
        done = (polled_at or job.ended_at) if status is PostLaunchStatus.COMPLETED else None
        fields["postLaunchActionsStatus"] = status.value
        fields["postLaunchActionsCompleted"] = done
        if phases and launch_end is not None:
            post_launch = without_empty(
                {"name": PhaseName.POST_LAUNCH.value, "start": launch_end, "end": done}
            )
            fields["phases"] = [*(phase.copy() for phase in phases), post_launch]
    return fields


def impaired_servers(record: Mapping[str, Any]) -> list[str]:
    """Return the names of a record's servers whose EC2 status checks failed when their wave ended."""
    return [
        row.get("serverName") or row["sourceServerId"]
        for wave in record["waves"]
        for row in wave.get("serverStatuses", ())
        if "impaired" in row.get("statusChecks", {}).values()
    ]


def carry_over(row: ServerRow, previous: ServerRow | None, *, at: float | None) -> ServerRow:
    """Return ``row`` with what an earlier row of the same server knows on top.

    Times of the same job stay as they were first written, and what is not known just now (EC2 does not
    answer) is not lost; another job starts afresh. The status history grows by a change.

    :param at: time of the poll, None if it was none
    """
    merged = cast("dict[str, Any]", row.copy())
    earlier = cast("dict[str, Any]", previous.copy() if previous else {})
    if "recoveryJobId" in row and row.get("recoveryJobId") == earlier.get("recoveryJobId"):
        merged |= {name: earlier[name] for name in _WRITTEN_ONCE if name in earlier}
        merged |= {name: earlier[name] for name in _KEPT_WHEN_UNKNOWN if name in earlier and name not in row}
    if count := _launches(row, earlier):
        merged["attempts"] = count
    if at is None and "lastPolledTime" in earlier:
        merged["lastPolledTime"] = earlier["lastPolledTime"]
    if polls := earlier.get("pollAttempts", 0) + (at is not None):
        merged["pollAttempts"] = polls
    history: list[Transition] = list(earlier.get("transitionHistory", ()))
    if at is not None and (not history or history[-1]["status"] != row["launchStatus"]):
        history.append(Transition(status=row["launchStatus"], timestamp=at))
    if history:
        merged["transitionHistory"] = history
    return cast("ServerRow", merged)


def _launches(row: ServerRow, earlier: Mapping[str, Any]) -> int:
    job_id = row.get("recoveryJobId")
    count = int(earlier.get("attempts", 0))
    return count + 1 if job_id is not None and job_id != earlier.get("recoveryJobId") else count
