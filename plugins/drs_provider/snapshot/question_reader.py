"""Reads what an execution asks people: who is asked, until when, and what became of the answers so far."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution, role_of
from drs_provider.airflow_rest.texts import epoch
from drs_provider.core.states import ExecutionType
from drs_provider.core.times import format_time
from drs_provider.plan.people import People
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.snapshot.model import Question

Frozen = Mapping[int, FrozenWave]


def question_of(
    execution: Execution, detail: Mapping[str, Any], header: Mapping[str, Any], frozen: Frozen
) -> Question:
    """Return a request of Airflow's as what it asks.

    :param header: the frozen plan's header, empty while there is none
    :param frozen: its waves by number, as far as they can be read
    """
    task_id = detail["task_instance"]["task_id"]
    role = role_of(task_id) or keys.TaskRole(task_id)
    opened = epoch(detail["created_at"]) or time.time()
    told = execution.facts(task_id, keys.GATE_ANSWERS)
    deadline, policy = None, ""
    named: tuple[str, ...] = ()
    emergency: tuple[str, ...] = ()
    if role.task == keys.STEP:
        deadline, policy, named = _of_step(role, opened, frozen)
    elif (wave := frozen.get(role.wave_number)) and header:
        deadline, policy = opened + wave.gate.timeout_seconds, wave.gate.policy(_type_of(header))
        named, emergency = wave.gate.approvers, wave.gate.emergency_approvers
        if policy == "escalate":
            turn = told.get("next") or {}
            deadline, policy = (
                turn.get("at"),
                f"{turn['name']} is asked as well" if turn.get("name") else "reminder",
            )
    elif task_id == keys.HOLD_DRILL and header:
        deadline, policy = _hold_deadline(execution, header, opened), "not verified"
    # Airflow's own assignment is empty where its user ids are no logins.
    assigned = tuple(str(user["id"]) for user in detail.get("assigned_users") or ())
    return Question(
        task_id=task_id,
        wave_number=role.wave_number,
        wave_name=execution.waves.get(role.wave_number, ""),
        subject=str(detail["subject"]),
        body=str(detail.get("body") or ""),
        options=tuple(detail["options"]),
        approvers=_asked(told) or named or assigned,
        asked=tuple(told.get("asked") or ()),
        emergency_approvers=emergency,
        notes=(*_asked_notes(told), *_answer_notes(told, alone=role.task == keys.STEP)),
        opened_at=opened,
        deadline=deadline,
        on_timeout=policy,
        step_name=role.step_name,
        place=role.place,
    )


def _type_of(header: Mapping[str, Any]) -> ExecutionType:
    return ExecutionType(header["execution_type"])


def _hold_deadline(execution: Execution, header: Mapping[str, Any], opened: float) -> float:
    """Return until when a drill holds: as long as its plan says, or people, and never beyond its maximum age."""
    told = execution.xcom(keys.PREPARE, keys.HOLD_UNTIL)
    extended = float(told) if isinstance(told, int | float) else 0.0
    usual = opened + header["hold"]["timeout_seconds"]
    return float(min(max(usual, extended), header["started_at"] + header["max_age_seconds"]))


def _of_step(role: keys.TaskRole, opened: float, frozen: Frozen) -> tuple[float | None, str, tuple[str, ...]]:
    """Return until when a step asks, what a timeout means, and who may answer."""
    gates = [wave.gate for number, wave in frozen.items() if role.wave_number in (0, number)]
    if not gates:
        return None, "fail", ()
    names = tuple(dict.fromkeys(name for gate in gates for name in gate.approvers))
    return opened + max(gate.timeout_seconds for gate in gates), "fail", names


def _asked(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the logins that were asked, teams by their members."""
    rows = told.get("asked") or ()
    return tuple(dict.fromkeys(login for row in rows for login in _people(row).logins(row["names"])))


def _people(row: Mapping[str, Any]) -> People:
    return People({team: tuple(logins) for team, logins in (row.get("teams") or {}).items()})


def _asked_notes(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield which teams were asked, who was asked later, and what else people must know about that."""
    for position, row in enumerate(told.get("asked") or ()):
        if row.get("teams") or position:
            yield f"asked since {format_time(row['at'])}: {', '.join(map(_people(row).told, row['names']))}"
        if row.get("asOfStart"):
            yield f"its members are those of the execution's start: {row['asOfStart']}"
    if told.get("reminders"):
        yield f"reminded {told['reminders']} times, last {format_time(told['remindedAt'])}"


def _answer_notes(told: Mapping[str, Any], *, alone: bool) -> Iterator[str]:
    """Yield what became of the answers that a request has had; its text stays that of the first question.

    :param alone: whether one answer decides: then it was to a question before
    """
    for row in told.get("responses", ()):
        said = f"{row['decision']} by {row['respondedBy']}"
        if "refused" in row:
            yield f"refused {said}: {row['refused']}"
        else:
            yield said + ("" if alone else "; a second person must approve")


def emergencies(
    execution: Execution, tasks: Mapping[str, Mapping[str, Any]], frozen: Frozen
) -> Iterator[str]:
    """Yield which gates of a running execution were opened by an emergency approver alone."""
    for number, wave in sorted(frozen.items()):
        gate = keys.gate_task_id(number)
        if not wave.gate.emergency_approvers or tasks.get(gate, {}).get("state") != "success":
            continue
        for row in (execution.xcom(gate, keys.GATE_ANSWERS) or {}).get("responses", ()):
            if row.get("emergency") and "refused" not in row:
                yield emergency_text(f"gate before wave {number} {wave.name}", row)


def emergency_text(where: str, row: Mapping[str, Any]) -> str:
    """Return for people that somebody decided alone."""
    return f"{where}: {row['decision']} by {row['respondedBy']} alone, because: {row.get('comment')}"
