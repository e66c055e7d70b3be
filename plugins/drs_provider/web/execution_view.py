"""An execution as the page shows it: the command line's snapshot, and what goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drs_provider import keys
from drs_provider.airflow_rest.client import Api, path
from drs_provider.airflow_rest.texts import command, epoch
from drs_provider.core.evidence import peek
from drs_provider.links import DrsJobsLink
from drs_provider.web.act_list import answering_act, execution_acts
from drs_provider.web.looks import Look, look
from drs_provider.web.problems import problems
from drs_provider.web.rights import Rights

_ON_TIMEOUT: Final = {
    "reject": "the gate is rejected: the execution is CANCELLED",
    "approve": "the gate is approved: the wave starts",
    "not verified": "the drill goes on to its cleanup, and counts as not verified",
    "fail": "the step fails",
    "reminder": "people are reminded; the gate stays open",
}
_FINDING: Final = ("code", "severity", "subject", "message", "remedy")
_SHOWN_LOGS: Final = ("running", "deferred", "failed", "up_for_retry")


def read(api: Api, dag_id: str, run_id: str, rights: Rights) -> dict[str, Any]:
    """Return how an execution stands.

    :param rights: what the caller may do
    :raises RefusedError: if there is none, or the caller may not see it
    """
    with look(api, dag_id, run_id) as seen:
        snapshot = seen.snapshot
        return {
            **snapshot.to_dict(),
            "readAt": seen.read_at,
            "acts": [act.to_dict() for act in execution_acts(seen, rights)],
            "problems": problems(snapshot, seen.servers, seen.unhealthy),
            "waitsFor": _waits_for(seen),
            "command": _command(seen),
            "preflight": _preflight(seen),
            "jobs": _jobs(seen),
            "logs": _logs(seen),
            "report": {"link": snapshot.report or None, "error": snapshot.report_error or None},
        }


def _waits_for(seen: Look) -> dict[str, Any] | None:
    for question in seen.snapshot.questions:
        return {
            "what": question.label,
            "who": question.who,
            "since": question.opened_at,
            "deadline": question.deadline,
            "onTimeout": _ON_TIMEOUT.get(question.on_timeout, question.on_timeout) or None,
            "act": answering_act(question),
        }
    return _waits_for_quota(seen)


def _waits_for_quota(seen: Look) -> dict[str, Any] | None:
    for number, name in seen.execution.waves.items():
        task_id = keys.wave_task_id(number, name, keys.START_RECOVERY)
        if seen.tasks.get(task_id, {}).get("state") != "deferred":
            continue
        told = peek(seen.execution.xcom(task_id, keys.QUOTA_WAIT))
        frozen = seen.reader.frozen.get(number)
        since = told.get("since") or epoch(seen.tasks[task_id]["start_date"])
        limit = frozen.queue_timeout_seconds if frozen else None
        return {
            "what": f"wave {number} {name} waits for quota, or for servers that are busy in other jobs",
            "who": "DRS and the executions that it works for",
            "since": since,
            "deadline": since + limit if since and limit else None,
            "onTimeout": "the servers that still wait have failed",
            "act": None,
        }
    return None


def _command(seen: Look) -> str:
    snapshot = seen.snapshot
    for question in snapshot.questions:
        verbs = {
            "answer_gate": ("approve", snapshot.name, "--wave", question.wave_name),
            "drill_result": ("verdict", snapshot.name, "passed"),
            "answer_step": ("answer-step", snapshot.name, "retry", "--step", question.step_name),
        }
        return command(*verbs[answering_act(question)])
    return command("status" if snapshot.ended else "watch", snapshot.name)


def _preflight(seen: Look) -> list[dict[str, Any]]:
    findings = seen.preflight.get("findings")
    return [
        {name: finding.get(name) for name in _FINDING}
        for finding in (findings if isinstance(findings, list) else ())
        if isinstance(finding, Mapping)
    ]


def _jobs(seen: Look) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, rows in seen.servers.items():
        frozen = seen.reader.frozen.get(number)
        link = DrsJobsLink.address(frozen.target) if frozen else None
        recorded = _recorded_jobs(seen, number)
        ids = [str(row["recoveryJobId"]) for row in rows if row.get("recoveryJobId")]
        for job_id in dict.fromkeys([*recorded, *ids]):
            found[job_id] = {
                "jobId": job_id,
                "wave": number,
                "status": recorded.get(job_id),
                "link": link,
            }
    return list(found.values())


def _recorded_jobs(seen: Look, number: int) -> dict[str, Any]:
    waves = (seen.reader.record or {}).get("waves", ())
    jobs = next((wave.get("jobs", ()) for wave in waves if wave["waveNumber"] == number), ())
    return {str(job["jobId"]): job.get("status") for job in jobs}


def _logs(seen: Look) -> list[dict[str, Any]]:
    """Return where the logs are of what runs, waits or has failed, the newest first."""
    tasks = [task for task in seen.tasks.values() if task["state"] in _SHOWN_LOGS]
    tasks.sort(key=lambda task: str(task["start_date"] or ""), reverse=True)
    return [
        {"taskId": task["task_id"], "link": f"{seen.execution.link}{path('tasks', task['task_id'])}"}
        for task in tasks
    ]
