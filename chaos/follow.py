"""One execution from its trigger to its end: the people, the faults, and what was seen of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from chaos.airflow import PatientApi
from chaos.facts import Attempt, RunFacts
from chaos.spec import STEP_TASKS, Fault, RunSpec
from chaos.strikes import Seen, Strikes, Tools
from chaos.world import APPROVERS, conf_of
from drs_provider import keys
from drs_provider.core.identity import execution_id
from drs_provider.core.task_states import RUN_OVER, TASK_ACTIVE, TASK_AT_WORK, TASK_OVER
from embedded.needs import OPERATOR
from embedded.stack import Stack, is_ready

LOOK_SECONDS = 1.0
# A program can answer in the very moment in which a task begins to wait, which nobody real can.
THINK_SECONDS = 2.0
DAG_SECONDS = 180.0
# Four workers are never busy for so long: the worker that had taken the task was killed before it began it.
QUEUED_SECONDS = 180.0
_READ_TABLE_EVERY = 3


class HarnessError(Exception):
    """The harness cannot go on; it says nothing about the product."""


@dataclass
class Progress:
    """What is noted of an attempt while it runs."""

    stopped: bool = False
    cleanup_begun: bool = False
    cleanup_not_before: float = 0.0
    finalize_since: float = float("inf")

    def saw_cleanup(self, state: str | None, looked_at: float) -> None:
        """Note that the cleanup had not begun yet; where its scheduler died, its state is empty once more."""
        self.cleanup_begun |= state is not None
        if not self.cleanup_begun:
            self.cleanup_not_before = looked_at


@dataclass
class QueuedTasks:
    """Since when each task is queued, by its id."""

    since: dict[str, float] = field(default_factory=dict)

    def lost(self, queued: Iterable[str], now: float) -> bool:
        """Whether one of those that are queued now was lost by LocalExecutor; each is told once."""
        self.since = {task: self.since.get(task, now) for task in queued}
        lost = any(now - since > QUEUED_SECONDS for since in self.since.values())
        if lost:
            self.since.clear()
        return lost


class Follower:
    """Runs one execution.

    :param bound_seconds: after which an attempt counts as hanging
    """

    def __init__(self, stack: Stack, spec: RunSpec, tools: Tools, *, bound_seconds: float) -> None:
        self._stack = stack
        self._spec = spec
        self._tools = tools
        self._bound = bound_seconds
        self._api = PatientApi(stack, spec.dag_id, f"chaos-{spec.seed}")
        self._seen = Seen(withdrawn=self._is_withdrawn)
        self._strikes = Strikes(spec, tools, self._seen)
        self._asked: dict[tuple[str, str], float] = {}
        self._queued = QueuedTasks()
        self._answered: set[tuple[str, str]] = set()
        self._end_times: dict[int, set[float]] = defaultdict(set)
        self._execution_id = ""
        self._looks = 0
        self._stop_sent = False
        self.doing = "waits for its DAG"

    def run(self) -> RunFacts:
        """Trigger the execution, follow all of its attempts, and return what is known of it."""
        with self._tools.alone if self._spec.has(Fault.EC2_DOWN) else nullcontext():
            return self._run()

    def _run(self) -> RunFacts:
        self._await_dag()
        run = self._api.trigger(conf_of(self._spec))
        deployment = f"embedded-{self._stack.root.name}"
        run_after = _epoch(run["run_after"])
        self._execution_id = execution_id(deployment, self._spec.dag_id, self._api.run_id, run_after)
        facts = RunFacts(self._spec, self._api.run_id, self._execution_id, ())
        self._strikes.begin()
        try:
            facts = self._attempts(facts)
        finally:
            self._strikes.end()
        if self._strikes.errors:
            raise HarnessError(f"{self._spec.plan}: a fault could not be injected") from self._strikes.errors[
                0
            ]
        return self._with_traces(facts)

    def close(self) -> None:
        """Close connections."""
        self._api.close()

    # -- attempts -------------------------------------------------------------------------------------

    def _attempts(self, facts: RunFacts) -> RunFacts:
        for number in range(1, self._spec.people.retries + 2):
            attempt, hangs = self._attempt(number)
            if attempt is None:
                self._api.mark_failed()
                return replace(facts, hangs=hangs)
            stored = self._tools.aws.record(self._execution_id)
            facts = replace(facts, attempts=(*facts.attempts, attempt), stored=stored)
            failed = self._waves_to_retry(attempt)
            if number > self._spec.people.retries or not failed:
                break
            self.doing = "is cleared"
            self._seen.states.clear()
            self._api.clear(failed)
        return facts

    def _attempt(self, number: int) -> tuple[Attempt | None, str]:
        progress = Progress()
        deadline = time.monotonic() + self._bound
        while True:
            looked_at = time.time()
            state = self._api.run()["state"]
            tasks = self._api.tasks()
            self._note(tasks, progress, looked_at)
            if state in RUN_OVER:
                return self._ended(number, state, progress), ""
            if time.monotonic() > deadline:
                return None, f"attempt {number}, run {state}: {_where(tasks)}"
            self._act(tasks, progress)
            self._read_table()
            time.sleep(LOOK_SECONDS)

    def _ended(self, number: int, state: str, progress: Progress) -> Attempt:
        now = time.time()
        return Attempt(
            number=number,
            run_state=state,
            tasks=dict(self._seen.states),
            record=self._api.record(),
            stopped=progress.stopped,
            cleanup_not_before=progress.cleanup_not_before,
            table_down=self._tools.outages.overlap(min(progress.finalize_since, now), now),
        )

    def _waves_to_retry(self, attempt: Attempt) -> list[str]:
        """Return the tasks of the waves to clear, as people do it; none where nobody would."""
        if attempt.run_state == "success" or attempt.stopped or self._spec.refused or not attempt.record:
            return []
        return [
            self._spec.task_id(task, number)
            for number in waves_to_clear(self._spec, attempt.record)
            for task in (*keys.WAVE_TASKS, *(STEP_TASKS if self._spec.wave(number).runbook else ()))
        ]

    # -- looking --------------------------------------------------------------------------------------

    def _await_dag(self) -> None:
        deadline = time.monotonic() + DAG_SECONDS
        while time.monotonic() < deadline:
            if is_ready(self._api.dag()):
                return
            time.sleep(LOOK_SECONDS)
        raise HarnessError(f"the DAG {self._spec.dag_id} did not appear: {self._stack.paths.logs}")

    def _is_withdrawn(self) -> bool:
        dag = self._api.dag() or {}
        return any(tag["name"] == "withdrawn" for tag in dag.get("tags", ()))

    def _note(self, tasks: list[dict[str, Any]], progress: Progress, looked_at: float) -> None:
        self._seen.ids = {each["task_id"]: each["id"] for each in tasks}
        self._seen.states = {each["task_id"]: each["state"] for each in tasks}
        for each in tasks:
            if each["task_id"] == keys.CLEANUP_DRILL:
                progress.saw_cleanup(each["state"], looked_at)
            if each["task_id"] == keys.FINALIZE and each["start_date"]:
                progress.finalize_since = _epoch(each["start_date"])
        self.doing = _where(tasks)

    def _read_table(self) -> None:
        self._looks += 1
        if self._looks % _READ_TABLE_EVERY == 0:
            self._note_end_times(self._tools.aws.record(self._execution_id))

    def _note_end_times(self, stored: Mapping[str, Any] | None) -> None:
        for row in (stored or {}).get("attempts", ()):
            if row.get("endTime") is not None:
                self._end_times[row["attempt"]].add(float(row["endTime"]))

    def _with_traces(self, facts: RunFacts) -> RunFacts:
        self._note_end_times(facts.stored)
        folder: Path = self._stack.paths.reports / self._spec.plan / self._execution_id
        reports = frozenset(file.name for file in folder.glob("*")) if folder.is_dir() else frozenset()
        times = {number: frozenset(seen) for number, seen in self._end_times.items()}
        return replace(facts, end_times=times, reports=reports)

    # -- people ---------------------------------------------------------------------------------------

    def _act(self, tasks: list[dict[str, Any]], progress: Progress) -> None:
        queued = [each["id"] for each in tasks if each["state"] == "queued"]
        if self._queued.lost(queued, time.monotonic()):
            self._tools.components.start_scheduler_anew()  # as ARCHITECTURE tells its users
        if any(keys.waits_for_people(each["task_id"], each["state"]) for each in tasks):
            self._answer(progress)
        stops_at = self._spec.people.stops_at_wave
        if stops_at and not self._stop_sent:
            wait = self._spec.task_id(keys.WAIT_FOR_RECOVERY, stops_at)
            if self._seen.states.get(wait) in TASK_AT_WORK:
                self._stop(progress)

    def _stop(self, progress: Progress) -> None:
        self._stop_sent = True
        self._api.mark_failed()
        after = {each["task_id"]: each["state"] for each in self._api.tasks()}
        # Whatever was open is failed or skipped at once; if nothing was, the stop came too late to matter.
        progress.stopped = any(
            after.get(task_id) in ("failed", "skipped")
            for task_id, state in self._seen.states.items()
            if state not in TASK_OVER and task_id not in (keys.CLEANUP_DRILL, keys.FINALIZE)
        )

    def _answer(self, progress: Progress) -> None:
        for question in self._api.questions():
            instance = question["task_instance"]
            asked = (instance["task_id"], instance["id"])
            if asked in self._answered or not keys.waits_for_people(asked[0], instance["state"]):
                continue
            if time.monotonic() - self._asked.setdefault(asked, time.monotonic()) < THINK_SECONDS:
                continue
            task_id = asked[0]
            option = self._option(task_id)
            user = OPERATOR if task_id == keys.HOLD_DRILL else APPROVERS[0]
            inputs = {name: "seen" for name in question["params"] if name in ("comment", "notes")}
            if self._api.answer(user, task_id, option, inputs):
                progress.stopped = progress.stopped or option == "Reject"
            self._answered.add(asked)

    def _option(self, task_id: str) -> str:
        if task_id == keys.HOLD_DRILL:
            return "Passed"
        return "Reject" if task_id == f"gate_{self._spec.people.rejects_gate}" else "Approve"


def waves_to_clear(spec: RunSpec, record: Mapping[str, Any]) -> list[int]:
    """Return the waves that people clear after a red run; none if no wave failed.

    A drill's cleanup has terminated all of its waves: it begins again with the first one.
    """
    failed = [int(wave["waveNumber"]) for wave in record["waves"] if wave["status"] == "FAILED"]
    return [wave.number for wave in spec.waves] if failed and spec.is_drill else failed


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _where(tasks: list[dict[str, Any]]) -> str:
    open_tasks = [
        f"{each['task_id']} {each['state']} (try {each['try_number']})"
        for each in tasks
        if each["state"] in TASK_ACTIVE
    ]
    return ", ".join(open_tasks) or "nothing runs: " + ", ".join(
        f"{each['task_id']} {each['state']}" for each in tasks
    )
