"""What a trigger tells of a wave while it waits: log, XComs and history, beside the polls, which never wait for it.

All triggers of a triggerer share one connection to Airflow, which answers one request after the other, and the threads
that serve it. If a thousand waits wrote at once, the end of each would queue up behind all of them. So only a few write
at a time, each only its newest state, and the history, which may be slow, has threads of its own. Their log lines go
through a pipe that the same process reads: writing to it stops the event loop while it is full.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from airflow.sdk.exceptions import AirflowRuntimeError

from drs_provider import keys
from drs_provider.airflow_api.run import publish_xcom
from drs_provider.core.events import Event
from drs_provider.history.outcome import ExecutionRef
from drs_provider.rules.record.schema import OF_POLL, ServerRow
from drs_provider.runtime.channels.rows import row_chunks
from drs_provider.runtime.history import RunHistory
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)

AT_ONCE = 4
SETTLE_SECONDS = 0.5
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_history_threads = ThreadPoolExecutor(AT_ONCE, "drs-history")


@dataclass(frozen=True)
class News:
    """What a poll showed.

    :param progress: as people see it
    :param memory: what grace periods count from
    :param polled_at: epoch seconds
    :param started_at: when the wave's first job began; None while DRS does not show all of them
    """

    progress: Mapping[str, Any]
    rows: Sequence[ServerRow]
    memory: Mapping[str, Any]
    polled_at: float
    started_at: float | None

    @property
    def state(self) -> tuple[Any, Any]:
        """Servers' states and the phase: what people look for."""
        return self.progress["servers"], self.progress["phase"]


class ProgressLog:
    """Tells the task's log, and nobody else, what polls show."""

    def __init__(self, ref: ExecutionRef) -> None:
        self._ref = ref
        self._logged: tuple[Any, Any] | None = None

    def publish(self, news: News) -> None:
        """Take the newest state."""
        self._log_progress(news)

    async def settle(self) -> None:
        """Wait a moment for what is being published."""

    def close(self) -> None:
        """Publish nothing more."""

    def _log_progress(self, news: News) -> None:
        if news.state != self._logged:
            self._logged = news.state
            emit(self._ref.execution_id, Event.PROGRESS, attempt=self._ref.attempt, **news.progress)


class Publishing(ProgressLog):
    """Publishes the newest state of one wave.

    :param task: the deferred task, as Airflow gives it to the trigger; None: no XComs are published
    :param interval_seconds: how often the progress is published where nothing changes
    """

    def __init__(self, task: Any, ref: ExecutionRef, wave_number: int, interval_seconds: float) -> None:
        super().__init__(ref)
        self._ti = task
        self._wave_number = wave_number
        self._interval = interval_seconds
        self._newest: News | None = None
        self._running: asyncio.Task[None] | None = None
        self._published: dict[str, Any] = {}
        self._progress_at = float("-inf")
        self._state: tuple[Any, Any] | None = None
        self._history: RunHistory | None = None
        self._writing: asyncio.Future[None] | None = None

    def publish(self, news: News) -> None:
        """Publish it as soon as there is a turn; it takes the place of what has not been published yet.

        :raises DrsConfigurationError: if the history is switched on with incomplete settings
        """
        if self._running is not None and self._running.done():
            self._running.result()
            self._running = None
        self._newest = news
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name=f"publish wave {self._wave_number}")

    async def settle(self) -> None:
        """Wait a moment for what is being published."""
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=SETTLE_SECONDS)
        if self._newest is not None:
            self._log_progress(self._newest)

    def close(self) -> None:
        """Publish nothing more; what has its turn now is finished, since half of it would confuse the connection."""
        self._newest = None

    async def _run(self) -> None:
        turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
        while (news := self._newest) is not None:
            await self._write_history(news)
            async with turn:
                news, self._newest = self._newest, None
                if news is not None:
                    self._log_progress(news)
                    await self._write_xcoms(news)

    async def _write_history(self, news: News) -> None:
        """Write the poll's rows, unless an earlier write still goes on; wait for it no longer than a moment."""
        if self._writing is None:
            self._writing = asyncio.get_running_loop().run_in_executor(_history_threads, self._write, news)
        await asyncio.wait({self._writing}, timeout=SETTLE_SECONDS)
        if self._writing.done():
            written, self._writing = self._writing, None
            written.result()

    def _write(self, news: News) -> None:
        if self._history is None:
            self._history = RunHistory.of(self._ref)
        self._history.wave_polled(self._wave_number, news.rows, news.polled_at, started_at=news.started_at)

    async def _write_xcoms(self, news: News) -> None:
        """Publish what has changed, and the progress at the usual pace, however close the polls are."""
        contents = {keys.WATCH_MEMORY: news.memory, **row_chunks(news.rows)}
        changed = {
            key: value for key, value in contents.items() if self._published.get(key) != _content(value)
        }
        due = news.polled_at - self._progress_at >= self._interval
        if not (changed or due or news.state != self._state) or self._ti is None:
            return
        try:
            for key, value in {**changed, keys.PROGRESS: news.progress}.items():
                await publish_xcom(
                    key, value, dag_id=self._ti.dag_id, run_id=self._ti.run_id, task_id=self._ti.task_id
                )
        except AirflowRuntimeError as error:
            # The wave goes on; the next poll shows how far it is.
            log.warning("Progress of wave %s could not be published: %s", self._wave_number, error)
            return
        self._published |= {key: _content(value) for key, value in changed.items()}
        self._progress_at, self._state = news.polled_at, news.state


def _content(value: Any) -> Any:
    """Return what counts of an XCom's value: nothing that is different at every poll."""
    if not isinstance(value, list):
        return copy.deepcopy(value)
    return [{name: item for name, item in row.items() if name not in OF_POLL} for row in value]
