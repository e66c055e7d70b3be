"""One drill: trigger a plan's DAG, follow it, and answer for the people it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from drs_provider import keys
from drs_provider.core.task_states import RUN_OVER, TASK_ACTIVE, TASK_OVER, TASK_TRY_FAILED
from embedded.airflow_api import AirflowApi, ApiError
from embedded.needs import OPERATOR
from embedded.processes import StackError
from embedded.stack import Stack
from embedded.view import Snapshot, WaveView

POLL_SECONDS = 0.5
# A program can answer in the moment in which a task begins to wait; Airflow's scheduler then takes the task for one
# that was killed, and starts it again 20 s later. Nobody real is that quick.
THINK_SECONDS = 2.0
DRILL_CONF = {"execution_type": "DRILL", "reason": "drill of the embedded stack"}


@dataclass(frozen=True)
class Reply:
    """What a person answers to a question.

    :param option: one of the question's options
    :param comment: goes into the form's text field
    """

    option: str
    comment: str


def approve_everything(task_id: str) -> Reply:
    """Answer as the people of a drill that goes well: gates are approved, the drill is passed."""
    if task_id == keys.HOLD_DRILL:
        return Reply("Passed", "Servers were looked at; nothing was wrong.")
    return Reply("Approve", "Looked at it; go on.")


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    :param run_state: Airflow's state of the run: "success" or "failed"
    :param record: the execution record; None if the run left none
    :param elapsed_seconds: real seconds from the trigger to the end
    """

    run_id: str
    run_state: str
    record: dict[str, Any] | None
    elapsed_seconds: float


