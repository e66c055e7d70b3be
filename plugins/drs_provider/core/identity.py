"""Who an execution is: its id, the tags on its jobs, its session name."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, unquote

# Never change it: every execution id hangs on it.
_NAMESPACE = uuid.UUID("6d5b2c1e-6f0a-5c58-9a3d-1f2f7f3f9b52")

DAG_ID_PREFIX = "drs_"
SWEEPER_DAG_ID = DAG_ID_PREFIX + "sweeper"
DOCTOR_DAG_ID = DAG_ID_PREFIX + "doctor"
READINESS_DAG_ID = DAG_ID_PREFIX + "readiness"
EVIDENCE_DAG_ID = DAG_ID_PREFIX + "evidence"
#: DAGs of this provider that are no plans: DAG id → what it is
OWN_DAGS = {
    SWEEPER_DAG_ID: "the sweeper",
    DOCTOR_DAG_ID: "the doctor",
    EVIDENCE_DAG_ID: "the evidence store",
    READINESS_DAG_ID: "the readiness check",
}

TAG_EXECUTION_ID = "ExecutionId"
TAG_EXECUTION_TYPE = "ExecutionType"
TAG_PLAN_NAME = "PlanName"
TAG_WAVE_NUMBER = "WaveNumber"
TAG_ATTEMPT = "Attempt"
#: Of a building block's jobs, instead of the plan's name: which task launched them
TAG_TASK = "AirflowTask"
#: Beside it: in which run, as ``dag_id/run_id``; what the run launched for a drill is its own until it has ended
TAG_RUN = "AirflowRun"
RESERVED_TAG_KEYS = frozenset(
    {TAG_EXECUTION_ID, TAG_EXECUTION_TYPE, TAG_PLAN_NAME, TAG_WAVE_NUMBER, TAG_ATTEMPT}
)

#: What the execution of a runbook's script is called: no DAG run, and no id of one
RUNBOOK_PREFIX = "runbook-"

_TAG_VALUE_MAX_LENGTH = 256
_MAP_INDEX = re.compile(r"\[([0-9]+)\]$")
_SESSION_PREFIX = "drs-"
_SESSION_NAME_MAX_LENGTH = 64
_NOT_IN_SESSION_NAME = re.compile(r"[^\w+=,.@-]", re.ASCII)


def execution_id(deployment_id: str, dag_id: str, run_id: str, run_after: float | datetime) -> str:
    """Return the id of the execution that a DAG run is.

    A rerun of the run is the same execution; the same run id in a second Airflow, or of a run that was
    deleted and created again, is another one.

    :param deployment_id: ``[drs] deployment_id``
    :param run_after: the run's ``run_after``, epoch seconds or a datetime with zone
    :raises ValueError: if a part is empty, or the datetime has no zone
    """
    return _id(deployment_id, dag_id, run_id, run_after)


def block_execution_id(
    deployment_id: str,
    dag_id: str,
    run_id: str,
    run_after: float | datetime,
    task_id: str,
    map_index: int,
) -> str:
    """Return the id of what a building block does in a run: the same for its retries and clears.

    :param map_index: of a mapped task, from 0; -1 of any other
    :raises ValueError: as :func:`execution_id`
    """
    return _id(deployment_id, dag_id, run_id, run_after, task_id, map_index)


def _id(deployment_id: str, dag_id: str, run_id: str, run_after: float | datetime, *more: str | int) -> str:
    for name, value in (("deployment_id", deployment_id), ("dag_id", dag_id), ("run_id", run_id)):
        if not value:
            raise ValueError(f"execution id: {name} is empty")
    if isinstance(run_after, datetime):
        if run_after.tzinfo is None:
            raise ValueError(f"execution id: run_after {run_after!r} has no time zone")
        run_after = run_after.timestamp()
    # JSON keeps the parts apart ("a", "bc" is not "ab", "c"); microseconds are all a datetime holds.
    name = json.dumps([deployment_id, dag_id, run_id, round(run_after * 1_000_000), *more])
    return str(uuid.uuid5(_NAMESPACE, name))


def runbook_execution_id(plan_hash: str, execution_type: str, written_at: float) -> str:
    """Return the id under which a runbook's script tags its jobs; each runbook that is written has its own.

    :param written_at: epoch seconds
    """
    name = json.dumps(["runbook", plan_hash, str(execution_type), round(written_at * 1_000_000)])
    return f"{RUNBOOK_PREFIX}{uuid.uuid5(_NAMESPACE, name)}"


def message_key(event: str, *about: str | float) -> str:
    """Return what a message is known by: the same each time the same thing is told, at most 64 characters.

    :param about: what tells it from others of the same event, such as execution, attempt and task
    """
    return f"{event}-{uuid.uuid5(_NAMESPACE, json.dumps([event, *about]))}"


def is_runbook(execution_id: str) -> bool:
    """Whether jobs with this execution id were started by a runbook's script, without Airflow."""
    return execution_id.startswith(RUNBOOK_PREFIX)


