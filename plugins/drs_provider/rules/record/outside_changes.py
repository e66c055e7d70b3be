"""Instances that were replaced or terminated from outside after their wave had been judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drs_provider.core.states import WaveStatus
from drs_provider.core.texts import named
from drs_provider.core.times import format_time
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.drs.owners import job_owner
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.merging import recovered
from drs_provider.rules.record.schema import ServerRow, WaveResult
from drs_provider.rules.wave.server_verdict import ServerVerdict, WaveRules
from drs_provider.rules.wave.verdict import failure_reasons

NOT_VERIFIED = "not verified"
PASSED = "passed"


@dataclass
class Seen:
    """What was seen of the instances of judged waves; all by EC2 instance.

    :param there: those that exist
    :param lost: those that do not -> what became of them
    :param unchecked: those that could not be asked for
    :param problem: the last error
    :param unproven: why it is not known what was there when the cleanup began: who ended what is gone cannot be told
    """

    there: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)
    unchecked: set[str] = field(default_factory=set)
    problem: Exception | None = None
    unproven: Exception | None = None

    def covers(self, instance_id: str) -> bool:
        """Whether the instance was looked for."""
        return instance_id in self.lost or instance_id in self.unchecked or instance_id in self.there

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, without the errors."""
        return {"there": sorted(self.there), "lost": dict(self.lost), "unchecked": sorted(self.unchecked)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Seen:
        """Read :meth:`to_dict`'s data."""
        return cls(set(data["there"]), data["lost"], set(data["unchecked"]))


def instance_of(row: Mapping[str, Any]) -> str | None:
    """Return the EC2 instance that a recovered server's row tells of, or None."""
    return (row.get("instanceId") or row.get("recoveryInstanceId")) if recovered(row) else None


def loss(row: Mapping[str, Any], jobs: Iterable[JobView], words: str) -> str:
    """Tell what became of the instance of a server that had recovered.

    :param row: the server's row; its instance does not exist any more
    :param jobs: what DRS did since, of whomever
    :param words: EC2's own reason, if it has one
    """
    instance = instance_of(row)
    said = f" (EC2: {words})" if words else ""
    for job in sorted(jobs, key=lambda job: job.created_at or 0.0, reverse=True):
        if job.job_id == row.get("recoveryJobId") or not _touches(job, row, instance):
            continue
        at = f" at {format_time(job.created_at)}" if job.created_at else ""
        if job.type == "TERMINATE":
            return f"its instance {instance} was terminated from outside by DRS job {job.job_id}{at}{said}"
        if job.type == "LAUNCH":
            return (
                f"its instance {instance} was replaced: job {job.job_id} of {job_owner(job)} launched the server "
                f"again{at}{said}"
            )
    if not words:
        return f"its instance {instance} was terminated from outside: EC2 does not know it any more"
    return f"its instance {instance} was terminated from outside{said}"


def _touches(job: JobView, row: Mapping[str, Any], instance: str | None) -> bool:
    if any(server.recovery_instance_id == instance for server in job.servers):
        return True
    return row["sourceServerId"] in job.server_ids


def with_losses(result: WaveResult, wave: FrozenWave, lost: Mapping[str, str]) -> WaveResult:
    """Return a wave's result with the servers failed whose instances were lost, judged anew by the wave's criteria.

    :param lost: EC2 instance -> what became of it
    """
    rows = [_with_loss(row, lost) for row in result.get("serverStatuses", ())]
    if rows == result.get("serverStatuses", []):
        return result.copy()
    servers = [
        ServerVerdict(
            row["sourceServerId"],
            row.get("serverName", row["sourceServerId"]),
            row.get("critical", True),
            recovered=recovered(row),
            final=True,
            error=row.get("error") or f"DRS: {row['launchStatus']}",
        )
        for row in rows
    ]
    judged: WaveResult = {
        **result,
        "serverStatuses": rows,
        "serversRecovered": sum(server.recovered for server in servers),
        "failedServers": [server.name for server in servers if not server.recovered],
    }
    reasons = failure_reasons(servers, WaveRules.from_wave(wave))
    if reasons and result["status"] == WaveStatus.COMPLETED:
        judged["status"] = WaveStatus.FAILED.value
        judged["errorMessage"] = f"wave {wave.number} ({wave.name}) failed: {'; '.join(reasons)}"
    return judged


def _with_loss(row: ServerRow, lost: Mapping[str, str]) -> ServerRow:
    told = lost.get(instance_of(row) or "")
    return {**row, "error": told} if told else row


def losses(results: Iterable[WaveResult], lost: Mapping[str, str]) -> list[str]:
    """Return for people which servers lost their instances, and how.

    :param lost: EC2 instance -> what became of it
    """
    rows = (row for result in results for row in result.get("serverStatuses", ()))
    return [
        f"{row.get('serverName', '')} ({row['sourceServerId']}): {told}"
        for row in rows
        if (told := lost.get(instance_of(row) or ""))
    ]


def without_ground(verdict: Mapping[str, Any], told: Sequence[str]) -> dict[str, Any]:
    """Return a verdict on a drill whose instances were lost: what is gone was not passed by anybody.

    :param told: from :func:`losses`
    """
    if not told or verdict.get("result") != PASSED:
        return dict(verdict)
    notes = f"; notes: {verdict['notes']}" if verdict.get("notes") else ""
    why = f"{named(told, between='; ')}. The answer was {PASSED}{notes}"
    return {**verdict, "result": NOT_VERIFIED, "notes": why}
