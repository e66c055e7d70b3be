"""What a report derives from an execution record: objectives met, waiting for people, wave tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drs_provider.core.states import ExecutionStatus, ExecutionType, WaveStatus
from drs_provider.rules.record.merging import recovered, waiting_seconds
from drs_provider.rules.record.schema import ExecutionRecord, ServerRow, StepRow, WaveRow, without_empty
from drs_provider.rules.steps.verdict import acceptances

NOT_VERIFIED = "not verified"


def clock_start(record: ExecutionRecord) -> float:
    """Return when the recovery time begins: the incident if it is known, else the trigger."""
    if "incidentTime" in record:
        return record["incidentTime"]
    first = min(row["startTime"] for row in record["attempts"])
    return min(record.get("triggerTime", first), first)


def wanted_waves(record: ExecutionRecord) -> list[WaveRow]:
    """Return the waves that had to be recovered: selected, and not skipped by decision."""
    return [
        wave
        for wave in record["waves"]
        if wave.get("selected", True) and wave["status"] != WaveStatus.SKIPPED
    ]


def rto(record: ExecutionRecord) -> dict[str, Any]:
    """Return the recovery time: from :func:`clock_start` until the last wave was ready, and the last step behind it.

    A wave is ready when its servers are recovered and its required steps have passed, or a person accepted that they
    did not: ``acceptedSteps`` names those, on whose word the time rests. A drill's hold and cleanup come after it and
    do not count. Waiting for people is in ``usedSeconds``, and named apart. If not everything is recovered the
    objective is not met, and the time runs until the attempt ended.
    """
    begin = clock_start(record)
    waves = wanted_waves(record)
    ends = [wave.get("readyTime", wave["endTime"]) for wave in waves if "endTime" in wave]
    ends += [step["endTime"] for step in record.get("steps", ()) if _counts(step)]
    complete = bool(waves) and all(wave["status"] == WaveStatus.COMPLETED for wave in waves)
    end = max(ends) if complete and ends else record.get("endTime", max([begin, *ends]))
    used = _length(begin, end)
    waiting = round(waiting_seconds(record, begin, max(begin, end)), 3)
    objective = _minutes(record, "rtoMinutes")
    return without_empty(
        {
            "countedFrom": "incident" if "incidentTime" in record else "trigger",
            "startTime": begin,
            "endTime": end,
            "usedSeconds": used,
            "waitingSeconds": waiting,
            "workingSeconds": round(used - waiting, 3),
            "recoveredCompletely": complete,
            "acceptedSteps": accepted_steps(record) or None,
            "objectiveSeconds": objective,
            "met": None if objective is None else complete and used <= objective,
        }
    )


def _counts(step: StepRow) -> bool:
    return step["place"] == "after_last" and step.get("required", True) and "endTime" in step


def accepted_steps(record: ExecutionRecord) -> list[str]:
    """Return the failures of steps that a person accepted: which, who and why."""
    of_waves = [
        f"wave {wave['waveName']}: {text}"
        for wave in wanted_waves(record)
        for text in acceptances(wave.get("steps", ()))
    ]
    return [*of_waves, *acceptances(record.get("steps", ()))]


def rpo(record: ExecutionRecord) -> dict[str, Any]:
    """Return the data loss: how much older than the disaster (or the launch) the recovered servers' data are.

    ``met`` is absent while no server's point in time is known. It is false if a server was not recovered,
    or if the point in time of a recovered one is not known.
    """
    rows = [(wave, row) for wave in wanted_waves(record) for row in wave.get("serverStatuses", ())]
    found = {
        row["sourceServerId"]: data_loss_seconds(record, wave, row) for wave, row in rows if recovered(row)
    }
    losses = {server_id: loss for server_id, loss in found.items() if loss is not None}
    objective = _minutes(record, "rpoMinutes")
    met = None
    if objective is not None and losses:
        met = len(losses) == len(rows) and max(losses.values()) <= objective
    worst = max(losses, key=lambda key: losses[key]) if losses else None
    return without_empty(
        {
            "worstSeconds": losses[worst] if worst else None,
            "worstServer": worst,
            "serversKnown": len(losses),
            "serversUnknown": len(found) - len(losses),
            "serversNotRecovered": len(rows) - len(found),
            "objectiveSeconds": objective,
            "met": met,
        }
    )


def data_loss_seconds(record: ExecutionRecord, wave: WaveRow, row: ServerRow) -> float | None:
    """Return a server's data loss in seconds, or None if the point in time of its data is not known.

    It counts from the incident, else from the start of the job that launched the server.
    """
    if "pointInTime" not in row:
        return None
    launch = _job_start(wave, row) or wave.get("startTime") or record["startTime"]
    return _length(row["pointInTime"], record.get("incidentTime", launch))


def _length(start: float, end: float) -> float:
    # To the millisecond: a difference of epoch seconds has noise below that.
    return max(0.0, round(end - start, 3))


def _job_start(wave: WaveRow, row: ServerRow) -> float | None:
    for job in wave.get("jobs", ()):
        if job["jobId"] == row.get("recoveryJobId"):
            return job.get("startTime")
    return None


def _minutes(record: ExecutionRecord, name: str) -> float | None:
    value = record.get("objectives", {}).get(name)
    return None if value is None else float(value) * 60


def wave_figures(record: ExecutionRecord, wave: WaveRow) -> dict[str, Any]:
    """Return a wave's line of the report, with its servers."""
    rows = wave.get("serverStatuses", [])
    span = None
    if "startTime" in wave and "endTime" in wave:
        span = _length(wave["startTime"], wave["endTime"])
    return without_empty(
        {
            "waveNumber": wave["waveNumber"],
            "waveName": wave["waveName"],
            "status": wave["status"],
            "accountId": wave.get("accountContext", {}).get("accountId"),
            "region": wave.get("region"),
            "startTime": wave.get("startTime"),
            "endTime": wave.get("endTime"),
            "durationSeconds": span,
            "serversTotal": len(rows),
            "serversRecovered": sum(recovered(row) for row in rows),
            "readyTime": wave.get("readyTime"),
            "servers": [_server_figures(record, wave, row) for row in rows],
        }
    )