def dag_id_of(plan_name: str) -> str:
    """Return the id of a plan's DAG."""
    return DAG_ID_PREFIX + plan_name


def plan_name_of(dag_id: str) -> str | None:
    """Return the plan whose DAG has this id, or None if it is no plan's DAG."""
    return dag_id.removeprefix(DAG_ID_PREFIX) if dag_id.startswith(DAG_ID_PREFIX) else None


def job_tags(
    execution_id: str,
    execution_type: str,
    plan_name: str,
    wave_number: int,
    attempt: int,
    plan_tags: Mapping[str, str],
) -> dict[str, str]:
    """Return the tags of a StartRecovery: the plan's own and ours.

    :raises ValueError: if the plan uses one of our keys, or a number is smaller than 1
    """
    taken = sorted(RESERVED_TAG_KEYS & plan_tags.keys())
    if taken:
        raise ValueError(f"plan tags use reserved keys: {', '.join(taken)}")
    if wave_number < 1 or attempt < 1:
        raise ValueError(f"wave and attempt start at 1, not {wave_number} and {attempt}")
    return {
        **plan_tags,
        TAG_EXECUTION_ID: execution_id,
        TAG_EXECUTION_TYPE: str(execution_type),
        TAG_PLAN_NAME: plan_name,
        TAG_WAVE_NUMBER: str(wave_number),
        TAG_ATTEMPT: str(attempt),
    }


def block_job_tags(
    execution_id: str,
    execution_type: str,
    task: str,
    attempt: int,
    own: Mapping[str, str],
    *,
    dag_id: str,
    run_id: str,
) -> dict[str, str]:
    """Return the tags of a building block's StartRecovery.

    :param task: which task it is, for people
    :param own: the block's own tags
    :param dag_id: of the run in which it starts; left out, with the run, where both are too long for a tag
    :raises ValueError: if it uses one of our keys
    """
    tags = job_tags(execution_id, execution_type, "", 1, attempt, own)
    del tags[TAG_PLAN_NAME]
    # AWS refuses brackets in tags, and more that run ids may have.
    tags[TAG_TASK] = _shorten(_MAP_INDEX.sub(r"@\1", task), _TAG_VALUE_MAX_LENGTH)
    run = f"{dag_id}/{quote(run_id, safe='+-._:/@').replace('~', '%7E').replace('%', '=')}"
    return tags if len(run) > _TAG_VALUE_MAX_LENGTH else {**tags, TAG_RUN: run}


def run_of_tags(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the DAG and run whose building block launched a job; None of all other jobs."""
    if task_of_tags(tags) is None or TAG_RUN not in tags:
        return None
    dag_id, _, run_id = tags[TAG_RUN].partition("/")
    return dag_id, unquote(run_id.replace("=", "%"))


def task_of_tags(tags: Mapping[str, str]) -> str | None:
    """Return the task of a building block that a job's tags name; None of a plan's job, and of somebody else's."""
    return tags.get(TAG_TASK) if TAG_PLAN_NAME not in tags and TAG_EXECUTION_ID in tags else None


def _shorten(text: str, max_length: int) -> str:
    """Cut ``text`` to length; a digest of the whole keeps two long texts apart."""
    if len(text) <= max_length:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[: max_length - 9]}-{digest}"


def role_session_name(execution_id: str) -> str:
    """Return an STS role session name (at most 64 characters) that carries the execution id.

    :raises ValueError: if the id is empty
    """
    if not execution_id:
        raise ValueError("role session name: the execution id is empty")
    return _shorten(_SESSION_PREFIX + _NOT_IN_SESSION_NAME.sub("-", execution_id), _SESSION_NAME_MAX_LENGTH)


def execution_of_session(session_name: str) -> str | None:
    """Return the execution whose role session has this name; None for sessions that executions share."""
    try:
        return str(uuid.UUID(session_name.removeprefix(_SESSION_PREFIX)))
    except ValueError:
        return None
