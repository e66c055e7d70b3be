"""How far a wave has come, as the page, the command line and the history show it while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider.core.states import ExecutionType, LaunchStatus
from drs_provider.rules.drs.jobs import JobView, LogEvent
from drs_provider.rules.drs.phases import phases_by_server
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.schema import ServerRow
from drs_provider.rules.record.servers import server_phases, server_row
from drs_provider.rules.wave.estimates import launch_seconds, server_progress, wave_progress
from drs_provider.rules.wave.verdict import WaveVerdict


def polled_rows(
    wave: FrozenWave,
    verdict: WaveVerdict,
    jobs: Mapping[str, JobView],
    logs: Mapping[str, Sequence[LogEvent]],
    *,
    is_drill: bool,
    polled_at: float,
    previous: Mapping[str, ServerRow],
) -> list[ServerRow]:
    """Return the server rows of a wave after a poll.

    :param jobs: the wave's jobs by id
    :param logs: log lines by job id
    :param previous: the rows of the poll before, by source server
    """
    phases = {job_id: server_phases(events) for job_id, events in logs.items()}
    judged = {server.source_server_id: server for server in verdict.servers}
    rows = []
    for server in wave.servers:
        server_id = server.source_server_id
        job_id = judged[server_id].job_id or ""
        rows.append(
            server_row(
                server,
                is_drill=is_drill,
                job=jobs.get(job_id),
                phases=phases.get(job_id, {}).get(server_id, ()),
                verdict={"error": judged[server_id].error},
                polled_at=polled_at,
                previous=previous.get(server_id),
            )
        )
    return rows


def progress(
    wave: FrozenWave,
    rows: Sequence[ServerRow],
    logs: Mapping[str, Sequence[LogEvent]],
    *,
    execution_type: ExecutionType,
    now: float,
) -> dict[str, Any]:
    """Return a wave's progress: servers by state, phase, fraction (0 to 1) and seconds that remain (estimate).

    :param now: epoch seconds by DRS's clock, as near as it is known
    """
    expected = launch_seconds(execution_type, len(wave.servers))
    phases = {job_id: phases_by_server(events) for job_id, events in logs.items()}
    each = [
        server_progress(
            phases.get(row.get("recoveryJobId", ""), {}).get(row["sourceServerId"], ()),
            row["launchStatus"],
            now=now,
            expected_launch_seconds=expected,
            post_launch=wave.post_launch_required,
        )
        for row in rows
    ]
    overall = wave_progress(each)
    counts = Counter(row["launchStatus"] for row in rows)
    return {
        "waveNumber": wave.number,
        "servers": {status.value: counts[status.value] for status in LaunchStatus if counts[status.value]},
        "phase": overall.phase,
        "fraction": round(overall.fraction, 3),
        "remainingSeconds": round(overall.remaining_seconds),
    }


def latest_time(
    jobs: Mapping[str, JobView], logs: Mapping[str, Sequence[LogEvent]], fallback: float
) -> float:
    """Return the latest time that DRS told: the nearest to its clock, if ours runs behind."""
    told = [event.at for events in logs.values() for event in events if event.at]
    told += [job.created_at for job in jobs.values() if job.created_at]
    return max([*told, fallback])
