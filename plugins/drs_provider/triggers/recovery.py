"""The trigger that follows a wave's jobs: it tells how far they are, and when to look again. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from drs_provider import keys
from drs_provider.airflow_api.run import publish_xcom, read_xcom
from drs_provider.core.events import Event
from drs_provider.core.states import ExecutionType
from drs_provider.core.texts import message
from drs_provider.exceptions import DrsError, EvidenceError
from drs_provider.history.outcome import ExecutionRef
from drs_provider.rules.drs.jobs import LogEvent, launched_instances, parse_jobs
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.execution_record import jobs_start
from drs_provider.rules.record.progress import latest_time, polled_rows, progress
from drs_provider.rules.record.schema import OF_POLL, ServerRow
from drs_provider.rules.wave.verdict import WaveVerdict
from drs_provider.rules.wave.watch import JobsToFollow, WaveWatch
from drs_provider.runtime.channels.declared import PREEMPTION
from drs_provider.runtime.channels.rows import row_chunks
from drs_provider.runtime.history import RunHistory
from drs_provider.runtime.timeline import emit
from drs_provider.runtime.watch import make_watch
from drs_provider.triggers.cadence import PollSettings
from drs_provider.triggers.job_logs import JobLogs
from drs_provider.triggers.poller import PollSnapshot, Subscription, watch_jobs

log = logging.getLogger(__name__)


class DrsRecoveryTrigger(BaseTrigger):
    """Follows the jobs of one wave through the poller that all waits of the account and Region share.

    Ends with an event when the wave is decided or its deadline has passed; the deadline is absolute, so that a
    restarted triggerer does not begin anew. Polls publish progress as XComs and write server rows to the history; they
    never touch the status of wave or execution. It holds no credentials.

    :param wave: the frozen wave, as plain data
    :param started: what `start_recovery` told of the jobs
    :param memory: what earlier looks remembered
    :param may_end_task: end the task without a worker if every server is recovered; `enrich` reads all of it anew, and
        alone decides the wave
    """

    def __init__(
        self,
        *,
        wave: dict[str, Any],
        started: JobsToFollow,
        memory: dict[str, Any],
        execution_id: str,
        plan_id: str,
        execution_type: str,
        attempt: int,
        poll_interval_seconds: float,
        may_end_task: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.wave = wave
        self.started = started
        self.memory = memory
        self.execution_id = execution_id
        self.plan_id = plan_id
        self.execution_type = execution_type
        self.attempt = attempt
        self.poll_interval_seconds = poll_interval_seconds
        self.may_end_task = may_end_task

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "wave": self.wave,
                "started": self.started,
                "memory": self.memory,
                "execution_id": self.execution_id,
                "plan_id": self.plan_id,
                "execution_type": self.execution_type,
                "attempt": self.attempt,
                "poll_interval_seconds": self.poll_interval_seconds,
                "may_end_task": self.may_end_task,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow the jobs until there is something to decide."""
        watch = make_watch(FrozenWave.model_validate(self.wave), self.started)
        watch.remember(self.memory)
        publisher = Publisher(self, watch)
        try:
            status = await self._follow(watch, publisher)
        except DrsError as error:
            yield TriggerEvent({"status": "error", "message": message(str(error)), "memory": watch.memory()})
        else:
            if status == "decided" and self.may_end_task and await publisher.ended():
                yield TaskSuccessEvent()
            else:
                yield TriggerEvent({"status": status, "memory": watch.memory()})

    async def _follow(self, watch: WaveWatch, publisher: Publisher) -> str:
        pace = PollSettings(interval_seconds=self.poll_interval_seconds)
        async with watch_jobs(watch.wave.target, watch.job_ids, settings=pace) as subscription:
            while (left := watch.deadline - time.time()) > 0:
                snapshot = await subscription.next(left)
                if await publisher.preempted():
                    return "preempted"
                if snapshot is not None and await publisher.decided(snapshot, subscription):
                    return "decided"
        return "deadline"


