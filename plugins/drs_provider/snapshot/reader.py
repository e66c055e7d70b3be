"""Reads an execution from Airflow's API, again and again, and asks only for what may have changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution, has_told
from drs_provider.airflow_rest.texts import epoch
from drs_provider.core.evidence import peek
from drs_provider.core.states import ExecutionStatus, WaveStatus, running_status
from drs_provider.core.task_states import TASK_ACTIVE
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.snapshot.expected import expectation_of, running_eta
from drs_provider.snapshot.model import DRY_RUN, EXCLUDED, ExecutionSnapshot, Question, Rto, WaveSnapshot
from drs_provider.snapshot.question_reader import emergencies, emergency_text, question_of
from drs_provider.snapshot.step_reader import recorded_steps
from drs_provider.snapshot.wave_reader import Task, WaveReader, recorded_wave, task_state

_STATUS_OF_OUTCOME = {"dry_run": DRY_RUN, "excluded": EXCLUDED}


class Reader:
    """One execution, looked at as often as :meth:`read` is called."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self._frozen: dict[int, FrozenWave] = {}
        self._frozen_for: tuple[str, Any] | None = None
        self._waves = WaveReader(execution)
        self._attempt: tuple[int, str | None] = (0, None)
        #: Of the last look: the run's tasks, and the record of the attempt if it had ended
        self.tasks: Mapping[str, Task] = {}
        self.record: Mapping[str, Any] | None = None

    @property
    def frozen(self) -> Mapping[int, FrozenWave]:
        """The frozen waves by number, as far as the last look knew them."""
        return self._frozen

    def read(self) -> ExecutionSnapshot:
        """Look at the execution.

        :raises RefusedError: if Airflow refuses it or cannot be reached
        """
        execution = self.execution
        execution.refresh()
        self.tasks = tasks = execution.tasks()
        header = self._header(tasks)
        self.record = record = execution.record(tasks) if execution.ended else None
        if record is not None:
            return self._of_record(record)
        run, now = execution.run, time.time()
        expected = expectation_of(header, self._frozen)
        waves = self._waves.read(tasks, header, self._frozen, expected, now)
        questions = self._questions(tasks, header)
        started = epoch(run["start_date"]) or epoch(run["run_after"])
        end = epoch(run["end_date"]) if execution.ended else None
        conf = run.get("conf") or {}
        rto = _running_rto(header, waves, tasks, now)
        return ExecutionSnapshot(
            plan=execution.plan,
            run_id=execution.run_id,
            link=execution.link,
            title=str(header.get("plan_title") or run.get("dag_display_name") or execution.plan),
            execution_type=str(header.get("execution_type") or conf.get("execution_type") or "DRILL"),
            status=self._status(tasks, waves, questions),
            ended=execution.ended,
            run_state=str(run["state"]),
            attempt=self._running_attempt(),
            started_at=started,
            ended_at=end,
            elapsed_seconds=None if started is None else max(0.0, (end or now) - started),
            expected_seconds=None if expected is None else expected.seconds,
            initiated_by=str(run.get("triggering_user_name") or header.get("initiated_by") or ""),
            ticket=str(header.get("ticket") or conf.get("ticket") or ""),
            reason=str(header.get("reason") or conf.get("reason") or ""),
            execution_id=str(header.get("execution_id") or ""),
            waves=waves,
            questions=questions,
            steps=[task_id for task_id, task in sorted(tasks.items()) if task["state"] in TASK_ACTIVE],
            rto=rto,
            eta=None
            if execution.ended
            else running_eta(expected, self._frozen, waves, tasks, questions=questions, rto=rto, now=now),
            message=self._message(tasks),
            around=self._waves.steps_around(tasks),
            emergencies=tuple(emergencies(execution, tasks, self._frozen)),
        )

    def _header(self, tasks: Mapping[str, Task]) -> dict[str, Any]:
        """Return the frozen plan's header, empty while there is none, and keep its waves."""
        if self.execution.header is None:
            # Not there yet: ask again at the next look.
            vars(self.execution).pop("header", None)
        if not has_told(tasks.get(keys.PREPARE)) or self.execution.header is None:
            return {}
        header = self.execution.header
        # A clear of `prepare` freezes anew.
        frozen_for = (header["execution_id"], tasks[keys.PREPARE]["start_date"])
        if self._frozen_for != frozen_for:
            self._frozen = self._frozen_waves(header)
            self._frozen_for = frozen_for
        return header

    def _frozen_waves(self, header: Mapping[str, Any]) -> dict[int, FrozenWave]:
        found = {}
        for ref in header["waves"]:
            sealed = self.execution.xcom(keys.PREPARE, keys.frozen_wave_key(ref["number"]))
            try:
                found[ref["number"]] = FrozenWave.model_validate(peek(sealed))
            except (TypeError, KeyError, ValidationError):
                # Frozen by another version of the provider: its estimates are missing here, nothing else.
                continue
        return found

    def _running_attempt(self) -> int:
        begun = self.execution.run["start_date"]
        if not self._attempt[0] or self._attempt[1] != begun:
            # Until `finalize` begins again, it still shows how the attempt before ended.
            earlier = self.execution.facts(keys.FINALIZE, keys.EXECUTION_RECORD)
            self._attempt = (int(earlier.get("attempt", 0)) + 1, begun)
        return self._attempt[0]

    def _status(
        self, tasks: Mapping[str, Task], waves: Sequence[WaveSnapshot], questions: Sequence[Question]
    ) -> str:
        if self.execution.ended:
            outcome = self.execution.xcom(keys.PREPARE, keys.OUTCOME)
            failed = self.execution.run["state"] == "failed"
            return (
                ExecutionStatus.FAILED if failed else _STATUS_OF_OUTCOME.get(outcome, ExecutionStatus.FAILED)
            )
        states = {task_id: task["state"] for task_id, task in tasks.items()}
        if states.get(keys.PREPARE) != "success":
            return ExecutionStatus.PENDING
        if _is_stopping(states, waves):
            return ExecutionStatus.CANCELLING
        if questions or any(keys.waits_for_people(task_id, state) for task_id, state in states.items()):
            return running_status(gate_waiting=True)
        if all(wave.status == WaveStatus.PENDING for wave in waves if wave.status != WaveStatus.SKIPPED):
            return ExecutionStatus.IN_PROGRESS
        return running_status(gate_waiting=False)

    def _message(self, tasks: Mapping[str, Task]) -> str:
        if task_state(tasks.get(keys.PREPARE)) == "failed":
            return self.execution.failure(keys.PREPARE) or "task prepare was stopped"
        if why := self.execution.xcom(keys.PREPARE, keys.EXCLUSION) if self.execution.ended else None:
            return str(why)
        if self.execution.ended and self.execution.run["state"] == "failed":
            return (
                self.execution.failure(keys.FINALIZE)
                or "the run ended without a record: see the log of its task finalize"
            )
        return ""

    def _questions(self, tasks: Mapping[str, Task], header: Mapping[str, Any]) -> list[Question]:
        if self.execution.ended or not any(
            keys.may_wait_for_people(task_id, task["state"]) for task_id, task in tasks.items()
        ):
            return []
        asked = self.execution.questions()
        found = [question_of(self.execution, each, header, self._frozen) for each in asked]
        return sorted(found, key=lambda question: (not question.is_gate, question.wave_number))

    def _of_record(self, record: Mapping[str, Any]) -> ExecutionSnapshot:
        from drs_provider.report import figures

        execution = self.execution
        rto = figures.rto(record)  # type: ignore[arg-type]
        attempts = {row["attempt"]: row for row in record["attempts"]}
        return ExecutionSnapshot(
            plan=execution.plan,
            run_id=execution.run_id,
            link=execution.link,
            title=str(record.get("planName") or execution.plan),
            execution_type=str(record["executionType"]),
            status=str(record["status"]),
            ended=True,
            run_state=str(execution.run["state"]),
            attempt=int(record["attempt"]),
            started_at=record["startTime"],
            ended_at=record.get("endTime"),
            elapsed_seconds=record.get("durationSeconds"),
            expected_seconds=record.get("expectedDuration"),
            initiated_by=str(record.get("initiatedBy") or ""),
            ticket=str(record.get("ticket") or ""),
            reason=str(record.get("reason") or ""),
            execution_id=str(record["executionId"]),
            waves=[recorded_wave(wave) for wave in record["waves"]],
            rto=Rto(
                rto.get("objectiveSeconds"),
                rto["usedSeconds"],
                rto["countedFrom"],
                over=True,
                met=rto.get("met"),
            ),
            verdict=str((record.get("verdict") or {}).get("result", "")),
            message=str(record.get("errorMessage") or ""),
            report=str(attempts.get(record["attempt"], {}).get("reportUri", "")),
            report_error=str(attempts.get(record["attempt"], {}).get("reportError", "")),
            left=(record.get("cleanup") or {}).get("left") or (),
            around=recorded_steps(record.get("steps", ())),
            emergencies=tuple(emergency_text(row["where"], row) for row in figures.emergencies(record)),
        )


