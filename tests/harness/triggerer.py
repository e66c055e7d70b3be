"""The triggerer: runs the real triggers of deferred tasks in one event loop, while simulated time moves.

Time stands still while workers run. It moves here, by a step after every poll that all waiting triggers have made;
if nobody polls, it jumps to whatever is due next.
"""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow._shared.module_loading import import_string
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.timezone import utcnow
from airflow.triggers.base import BaseTaskEndEvent

from drs_provider.triggers.gate import DrsGateTrigger
from drs_provider.triggers.steps.trigger import DrsStepTrigger

if TYPE_CHECKING:
    from tests.harness.plan_run import PlanRun

#: Real time after which simulated time moves on without a trigger that neither publishes nor fails to poll.
PATIENCE_SECONDS = 5.0
#: The poll interval is real time in a trigger, and set very short; a timer counts simulated time.
LEAST_WAIT_SECONDS = 60.0
_of_others: list[asyncio.AbstractEventLoop] = []
STEP_TRIGGER = f"{DrsStepTrigger.__module__}.{DrsStepTrigger.__qualname__}"
#: The triggerer and the task whose trigger runs
waiting_task: ContextVar[tuple[Triggerer, str]] = ContextVar("waiting_task")
GATE_TRIGGER = f"{DrsGateTrigger.__module__}.{DrsGateTrigger.__qualname__}"


