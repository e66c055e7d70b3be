"""The trigger that follows a wave's jobs: it tells how far they are, and when to look again. It decides nothing."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from drs_provider import keys
from drs_provider.airflow_api.run import read_xcom
from drs_provider.core.events import Event
from drs_provider.core.states import ExecutionType
from drs_provider.core.texts import message
from drs_provider.exceptions import DrsError, EvidenceError
from drs_provider.history.outcome import ExecutionRef
from drs_provider.rules.drs.jobs import LogEvent, launched_instances, parse_jobs
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.execution_record import jobs_start
from drs_provider.rules.record.progress import latest_time, polled_rows, progress
from drs_provider.rules.record.schema import ServerRow
from drs_provider.rules.wave.verdict import WaveVerdict
from drs_provider.rules.wave.watch import JobsToFollow, WaveWatch
from drs_provider.runtime.channels.declared import PREEMPTION
from drs_provider.runtime.timeline import emit
from drs_provider.runtime.watch import make_watch
from drs_provider.triggers.cadence import PollSettings
from drs_provider.triggers.heap import search_only_what_is_new
from drs_provider.triggers.job_logs import JobLogs
from drs_provider.triggers.poller import PollSnapshot, Subscription, watch_jobs
from drs_provider.triggers.publishing import News, ProgressLog, Publishing

log = logging.getLogger(__name__)

#: Notices that all waits of a triggerer read in a second: 400 waits read theirs every 20 s, 1,000 every 50 s. A read
#: takes about 13 ms of the process that also tells the ends.
_NOTICES_A_SECOND = 20.0


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

    #: Whether a RECOVERY of a plan may cancel what is waited for
    in_plan: ClassVar[bool] = True

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
        if hasattr(self, "triggerer_job_id"):  # given by a triggerer, and by nothing else; its value is None
            search_only_what_is_new()
        watch = make_watch(FrozenWave.model_validate(self.wave), self.started)
        watch.remember(self.memory)
        publishing = self._publishing(watch)
        follower = WaveFollower(self, watch, publishing)
        try:
            status = await self._follow(watch, follower)
            await publishing.settle()
        except DrsError as error:
            yield TriggerEvent({"status": "error", "message": message(str(error)), "memory": watch.memory()})
        else:
            if status == "decided" and self.may_end_task and follower.tell_end():
                yield TaskSuccessEvent()
            else:
                yield TriggerEvent({"status": status, "memory": watch.memory()})
        finally:
            publishing.close()

    @property
    def _ref(self) -> ExecutionRef:
        return ExecutionRef(self.execution_id, self.plan_id, self.attempt)

    def _publishing(self, watch: WaveWatch) -> ProgressLog:
        return Publishing(self.task_instance, self._ref, watch.wave.number, self.poll_interval_seconds)

    async def _follow(self, watch: WaveWatch, follower: WaveFollower) -> str:
        pace = PollSettings(interval_seconds=self.poll_interval_seconds)
        async with watch_jobs(watch.wave.target, watch.job_ids, settings=pace) as subscription:
            while (left := watch.deadline - time.time()) > 0:
                snapshot = await subscription.next(left)
                if snapshot is not None and await follower.decided(snapshot, subscription):
                    return "decided"
                if await follower.preempted(subscription.neighbours):
                    return "preempted"
        return "deadline"


class WaveFollower:
    """Takes in what polls show, and tells whether the wave is decided."""

    def __init__(self, trigger: DrsRecoveryTrigger, watch: WaveWatch, publishing: ProgressLog) -> None:
        self._trigger = trigger
        self._watch = watch
        self._publishing = publishing
        self._type = ExecutionType(trigger.execution_type)
        self._rows: dict[str, ServerRow] = {}
        self._logs = JobLogs(trigger.poll_interval_seconds)
        self._verdict: WaveVerdict | None = None
        self._newest: Mapping[str, Any] = {}
        self._looked_at = self._notice_at = -math.inf

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
        elapsed = round(snapshot.at - self._trigger.started["startedAt"])
        news = News(
            progress={**shown, "elapsedSeconds": elapsed, "lastPolledTime": snapshot.at},
            rows=rows,
            memory=self._watch.memory(),
            polled_at=snapshot.at,
            started_at=jobs_start(jobs.values(), of=len(self._watch.jobs)),
        )
        self._publishing.publish(news)
        return verdict.decided

    def tell_end(self) -> bool:
        """Tell the end of the jobs as the task's worker would; False if not every server is recovered."""
        verdict = self._verdict
        if verdict is None or not verdict.all_recovered:
            return False
        emit(
            self._trigger.execution_id,
            Event.JOBS_ENDED,
            attempt=self._trigger.attempt,
            waveNumber=self._watch.wave.number,
            **verdict.counts,
        )
        return True

    def _is_news(self, snapshot: PollSnapshot) -> bool:
        """Tell whether a poll can show anything new: another row, or time since a job ended or was not found."""
        over = snapshot.missing or any(job.get("status") == "COMPLETED" for job in snapshot.jobs.values())
        due = snapshot.at - self._looked_at >= self._trigger.poll_interval_seconds
        return bool(over) or due or snapshot.jobs != self._newest

    async def preempted(self, waits: int = 1) -> bool:
        """Whether a RECOVERY has cancelled this drill, or somebody wants it to look so.

        :param waits: how many wait in this triggerer: together they ask no more often than it can serve
        :raises DrsConfigurationError: if there is a notice, and the triggerer has no key to verify it
        """
        ti = self._trigger.task_instance
        pause = max(self._trigger.poll_interval_seconds, waits / _NOTICES_A_SECOND)
        due = time.monotonic() >= self._notice_at + pause
        if ti is None or not (self._trigger.in_plan and self._type.is_drill and due):
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