def _server_figures(record: ExecutionRecord, wave: WaveRow, row: ServerRow) -> dict[str, Any]:
    return without_empty(
        {
            "sourceServerId": row["sourceServerId"],
            "recovered": recovered(row),
            "durationSeconds": launch_seconds(wave, row),
            "dataLossSeconds": data_loss_seconds(record, wave, row) if recovered(row) else None,
        }
    )


def launch_seconds(wave: WaveRow, row: ServerRow) -> float | None:
    """Return how long a server's launch took, from its job's start until DRS had it LAUNCHED."""
    if "launchedTime" not in row:
        return None
    start = _job_start(wave, row)
    if start is None:
        start = min((p["start"] for p in row.get("phases", ()) if "start" in p), default=None)
    return None if start is None else _length(start, row["launchedTime"])


def failed_servers(record: ExecutionRecord) -> list[dict[str, Any]]:
    """Return the servers of waves that have ended which were not recovered, with what is known of why."""
    return [
        without_empty(
            {
                "waveNumber": wave["waveNumber"],
                "waveName": wave["waveName"],
                "sourceServerId": row["sourceServerId"],
                "serverName": row.get("serverName"),
                "critical": row.get("critical", True),
                "launchStatus": row["launchStatus"],
                "error": row.get("error"),
                "jobId": row.get("recoveryJobId"),
            }
        )
        for wave in wanted_waves(record)
        for row in wave.get("serverStatuses", ())
        if wave["status"] != WaveStatus.PENDING and not recovered(row)
    ]


def verdict(record: ExecutionRecord) -> dict[str, Any] | None:
    """Return people's verdict on a drill ("not verified" without one); None for a recovery."""
    if record["executionType"] != ExecutionType.DRILL:
        return record.get("verdict")
    return {"result": NOT_VERIFIED, **record.get("verdict", {})}


def open_jobs(record: ExecutionRecord) -> list[str]:
    """Return the jobs that were still running at the end: DRS cannot cancel them (trap 15)."""
    return [
        job["jobId"]
        for wave in record["waves"]
        for job in wave.get("jobs", ())
        if job["status"] != "COMPLETED"
    ]


def summary(record: ExecutionRecord) -> dict[str, Any]:
    """Return the totals."""
    rows = [row for wave in wanted_waves(record) for row in wave.get("serverStatuses", ())]
    return {
        "status": ExecutionStatus(record["status"]).value,
        "wavesTotal": record["totalWaves"],
        "wavesCompleted": record["completedWaves"],
        "wavesFailed": record["failedWaves"],
        "serversTotal": len(rows),
        "serversRecovered": sum(recovered(row) for row in rows),
        "waitingSeconds": record.get("waitingSeconds", 0),
        "waitingSecondsOfAllAttempts": sum(row.get("waitingSeconds", 0) for row in record["attempts"]),
        "openJobs": open_jobs(record),
    }


def _asks(of: Mapping[str, Any], wave: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return what people were asked about steps."""
    where = f" of wave {wave['waveNumber']} ({wave['waveName']})" if wave else ""
    return [
        {"where": f"step {step['name']}{where}", "attempt": step["attempt"], **ask}
        for step in of.get("steps", ())
        for ask in step.get("asks", ())
    ]


def emergencies(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the answers of emergency approvers who decided alone, with where that was."""
    return [
        {"where": gate["where"], **response}
        for gate in gates(record)
        for response in gate.get("responses", ())
        if response.get("emergency") and "refused" not in response
    ]


def gates(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every gate that was armed or answered, and every question about a step, of every attempt; a hold last."""
    found = []
    for wave in record["waves"]:
        name = f"before wave {wave['waveNumber']} ({wave['waveName']})"
        for earlier in wave.get("earlierAttempts", ()):
            if "gate" in earlier:
                found.append({"where": name, "attempt": earlier["attempt"], **earlier["gate"]})
            found += _asks(earlier, wave)
        if "gate" in wave:
            found.append({"where": name, "attempt": wave["attempt"], **wave["gate"]})
        found += _asks(wave, wave)
    found += _asks(record, None)
    for row in record["attempts"][:-1]:
        if "hold" in row:
            found.append({"where": "before cleanup", "attempt": row["attempt"], **row["hold"]})
    if "hold" in record:
        found.append({"where": "before cleanup", "attempt": record["attempt"], **record["hold"]})
    return [gate for gate in found if gate.get("armedBy") or gate.get("responses")]