class Triggerer:
    """Deferred tasks of one run."""

    def __init__(self, run: PlanRun) -> None:
        self._run = run
        self._loop = asyncio.new_event_loop()
        self._triggers: dict[str, asyncio.Task[Any]] = {}
        self._due: dict[str, float] = {}
        self.serialized: dict[str, dict[str, Any]] = {}
        self._stored: dict[str, tuple[str, dict[str, Any]]] = {}
        self._polled: set[str] = set()
        self._pauses: dict[str, dict[object, float]] = {}
        self._news = asyncio.Event()

    def start(self, task_id: str, trigger: Any) -> None:
        """Take over a deferred task, as a triggerer does: from the trigger's serialized form."""
        if isinstance(trigger, DateTimeTrigger):
            wait = (trigger.moment - utcnow()).total_seconds()
            self._due[task_id] = self._run.now() + max(round(wait, 1), LEAST_WAIT_SECONDS)
            return
        self.start_stored(task_id, *trigger.serialize())

    def start_stored(self, task_id: str, path: str, arguments: dict[str, Any]) -> None:
        """Take over a deferred task from what is stored of its trigger."""
        self.serialized[task_id] = json.loads(json.dumps(arguments))
        self._stored[task_id] = path, self.serialized[task_id]
        self._run_trigger(task_id, path, self.serialized[task_id])

    def stored(self, task_id: str) -> tuple[str, dict[str, Any]] | None:
        """Return what Airflow has stored of the trigger of a task that is deferred."""
        return self._stored[task_id] if task_id in self._triggers else None

    def _run_trigger(self, task_id: str, path: str, arguments: dict[str, Any]) -> None:
        made = import_string(path)(**arguments)
        made.task_instance = SimpleNamespace(
            dag_id=self._run.dag.dag_id, run_id=self._run.dag_run.run_id, task_id=task_id, try_number=1
        )
        self._pauses[task_id] = {}
        self._triggers[task_id] = self._loop.create_task(self._first_event(task_id, made), name=task_id)

    def cancel(self, task_id: str) -> None:
        """Drop a task's trigger: the task was stopped, cleared, or resumed by an answer."""
        self._due.pop(task_id, None)
        if trigger := self._triggers.pop(task_id, None):
            trigger.cancel()
            self._loop.run_until_complete(asyncio.wait({trigger}))

    def restart(self) -> None:
        """Die, and let another triggerer take over what was waited for, from what Airflow has stored of it."""
        for task_id in [*self._triggers]:
            path, arguments = self._stored[task_id]
            self.cancel(task_id)
            self._run_trigger(task_id, path, json.loads(json.dumps(arguments)))

    def published(self, task_id: str) -> None:
        """Take note of a trigger's poll."""
        self._polled.add(task_id)
        self._news.set()

    async def pause(self, task_id: str, seconds: float) -> None:
        """Let a step's trigger wait for its next look, in simulated time."""
        mark, due = object(), self._run.now() + seconds
        self._pauses[task_id][mark] = due
        try:
            while self._run.now() < due:
                self.published(task_id)
                await asyncio.sleep(0.002)
        finally:
            del self._pauses[task_id][mark]

    async def _first_event(self, task_id: str, trigger: Any) -> Any:
        waiting_task.set((self, task_id))
        return await _first_event(trigger)

    def poll_failed(self) -> None:
        """Take note of a poll that failed: a trigger does not publish then."""
        self._polled |= self._triggers.keys()
        self._news.set()

    def until_event(self) -> dict[str, Any]:
        """Let time pass until tasks can go on; return what each of them is resumed with, or ended by."""
        return self._loop.run_until_complete(self._until_event())

    def forked(self) -> None:
        """Begin anew in a fork; the loop stays untouched, since both processes have its one selector."""
        assert not self._triggers, "a trigger does not survive a fork"
        _of_others.append(self._loop)
        self._loop = asyncio.new_event_loop()
        self._news = asyncio.Event()

    def close(self) -> None:
        """End everything."""
        for task_id in [*self._triggers]:
            self.cancel(task_id)
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _until_event(self) -> dict[str, Any]:
        while True:
            if events := self._events():
                return events
            await self._everybody_polled()
            if not self._finished():
                self._advance()
                if self._run.has_interruption():
                    return {}

    def _finished(self) -> list[str]:
        return [task_id for task_id, trigger in self._triggers.items() if trigger.done()]

    def _events(self) -> dict[str, Any]:
        events: dict[str, Any] = {}
        for task_id in self._finished():
            events[task_id] = self._triggers.pop(task_id).result()
        for task_id in [task_id for task_id, due in self._due.items() if due <= self._run.now()]:
            del self._due[task_id]
            events[task_id] = None
        return events

    async def _everybody_polled(self) -> None:
        self._polled.clear()
        while not self._finished() and not self._polled >= self._triggers.keys():
            self._news.clear()
            waits = [asyncio.ensure_future(self._news.wait()), *self._triggers.values()]
            done, _ = await asyncio.wait(waits, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            waits[0].cancel()
            if not done:
                return

    def _advance(self) -> None:
        now = self._run.now()
        assert self._triggers or self._due, "nothing is waited for"
        steps = [due - now for due in [*self._due.values(), *self._gates_due(now)]]
        steps += [due - now for pauses in self._pauses.values() for due in pauses.values()]
        if any(self._stored[task_id][0] not in (GATE_TRIGGER, STEP_TRIGGER) for task_id in self._triggers):
            steps.append(self._run.step_seconds)
        self._run.advance(max(0.0, min(steps, default=0.0)))

    def _gates_due(self, now: float) -> list[float]:
        """Return when gates' triggers may have something to do; their looks in between take no time."""
        gates = [self._stored[task_id] for task_id in self._triggers]
        times = [
            arguments[name]
            for path, arguments in gates
            if path == GATE_TRIGGER
            for name in ("not_before", "deadline", "turn_at")
        ]
        return [due for due in times if due is not None and due > now]


async def _first_event(trigger: Any) -> Any:
    async for event in trigger.run():
        if isinstance(event, BaseTaskEndEvent):
            assert not event.xcoms, "Airflow stores them as text of JSON"
            return event
        payload = event.payload
        assert json.loads(json.dumps(payload)) == payload
        return payload
    raise AssertionError("a trigger must end with an event")


async def pause(seconds: float) -> None:
    """Stand in for a step's trigger's pause."""
    triggerer, task_id = waiting_task.get()
    await triggerer.pause(task_id, seconds)
