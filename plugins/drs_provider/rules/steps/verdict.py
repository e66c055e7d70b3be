"""What steps mean for their wave, and how they stand in its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from drs_provider.core.texts import cause, named
from drs_provider.rules.execution.frozen import FrozenStep, FrozenWave
from drs_provider.rules.record.merging import recovered
from drs_provider.rules.record.schema import ServerRow, StepRow, WaveResult, without_empty
from drs_provider.rules.steps.results import WAVE_SUBJECT, Subject
from drs_provider.rules.steps.state import StepState, StepStatus
from drs_provider.rules.wave.server_verdict import ServerVerdict, WaveRules
from drs_provider.rules.wave.verdict import failure_reasons

#: How many servers' failures a record names with their output
MOST_FAILURES: Final = 20


class Ended(NamedTuple):
    """A step and what its task told of it; None: nothing."""

    step: FrozenStep
    state: StepState | None


def server_subjects(rows: Iterable[ServerRow], common: Mapping[str, str]) -> list[Subject]:
    """Return the recovered servers of a wave as subjects of its steps.

    :param common: placeholders' values that all servers share
    """
    return [
        Subject(
            row["sourceServerId"],
            row.get("serverName", row["sourceServerId"]),
            {**common, **_values(row)},
        )
        for row in rows
        if recovered(row)
    ]


def _values(row: ServerRow) -> dict[str, str]:
    known = {
        "private_ip": row.get("privateIp"),
        "instance_id": row.get("instanceId") or row.get("recoveryInstanceId"),
        "server_name": row.get("serverName"),
        "hostname": row.get("hostname"),
        "source_server_id": row["sourceServerId"],
    }
    return {name: value for name, value in known.items() if value}


def after_steps(rows: Sequence[ServerRow], steps: Iterable[Ended]) -> list[ServerRow]:
    """Return a wave's server rows with what its steps found: a server that failed a step has an ``error``."""
    errors: dict[str, str] = {}
    for step, state in steps:
        if state is None or state.status != StepStatus.FAILED or step.on_failure == "continue":
            continue
        for key, output in state.failures.items():
            errors.setdefault(key, cause(f"step {step.name} failed: {output}"))
    return [
        {**row, "error": errors[row["sourceServerId"]]}
        if recovered(row) and row["sourceServerId"] in errors
        else row
        for row in rows
    ]


def unmet(wave: FrozenWave, rows: Sequence[ServerRow], steps: Sequence[Ended]) -> tuple[str, ...]:
    """Return why a wave is not met with what its steps came to; nothing if it is.

    A step that runs once decides over the wave; one for each server over that server, as a failed launch does.
    """
    reasons = [text for ended in steps if (text := _failed_at_once(ended))]
    critical = {server.source_server_id: server.critical for server in wave.servers}
    servers = [
        ServerVerdict(
            row["sourceServerId"],
            row.get("serverName", row["sourceServerId"]),
            critical.get(row["sourceServerId"], True),
            recovered=recovered(row),
            error=row.get("error", "not recovered"),
        )
        for row in after_steps(rows, steps)
    ]
    return (*reasons, *failure_reasons(servers, WaveRules.from_wave(wave)))


def _failed_at_once(ended: Ended) -> str | None:
    step, state = ended
    if not step.selected or step.on_failure == "continue":
        return None
    if state is None:
        return f"step {step.name} told no result: its task was killed, or did not run"
    if not state.over:
        return f"step {step.name} did not come to its end"
    if state.status != StepStatus.FAILED or (step.each == "server" and state.failures):
        return None
    return f"step {step.name} failed: {state.reason or state.output}"


def ready_time(end_time: float, steps: Iterable[Ended]) -> float:
    """Return when a wave was ready: at its end in DRS, or when the last of its required steps had passed, if later."""
    ends = [
        state.ended_at
        for step, state in steps
        if step.required and state is not None and state.ended_at and state.status != StepStatus.SKIPPED
    ]
    return max([end_time, *ends])


def step_row(step: FrozenStep, state: StepState) -> StepRow:
    """Return a step as records carry it."""
    passed = len(state.keys_in("passed"))
    failures = [
        {"name": state.subjects[key].get("name", key), "output": output}
        for key, output in state.failures.items()
        if key != WAVE_SUBJECT
    ]
    fields: dict[str, Any] = {
        "name": step.name,
        "place": step.place,
        "kind": step.kind,
        "status": str(state.status),
        "required": step.required,
        "attempt": state.attempt,
        "startTime": state.started_at,
        "endTime": state.ended_at,
        "output": state.output or None,
        "reason": state.reason,
        "acceptedBy": state.accepted_by,
        "servers": {"passed": passed, "failed": len(failures)} if step.each == "server" else None,
        "failures": failures[:MOST_FAILURES] or None,
        "asks": state.asks or None,
    }
    return cast("StepRow", without_empty(fields))


def output_of(step: FrozenStep, state: StepState) -> str:
    """Return what a step came to, in short."""
    if step.each == "wave":
        return state.subjects.get(WAVE_SUBJECT, {}).get("output", "")
    total, failures = len(state.subjects), state.failures
    passed = len(state.keys_in("passed"))
    if not failures:
        return f"{passed} of {total} servers passed"
    texts = [f"{state.subjects[key].get('name', key)}: {output}" for key, output in failures.items()]
    return cause(f"{passed} of {total} servers passed; {named(texts, 3, between='; ')}")


def acceptances(rows: Iterable[StepRow]) -> list[str]:
    """Return which failures of steps a person accepted, who and why."""
    return [
        f"step {row['name']} failed ({row.get('output', '')}), accepted by {row['acceptedBy']}: {row['reason']}"
        for row in rows
        if row["status"] == StepStatus.ACCEPTED
    ]


def of_steps(result: WaveResult) -> WaveResult:
    """Return what of a wave's result is its steps'."""
    told = ("steps", "readyTime", "serversRecovered", "failedServers")
    return cast("WaveResult", {name: value for name, value in result.items() if name in told})
