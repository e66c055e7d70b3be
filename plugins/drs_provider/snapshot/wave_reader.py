"""Reads the waves of an execution: how far each is, as its tasks and their XComs tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution, has_told
from drs_provider.airflow_rest.texts import epoch
from drs_provider.core.states import WaveStatus
from drs_provider.core.task_states import TASK_BEFORE_WORKER
from drs_provider.core.texts import named
from drs_provider.rules.execution.expectation import Expectation
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.snapshot.model import WAITING, StepSnapshot, WaveSnapshot
from drs_provider.snapshot.step_reader import StepReader, recorded_steps

Task = Mapping[str, Any]


class WaveReader:
    """The waves of one execution, looked at as often as :meth:`read` is called."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self._frozen: Mapping[int, FrozenWave] = {}
        self._expected: dict[int, float] = {}
        self._progress: dict[str, dict[str, Any]] = {}
        self._results: dict[tuple[str, Any], dict[str, int]] = {}
        self._steps = StepReader(execution)

    def steps_around(self, tasks: Mapping[str, Task]) -> list[StepSnapshot]:
        """Return the steps around all waves that have begun."""
        return self._steps.read(tasks, 0)

    def read(
        self,
        tasks: Mapping[str, Task],
        header: Mapping[str, Any],
        frozen: Mapping[int, FrozenWave],
        expected: Expectation | None,
        now: float,
    ) -> list[WaveSnapshot]:
        """Return the waves as they are.

        :param header: the frozen plan's header; empty while there is none
        :param frozen: the frozen waves by number, as far as they are known
        :param expected: what was expected of them; None if that is not known
        :param now: epoch seconds
        """
        self._frozen = frozen
        self._expected = {wave.number: wave.range.seconds for wave in expected.waves} if expected else {}
        names = {ref["number"]: ref["name"] for ref in header.get("waves", ())} or self.execution.waves
        left_out = {ref["number"] for ref in header.get("waves", ()) if not ref["selected"]}
        return [
            self._wave(number, name, tasks, now, selected=number not in left_out)
            for number, name in sorted(names.items())
        ]

    def _wave(
        self, number: int, name: str, tasks: Mapping[str, Task], now: float, *, selected: bool
    ) -> WaveSnapshot:
        if not selected:
            return WaveSnapshot(number, name, WaveStatus.SKIPPED, note="not selected for this run")
        gate = tasks.get(keys.gate_task_id(number))
        own = [tasks.get(keys.wave_task_id(number, name, task)) for task in keys.WAVE_TASKS]
        before, after = _steps_of(number, name, tasks)
        status = wave_status(
            task_state(gate),
            [task_state(task) for task in (*own, *after)],
            [task_state(task) for task in (*self._first_steps(number, tasks), *before)],
        )
        progress = self._read_progress(keys.wave_task_id(number, name, keys.WAIT_FOR_RECOVERY), own[1])
        polling = status == WaveStatus.POLLING
        begin = epoch(own[0]["start_date"]) if own[0] and has_told(own[0]) else None
        last = after[-1] if after else own[2]
        end = epoch(last["end_date"]) if last and task_state(last) in ("success", "failed") else None
        return WaveSnapshot(
            number,
            name,
            status,
            servers=self._servers(number, name, own[2], progress, polling=polling),
            phase=str(progress.get("phase") or "") if polling else "",
            fraction=progress.get("fraction") if polling else None,
            remaining_seconds=progress.get("remainingSeconds") if polling else None,
            elapsed_seconds=None if begin is None else max(0.0, (end or now) - begin),
            expected_seconds=self._expected.get(number),
            note=self._wave_note(number, name, tasks) if status == WaveStatus.FAILED else "",
            steps=self._steps.read(tasks, number) if before or after else (),
        )

    def _first_steps(self, number: int, tasks: Mapping[str, Task]) -> list[Task]:
        """Return the tasks of the steps before all waves, if nothing else comes before this one."""
        refs = (self.execution.header or {}).get("waves", ())
        if any(ref["number"] == number and ref["depends_on"] for ref in refs):
            return []
        return [task for task_id, task in tasks.items() if task_id.startswith(f"{keys.AROUND[0]}.")]

    def _servers(
        self, number: int, name: str, enrich: Task | None, progress: Mapping[str, Any], *, polling: bool
    ) -> dict[str, int]:
        """Return the wave's servers by launch status: its result, else its progress."""
        task_id = keys.wave_task_id(number, name, keys.ENRICH)
        known: dict[str, int] = {}
        if enrich is not None and enrich["state"] in ("success", "failed"):
            key = (task_id, enrich["start_date"])
            if key not in self._results:
                result = self.execution.facts(task_id, keys.WAVE_RESULT)
                counts = Counter(
                    str(row["launchStatus"]) for row in server_rows(result.get("serverStatuses"))
                )
                self._results[key] = dict(sorted(counts.items()))
            known = self._results[key]
        frozen = self._frozen.get(number)
        known = known or dict(progress.get("servers") or {})
        return known or ({"PENDING": len(frozen.servers)} if frozen and polling else {})

    def _wave_note(self, number: int, name: str, tasks: Mapping[str, Task]) -> str:
        group = f"{keys.wave_group_id(number, name)}."
        steps = [task_id for task_id in tasks if task_id.startswith(group) and keys.is_step(task_id)]
        steps += [task_id for task_id in tasks if task_id.startswith(f"{keys.AROUND[0]}.")]
        own = [keys.wave_task_id(number, name, task) for task in (keys.DECIDE, *keys.WAVE_TASKS)]
        for task_id in (*own, *steps):
            if task_state(tasks.get(task_id)) == "failed":
                return self.execution.failure(task_id) or f"task {task_id} was stopped"
        return ""

    def _read_progress(self, task_id: str, task: Task | None) -> dict[str, Any]:
        if has_told(task):
            value = self.execution.facts(task_id, keys.PROGRESS)
            if value:
                self._progress[task_id] = value
        elif task_state(task) not in TASK_BEFORE_WORKER:
            # Cleared. Between its trigger and a worker it is still what it was.
            self._progress.pop(task_id, None)
        return self._progress.get(task_id, {})