@dataclass
class Drill:
    """Follows one run of a plan.

    :param say: told of each step
    :param show: told where the run stands, each time it was looked at
    :param reply: answers the questions that the run asks; None leaves a question to others
    """

    stack: Stack
    dag_id: str
    say: Callable[[str], None] = print
    show: Callable[[Snapshot], None] = lambda _snapshot: None
    reply: Callable[[str], Reply | None] = approve_everything
    _users: dict[str, AirflowApi] = field(default_factory=dict, repr=False)
    _answered: dict[str, list[str]] = field(default_factory=dict, repr=False)
    _progress: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    _settled: set[str] = field(default_factory=set, repr=False)
    _told: set[tuple[str, int]] = field(default_factory=set, repr=False)
    _seen: dict[tuple[str, int], float] = field(default_factory=dict, repr=False)

    def run(
        self,
        conf: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        timeout_seconds: float = 900.0,
    ) -> Outcome:
        """Trigger the DAG as the operator and return when the run has ended.

        :param conf: run configuration over that of a plain drill
        :raises StackError: if the run does not end in time, or a process of the stack has ended for good
        """
        self.stack.wait_for_dag(self.dag_id)
        try:
            started = time.monotonic()
            run = self._as(OPERATOR).trigger(self.dag_id, DRILL_CONF | dict(conf or {}), run_id)
            self.say(f"{OPERATOR} triggered {self.dag_id}, run {run['dag_run_id']}")
            return self._follow(run["dag_run_id"], started, timeout_seconds)
        finally:
            for api in self._users.values():
                api.close()
            self._users.clear()

    def _follow(self, run_id: str, started: float, timeout_seconds: float) -> Outcome:
        while True:
            elapsed = time.monotonic() - started
            try:
                outcome = self._look(run_id, elapsed)
            except (httpx.TransportError, ApiError) as error:
                # A server that has ended, or waits for the database's lock; what it refuses is ours to tell.
                if isinstance(error, ApiError) and error.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    raise
                outcome = None
            if outcome is not None:
                return outcome
            self.stack.revive()
            if elapsed > timeout_seconds:
                raise StackError(f"The run did not end in {timeout_seconds:g} s: {self.stack.api_url}")
            time.sleep(POLL_SECONDS)

    def _look(self, run_id: str, elapsed: float) -> Outcome | None:
        """Show where the run stands and answer what it asks; return its outcome when it has ended."""
        api = self._as(OPERATOR)
        state = api.run(self.dag_id, run_id)["state"]
        self.show(self._snapshot(run_id, state, elapsed))
        if state in RUN_OVER:
            record = api.xcom(self.dag_id, run_id, keys.FINALIZE, keys.EXECUTION_RECORD)
            return Outcome(run_id, state, record, elapsed)
        self._answer_questions(run_id)
        return None

    def _as(self, user: str) -> AirflowApi:
        if user not in self._users:
            self._users[user] = self.stack.api(user)
        return self._users[user]

    def _answer_questions(self, run_id: str) -> None:
        for question in self._as(OPERATOR).waiting_questions(self.dag_id, run_id):
            task_id = question["task_instance"]["task_id"]
            reply = self.reply(task_id)
            if reply is None or not self._has_been_read(question):
                continue
            user = self._respondent(task_id, question)
            # The form's text field is "notes" for a verdict and "comment" for a gate.
            inputs = {name: reply.comment for name in question["params"] if name in ("comment", "notes")}
            self._as(user).answer(self.dag_id, run_id, task_id, reply.option, inputs)
            self._answered.setdefault(task_id, []).append(user)
            self.say(f"{user} answered {task_id}: {reply.option} ({reply.comment})")

    def _has_been_read(self, question: Mapping[str, Any]) -> bool:
        instance = question["task_instance"]
        if not keys.waits_for_people(instance["task_id"], instance["state"]):
            return False
        asked = (instance["task_id"], len(self._answered.get(instance["task_id"], ())))
        return time.monotonic() - self._seen.setdefault(asked, time.monotonic()) >= THINK_SECONDS

    def _respondent(self, task_id: str, question: Mapping[str, Any]) -> str:
        """Return who answers: one of those asked, another one each time; the operator where anybody may."""
        asked = [str(user["id"]) for user in question["assigned_users"] or ()]
        known = [user for user in asked if user in self.stack.secrets.passwords]
        if asked and not known:
            raise StackError(f"{task_id} asks {', '.join(asked)}, none of whom this stack has a login for.")
        unasked = [user for user in known if user not in self._answered.get(task_id, ())]
        return (unasked or known or [OPERATOR])[0]

    def _snapshot(self, run_id: str, run_state: str, elapsed_seconds: float) -> Snapshot:
        instances = self._as(OPERATOR).task_instances(self.dag_id, run_id)
        self._tell_troubles(run_id, instances)
        tasks = {each["task_id"]: each["state"] for each in instances}
        waves = [self._wave(run_id, tasks, task_id) for task_id in tasks if _is_wait(task_id)]
        return Snapshot(
            title=self.dag_id,
            run_state=run_state,
            elapsed_seconds=elapsed_seconds,
            waves=sorted(waves, key=lambda wave: wave.number),
            step=", ".join(sorted(task for task, state in tasks.items() if state in TASK_ACTIVE)),
        )

    def _tell_troubles(self, run_id: str, instances: Sequence[Mapping[str, Any]]) -> None:
        for each in instances:
            task_id, attempt, state = each["task_id"], each["try_number"], each["state"]
            if state in TASK_TRY_FAILED and (task_id, attempt) not in self._told:
                self._told.add((task_id, attempt))
                log = self.stack.paths.task_log(self.dag_id, run_id, task_id, attempt)
                self.say(f"{task_id}: {state}, see {log}")

    def _wave(self, run_id: str, tasks: Mapping[str, str | None], wait_task: str) -> WaveView:
        role = keys.role_of(wait_task)
        group = keys.wave_group_id(role.wave_number, role.wave_name)
        state = wave_state(
            tasks.get(keys.gate_task_id(role.wave_number)),
            [tasks.get(f"{group}.{task}") for task in _WAVE_TASKS],
        )
        progress = self._read_progress(run_id, wait_task, tasks[wait_task])
        running = state == "POLLING"
        return WaveView(
            number=role.wave_number,
            name=role.wave_name,
            state=state,
            servers=progress.get("servers") or {},
            phase=str(progress.get("phase") or "") if running else "",
            fraction=progress.get("fraction") if running else None,
            remaining_seconds=progress.get("remainingSeconds") if running else None,
        )

    def _read_progress(self, run_id: str, wait_task: str, state: str | None) -> dict[str, Any]:
        if state is not None and wait_task not in self._settled:
            value = self._as(OPERATOR).xcom(self.dag_id, run_id, wait_task, keys.PROGRESS)
            if value:
                self._progress[wait_task] = value
            if state in TASK_OVER:
                self._settled.add(wait_task)
        return self._progress.get(wait_task, {})


_WAVE_TASKS = (keys.START_RECOVERY, keys.WAIT_FOR_RECOVERY, keys.ENRICH)
_ACTIVE = ("LAUNCHING", "POLLING", "ENRICHING")


def _is_wait(task_id: str) -> bool:
    return task_id.endswith(f".{keys.WAIT_FOR_RECOVERY}")


def wave_state(gate: str | None, tasks: Sequence[str | None]) -> str:
    """Return a wave's state as people see it, from the states of its gate and its tasks in order."""
    if gate == "deferred":
        return "WAITING"
    if gate == "failed":
        return "CANCELLED"
    if "failed" in tasks:
        return "FAILED"
    if tasks[-1] == "success":
        return "COMPLETED"
    if "skipped" in tasks or "upstream_failed" in tasks:
        return "SKIPPED"
    for name, state in reversed(list(zip(_ACTIVE, tasks, strict=True))):
        if state is not None:
            return name
    return "PENDING"