def _is_stopping(states: Mapping[str, str | None], waves: Sequence[WaveSnapshot]) -> bool:
    """Tell whether a person stopped it: a gate was closed, or the run was marked failed."""
    gates = (keys.HOLD_DRILL, *(keys.gate_task_id(wave.number) for wave in waves))
    if any(states.get(task_id) == "failed" for task_id in gates):
        return True
    found = {wave.status for wave in waves}
    return WaveStatus.CANCELLED in found and WaveStatus.FAILED not in found


def _last_task(wave: WaveSnapshot, tasks: Mapping[str, Task]) -> str:
    decide = keys.wave_task_id(wave.number, wave.name, keys.DECIDE)
    return decide if decide in tasks else keys.wave_task_id(wave.number, wave.name, keys.ENRICH)


def _running_rto(
    header: Mapping[str, Any], waves: Sequence[WaveSnapshot], tasks: Mapping[str, Task], now: float
) -> Rto | None:
    objective = (header.get("objectives") or {}).get("rto_minutes")
    if objective is None:
        return None
    begin = header.get("incident_time") or header["run_after"]
    wanted = [wave for wave in waves if wave.status != WaveStatus.SKIPPED]
    over = bool(wanted) and all(wave.status == WaveStatus.COMPLETED for wave in wanted)
    behind = [task_id for task_id in tasks if task_id.startswith(f"{keys.AROUND[1]}.")]
    over = over and all(tasks[task_id]["state"] == "success" for task_id in behind)
    last = [_last_task(wave, tasks) for wave in wanted] + behind
    ends = [epoch(tasks[task_id]["end_date"]) for task_id in last] if over else []
    end = max((each for each in ends if each), default=now)
    used = max(0.0, end - begin)
    counted_from = "incident" if header.get("incident_time") else "trigger"
    return Rto(
        float(objective) * 60, used, counted_from, over=over, met=used <= objective * 60 if over else None
    )