class Publisher:
    """Publishes what every poll shows, and tells whether the wave is decided."""

    def __init__(self, trigger: DrsRecoveryTrigger, watch: WaveWatch) -> None:
        self._trigger = trigger
        self._watch = watch
        self._type = ExecutionType(trigger.execution_type)
        self._rows: dict[str, ServerRow] = {}
        self._ref = ExecutionRef(trigger.execution_id, trigger.plan_id, trigger.attempt)
        self._history: RunHistory | None = None
        self._logs = JobLogs(trigger.poll_interval_seconds)
        self._told: tuple[Any, Any] | None = None
        self._verdict: WaveVerdict | None = None
        self._published: dict[str, Any] = {}
        self._newest: Mapping[str, Any] = {}
        self._looked_at = self._progress_at = self._notice_at = -math.inf

    async def decided(self, snapshot: PollSnapshot, subscription: Subscription) -> bool:
        """Take in a poll."""
        if not self._is_news(snapshot):
            return False
        self._newest, self._looked_at = snapshot.jobs, snapshot.at
        jobs = {job.job_id: job for job in parse_jobs(snapshot.jobs.values())}
        logs = await self._logs.read(jobs.values(), subscription, snapshot.at)
        jobs = {
            job_id: job.with_instances(launched_instances(logs.get(job_id, ())))
            for job_id, job in jobs.items()
        }
        events: list[LogEvent] = [event for lines in logs.values() for event in lines]
        self._verdict = verdict = self._watch.judge(jobs.values(), now=snapshot.at, log_events=events)
        rows = polled_rows(
            self._watch.wave,
            verdict,
            jobs,
            logs,
            is_drill=self._type.is_drill,
            polled_at=snapshot.at,
            previous=self._rows,
        )
        self._rows = {row["sourceServerId"]: row for row in rows}
        now = latest_time(jobs, logs, snapshot.at)
        expected = subscription.launches.expected
        subscription.expect(self._logs.outlook(jobs.values(), snapshot.at, now=now, expected=expected))
        shown = progress(self._watch.wave, rows, logs, execution_type=self._type, now=now)
        changed = self._tell(shown)
        await self._publish(shown, rows, snapshot.at, changed=changed)
        started_at = jobs_start(jobs.values(), of=len(self._watch.jobs))
        await asyncio.to_thread(self._write_history, rows, snapshot.at, started_at)
        return verdict.decided

    async def ended(self) -> bool:
        """Tell the end as the task's worker would; False if that cannot be told, or if not every server is recovered.

        Airflow has a place for XComs in the event that ends a task, but stores them as text of JSON, not as values.
        """
        verdict = self._verdict
        if verdict is None or not verdict.all_recovered:
            return False
        told = {
            BaseXCom.XCOM_RETURN_KEY: {"met": True, **verdict.counts},
            keys.WATCH_MEMORY: self._watch.memory(),
        }
        if not await self._publish_xcoms(told):
            return False
        number, attempt = self._watch.wave.number, self._trigger.attempt
        emit(
            self._trigger.execution_id,
            Event.JOBS_ENDED,
            attempt=attempt,
            waveNumber=number,
            **verdict.counts,
        )
        return True

    def _is_news(self, snapshot: PollSnapshot) -> bool:
        """Tell whether a poll can show anything new: another row, or time since a job ended or was not found."""
        over = snapshot.missing or any(job.get("status") == "COMPLETED" for job in snapshot.jobs.values())
        due = snapshot.at - self._looked_at >= self._trigger.poll_interval_seconds
        return bool(over) or due or snapshot.jobs != self._newest

    def _tell(self, shown: Mapping[str, Any]) -> bool:
        """Log the progress if servers' states or the phase have changed; return whether they have."""
        state = (shown["servers"], shown["phase"])
        if state == self._told:
            return False
        self._told = state
        emit(self._trigger.execution_id, Event.PROGRESS, attempt=self._trigger.attempt, **shown)
        return True

    async def preempted(self) -> bool:
        """Whether a RECOVERY has cancelled this drill, or somebody wants it to look so.

        :raises DrsConfigurationError: if there is a notice, and the triggerer has no key to verify it
        """
        ti = self._trigger.task_instance
        due = time.monotonic() >= self._notice_at + self._trigger.poll_interval_seconds
        if ti is None or not self._type.is_drill or not due:
            return False
        self._notice_at = time.monotonic()
        address = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": keys.PREPARE}
        try:
            notice = await read_xcom(keys.PREEMPTION, **address)
        except AirflowRuntimeError as error:
            log.warning("Whether the drill was pre-empted cannot be read: %s", error)
            return False
        if notice is None:
            return False
        try:
            found = PREEMPTION.verified(notice, execution_id=self._trigger.execution_id).value
        except EvidenceError as error:
            log.warning("%s", error)
            return True  # the drill's task refuses to go on with it, and says why
        return found is not None and found.attempt >= self._trigger.attempt

    async def _publish(
        self, shown: Mapping[str, Any], rows: list[ServerRow], polled_at: float, *, changed: bool
    ) -> None:
        """Publish the rows that changed, and the progress at the usual pace, however close the polls are."""
        news = {
            key: chunk
            for key, chunk in row_chunks(rows).items()
            if self._published.get(key) != _content(chunk)
        }
        if news or changed or polled_at - self._progress_at >= self._trigger.poll_interval_seconds:
            elapsed = round(polled_at - self._trigger.started["startedAt"])
            shown = {**shown, "elapsedSeconds": elapsed, "lastPolledTime": polled_at}
            if await self._publish_xcoms({**news, keys.PROGRESS: shown}):
                self._published |= {key: _content(chunk) for key, chunk in news.items()}
                self._progress_at = polled_at

    async def _publish_xcoms(self, values: Mapping[str, Any]) -> bool:
        ti = self._trigger.task_instance
        if ti is None:
            return False
        try:
            for key, value in values.items():
                await publish_xcom(key, value, dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id)
        except AirflowRuntimeError as error:
            # The wave goes on; the next poll shows how far it is.
            log.warning("Progress of wave %s could not be published: %s", self._watch.wave.number, error)
            return False
        return True

    def _write_history(self, rows: list[ServerRow], polled_at: float, started_at: float | None) -> None:
        if self._history is None:
            self._history = RunHistory.of(self._ref)
        self._history.wave_polled(self._watch.wave.number, rows, polled_at, started_at=started_at)


def _content(chunk: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in OF_POLL} for row in chunk]