def _steps_of(number: int, name: str, tasks: Mapping[str, Task]) -> tuple[list[Task], list[Task]]:
    """Return the tasks of a wave's steps before its launches, and those behind them with `decide` as the last."""
    group = f"{keys.wave_group_id(number, name)}."
    of_wave = {task_id: task for task_id, task in tasks.items() if task_id.startswith(group)}
    before, after = (
        [task for task_id, task in of_wave.items() if task_id.startswith(f"{group}{place}_")]
        for place in ("before", "after")
    )
    decide = of_wave.get(f"{group}{keys.DECIDE}")
    return before, [*after, decide] if decide else after


def wave_status(gate: str | None, tasks: Sequence[str | None], before: Sequence[str | None] = ()) -> str:
    """Return a wave's status from the states of its gate and of its tasks in order.

    :param before: states of its steps before the launches
    """
    if gate == "deferred":
        return WAITING
    if gate in ("failed", "skipped") or "upstream_failed" in (gate, *tasks):
        return WaveStatus.FAILED if "failed" in (*before, *tasks) else WaveStatus.CANCELLED
    if "failed" in tasks:
        # Airflow skips what has not begun when a person marks the run failed.
        return WaveStatus.CANCELLED if "skipped" in tasks else WaveStatus.FAILED
    if tasks[-1] == "success":
        return WaveStatus.COMPLETED
    if "skipped" in tasks:
        return WaveStatus.SKIPPED if tasks[0] == "skipped" else WaveStatus.CANCELLED
    if tasks[0] == "success":
        return WaveStatus.POLLING
    begun = any(state is not None for state in (*before, tasks[0]))
    return WaveStatus.LAUNCHING if begun else WaveStatus.PENDING


def server_rows(value: Any) -> list[Mapping[str, Any]]:
    """Return server rows; what whoever may edit the run has put beside them is left out."""
    if not isinstance(value, Sequence):
        return []
    return [
        row for row in value if isinstance(row, Mapping) and {"sourceServerId", "launchStatus"} <= row.keys()
    ]


def task_state(task: Task | None) -> str | None:
    """Return a task's state."""
    return None if task is None else task["state"]


def recorded_wave(wave: Mapping[str, Any]) -> WaveSnapshot:
    """Return a wave of an execution record."""
    begin, end = wave.get("startTime"), wave.get("readyTime", wave.get("endTime"))
    counts = wave.get("launchStatusCounts") or Counter(
        row["launchStatus"] for row in wave.get("serverStatuses", ())
    )
    failed = [
        str(row.get("serverName") or row["sourceServerId"])
        for row in wave.get("serverStatuses", ())
        if "error" in row
    ]
    note = str(wave.get("errorMessage") or wave.get("skipReason") or "")
    if failed and not note:
        note = f"not recovered: {named(failed)}"
    return WaveSnapshot(
        wave["waveNumber"],
        wave["waveName"],
        wave["status"],
        servers=dict(sorted(counts.items())),
        elapsed_seconds=end - begin if begin and end else None,
        note=note,
        steps=recorded_steps(wave.get("steps", ())),
    )
