"""One DAG run of a plan, in this process: Airflow's order and rules, everything of the provider real."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from airflow.sdk import DAG
from airflow.triggers.base import BaseTaskEndEvent

from drs_provider import keys
from drs_provider.dag_factory.build import build_dag
from drs_provider.plan.model import Plan
from tests.harness import rules, worker
from tests.harness.airflow_side import People, TaskRow, XComs
from tests.harness.triggerer import Triggerer

if TYPE_CHECKING:
    from tests.harness.stage import Stage

MOST_TURNS = 2000
RETRIES = 3


@dataclass
class Reply:
    """A scripted answer of a person.

    :param early: given between the opening of the request and the deferral of its task
    """

    option: str
    user: str
    fields: Mapping[str, Any]
    early: bool = False


@dataclass
class DagRun:
    """``context["dag_run"]``."""

    dag_id: str
    run_id: str
    conf: dict[str, Any]
    run_type: str
    run_after: datetime
    start_date: datetime
    triggering_user_name: str | None
    clear_number: int = 0
    logical_date: None = None


@dataclass
class _Interruption:
    task_id: str
    state: str
    after_steps: int
    action: Callable[[], Any]
    steps: int = 0
    entered: bool = False


class _Stopped(Exception):
    pass


@dataclass
class PlanRun:
    """A run that a test starts with :meth:`go`.

    :param plan: the plan as its file says when the run begins
    :param user: who starts it; None for a scheduled run
    :param step_seconds: simulated time between two polls
    :param dag_source: the DAG that a task's own process builds, by task id
    """

    stage: Stage
    plan: Plan
    conf: dict[str, Any] = field(default_factory=dict)
    user: str | None = "dr-operator"
    run_type: str = "manual"
    run_after: float | None = None
    run_id: str | None = None
    step_seconds: float = 600.0

    def __post_init__(self) -> None:
        self.dag: DAG = self.made_dag()
        self.dag_source: Callable[[str], DAG] = lambda task_id: self.dag
        now = datetime.fromtimestamp(self.now(), UTC)
        after = now if self.run_after is None else datetime.fromtimestamp(self.run_after, UTC)
        self.dag_run = DagRun(
            dag_id=self.dag.dag_id,
            run_id=self.run_id or f"{self.run_type}__{uuid4()}",
            conf=self.conf,
            run_type=self.run_type,
            run_after=after,
            start_date=now,
            # A run that a task of another run triggers inherits that run's user.
            triggering_user_name=self.user if self.run_type in ("manual", "operator_triggered") else None,
        )
        self.rows = {task_id: TaskRow(tries_left=RETRIES) for task_id in self.dag.task_ids}
        self.xcoms = XComs()
        self.stores: dict[str, dict[str, Any]] = {}
        self.people = People(self.now)
        self.links: dict[tuple[str, str], str] = {}
        self.asset_events: list[dict[str, Any]] = []
        self.history: list[tuple[str, str | None]] = []
        self.refused_answers: list[tuple[str, str, int]] = []
        self.running: str | None = None
        self.triggerer = Triggerer(self)
        self._replies: dict[str, list[Reply]] = {}
        self._default_replies: Callable[[str], Reply | None] = lambda task_id: None
        self._interruptions: list[_Interruption] = []

    def made_dag(self) -> DAG:
        """Return the run's DAG."""
        return build_dag(self.plan)

    # -- the test's script ----------------------------------------------------------------------------

    def answer(
        self, task_id: str, option: str, *, user: str = "dr-approver-1", early: bool = False, **fields: Any
    ) -> PlanRun:
        """Script an answer to the next request of a task; several are given one after the other."""
        self._replies.setdefault(task_id, []).append(Reply(option, user, fields, early))
        return self

    def unanswered(self, task_id: str) -> PlanRun:
        """Let nobody answer a task by himself, in the future either."""
        self._replies.setdefault(task_id, [])
        return self

    def approve_everything(self, *, user: str = "dr-approver-1") -> PlanRun:
        """Approve every gate and pass the drill, wherever no answer is scripted."""

        def reply(task_id: str) -> Reply | None:
            if keys.is_step(task_id):
                return None
            return Reply("Passed" if task_id == keys.HOLD_DRILL else "Approve", user, {})

        self._default_replies = reply
        return self

    def when(self, task_id: str, state: str, action: Callable[[], Any], *, after_steps: int = 0) -> PlanRun:
        """Do something, once, as soon as a task has a state, or that many polls later."""
        self._interruptions.append(_Interruption(task_id, state, after_steps, action))
        return self

    # -- what people do to a run ----------------------------------------------------------------------

    def mark_failed(self) -> None:
        """Mark the run failed: what runs or waits fails, what has not begun is skipped, teardowns still run."""
        for task_id, row in self.rows.items():
            if self.dag.get_task(task_id).is_teardown:
                continue
            if row.state in ("running", "deferred"):
                self.triggerer.cancel(task_id)
                row.next_method = None
                self.set_state(task_id, "failed")
            elif row.state not in rules.FINISHED:
                self.set_state(task_id, "skipped")

    def mark_success(self, task_id: str) -> None:
        """Mark a task as success by hand."""
        self.triggerer.cancel(task_id)
        self.rows[task_id].next_method = None
        self.set_state(task_id, "success")

    def clear(self, *task_ids: str, downstream: bool = True) -> None:
        """Clear tasks, or whole task groups, with everything behind them."""
        chosen = {
            known
            for known in self.dag.task_ids
            for given in task_ids
            if known == given or known.startswith(f"{given}.")
        }
        assert chosen, f"nothing to clear: {task_ids}"
        if downstream:
            for task_id in [*chosen]:
                chosen |= self.dag.get_task(task_id).get_flat_relative_ids(upstream=False)
        finished = all(row.state in rules.FINISHED for row in self.rows.values())
        for task_id in chosen:
            self.triggerer.cancel(task_id)
            row = self.rows[task_id]
            self.rows[task_id] = TaskRow(try_number=row.try_number, tries_left=RETRIES)
            self.history.append((task_id, None))
        self.dag_run.clear_number += 1
        if finished:
            self.dag_run.start_date = datetime.fromtimestamp(self.now(), UTC)

    def respond(self, task_id: str, option: str, *, user: str = "dr-approver-1", **fields: Any) -> int:
        """Answer a request now, whatever state its task is in; return the HTTP status."""
        row = self.rows[task_id]
        self.advance(0.001)  # no two answers come at the same moment
        status = self.people.respond(row.id, option, user, fields)
        if status == 200 and keys.may_wait_for_people(task_id, row.state):
            self._resume(task_id, self.people.requests[row.id].response)
        return status

    def take_for_killed(self, task_id: str, *, began: bool = False) -> None:
        """Do what the scheduler does with a task that it takes for a killed one.

        :param began: it is running again already; Airflow gives it a new id then, and its request follows
        """
        self.triggerer.cancel(task_id)
        row = self.rows[task_id]
        row.next_method, row.next_kwargs = None, {}
        if began:
            old, row.id = row.id, uuid4()
            if request := self.people.requests.pop(old, None):
                self.people.requests[row.id] = request
        self.set_state(task_id, "up_for_retry")

    # -- running --------------------------------------------------------------------------------------

    def go(self) -> str:
        """Run to the end; return the run's colour."""
        for _ in range(MOST_TURNS):
            if self._interrupt():
                continue
            if task_id := self._next_task():
                worker.start(self, task_id)
            elif self._reply():
                continue
            elif any(row.state == "deferred" for row in self.rows.values()):
                for woken, payload in self.triggerer.until_event().items():
                    self._wake(woken, payload)
            else:
                return self._ended()
        raise AssertionError(f"the run does not end: {self.states}")

    def _next_task(self) -> str | None:
        """Return a task that can start now, after spreading skips and failures."""
        changed = True
        while changed:
            changed = False
            states = self.states
            for task in self.dag.topological_sort():
                if states[task.task_id] is not None:
                    continue
                found = rules.verdict(task, states)
                if found not in (None, rules.READY):
                    self.set_state(task.task_id, found)
                    changed = True
        states = self.states
        for task in self.dag.topological_sort():
            state = states[task.task_id]
            if state in ("scheduled", "up_for_retry"):
                return str(task.task_id)
            if state is None and rules.verdict(task, states) == rules.READY:
                return str(task.task_id)
        return None

    def go_until(self, task_id: str, state: str = "deferred") -> Self:
        """Run until a task has a state, and leave it so: nothing of Airflow goes on with the run."""
        reached = False

        def stop() -> None:
            nonlocal reached
            reached = True
            raise _Stopped

        self.when(task_id, state, stop)
        with suppress(_Stopped):
            self.go()
        assert reached, f"{task_id} was never {state}: {self.states}"
        return self

    def _ended(self) -> str:
        unfinished = [task_id for task_id, row in self.rows.items() if row.state not in rules.FINISHED]
        assert not unfinished, f"deadlock: {self.states}"
        return rules.colour(self.dag, self.states)

    def has_interruption(self) -> bool:
        """Count a poll for the test's interruptions, and tell whether one is due."""
        for item in self._interruptions:
            item.steps += item.entered
        return any(item.entered and item.steps >= item.after_steps for item in self._interruptions)

    def _interrupt(self) -> bool:
        for item in self._interruptions:
            item.entered = item.entered or self.rows[item.task_id].state == item.state
            if item.entered and item.steps >= item.after_steps:
                self._interruptions.remove(item)
                item.action()
                return True
        return False

    # -- transitions ----------------------------------------------------------------------------------

    def set_state(self, task_id: str, state: str | None) -> None:
        self.rows[task_id].state = state
        self.history.append((task_id, state))

    def defer(self, task_id: str, deferral: Any) -> None:
        if not keys.is_step(task_id):
            assert deferral.timeout is None, "Airflow fails a timed-out deferral without asking the operator"
        self.set_state(task_id, "deferred")
        self.triggerer.start(task_id, deferral.trigger)

    def _reply(self) -> bool:
        """Give the next scripted answer to a task that waits for one."""
        for task_id, row in self.rows.items():
            request = self.people.requests.get(row.id)
            if not keys.may_wait_for_people(task_id, row.state) or request is None or request.response:
                continue
            if reply := self._next_reply(task_id):
                status = self.respond(task_id, reply.option, user=reply.user, **reply.fields)
                if status != 200:
                    assert task_id in self._replies, f"{task_id} does not take {reply}: {status}"
                    self.refused_answers.append((task_id, reply.user, status))
                return True
        return False

    def opened(self, ti_id: Any) -> None:
        """Give an early answer, which comes while its task still runs: Airflow resumes nobody then."""
        task_id = self.task_of(ti_id)
        replies = self._replies.get(task_id, [])
        if replies and replies[0].early:
            reply = replies.pop(0)
            assert self.people.respond(ti_id, reply.option, reply.user, reply.fields) == 200

    def task_of(self, ti_id: Any) -> str:
        return next(name for name, row in self.rows.items() if row.id == ti_id)

    def _next_reply(self, task_id: str) -> Reply | None:
        if task_id in self._replies:
            return self._replies[task_id].pop(0) if self._replies[task_id] else None
        return self._default_replies(task_id)

    def _wake(self, task_id: str, payload: Any) -> None:
        if self.rows[task_id].state != "deferred":
            return
        if isinstance(payload, BaseTaskEndEvent):
            self.set_state(task_id, payload.task_instance_state.value)
        else:
            self._resume(task_id, payload)

    def _resume(self, task_id: str, event: Any) -> None:
        self.triggerer.cancel(task_id)
        self.rows[task_id].next_kwargs["event"] = event
        self.set_state(task_id, "scheduled")

    # -- time -----------------------------------------------------------------------------------------

    def now(self) -> float:
        """Simulated epoch seconds; the provider's clock says the same."""
        return self.stage.now()

    def advance(self, seconds: float) -> None:
        self.stage.simulator.advance(seconds)

    # -- results --------------------------------------------------------------------------------------

    @property
    def states(self) -> dict[str, str | None]:
        """State of every task."""
        return {task_id: row.state for task_id, row in self.rows.items()}

    @property
    def state(self) -> str:
        """State of the run: `running` until nothing is left to do."""
        if all(row.state in rules.FINISHED for row in self.rows.values()):
            return rules.colour(self.dag, self.states)
        return "running"

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom, or None."""
        return self.xcoms.get(task_id, key)

    def failure(self, task_id: str) -> str:
        """Return the message of a task's last error."""
        error = self.rows[task_id].error
        assert error is not None, f"{task_id} did not fail: {self.states[task_id]}"
        return str(error)

    def request(self, task_id: str) -> Any:
        """Return what people were asked last by a task."""
        return self.people.requests[self.rows[task_id].id]

    @property
    def record(self) -> dict[str, Any]:
        """The execution record as `finalize` published it."""
        record = self.xcom(keys.FINALIZE, keys.EXECUTION_RECORD)
        assert record is not None, self.states
        return dict(record)

    @property
    def stored(self) -> dict[str, Any]:
        """The execution record as the history table holds it."""
        return self.stage.stored(self.record["executionId"], self.record["planId"])

    def wave(self, name: str, record: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return a wave of the record by its name."""
        waves = (record or self.record)["waves"]
        return next(wave for wave in waves if wave["waveName"] == name)

    def ran(self, task_id: str) -> int:
        """How often a task began."""
        return self.rows[task_id].try_number

    def outline(self) -> SimpleNamespace:
        """What most tests compare: status, waves, verdict."""
        record = self.record
        return SimpleNamespace(
            status=record["status"],
            waves={wave["waveName"]: wave["status"] for wave in record["waves"]},
            error=record.get("errorMessage"),
        )
