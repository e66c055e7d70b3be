from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from drs_provider import keys
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.history.outcome import ExecutionRef
from drs_provider.triggers import publishing as module
from drs_provider.triggers.publishing import AT_ONCE, News, Publishing

TASK = SimpleNamespace(dag_id="drs_wiki", run_id="r", task_id="wait")
ROWS = keys.server_rows_key(0)


class Airflow:
    """Takes XComs, one after the other, when it is let."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Any]] = []
        self.writing = self.most = 0
        self.let = asyncio.Event()
        self.let.set()
        self.down = False

    async def publish(self, key: str, value: Any, **_: str) -> None:
        self.writing += 1
        self.most = max(self.most, self.writing)
        await self.let.wait()
        self.writing -= 1
        if self.down:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={}))
        self.written.append((key, value))

    def of(self, key: str) -> list[Any]:
        return [value for written, value in self.written if written == key]


class History:
    """Takes rows, when it is let."""

    def __init__(self) -> None:
        self.polls: list[float] = []
        self.let = threading.Event()
        self.let.set()

    def wave_polled(self, number: int, rows: Any, polled_at: float, *, started_at: float | None) -> None:
        assert self.let.wait(20)
        self.polls.append(polled_at)


@pytest.fixture
async def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    made = Airflow()
    monkeypatch.setattr(module, "publish_xcom", made.publish)
    return made


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> History:
    made = History()
    monkeypatch.setattr(module.RunHistory, "of", lambda ref: made)
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.2)
    return made


def wave() -> Publishing:
    return Publishing(TASK, ExecutionRef("e", "wiki", 1), 1, 20)


def news(at: float, state: str = "PENDING", **row: Any) -> News:
    return News(
        progress={"servers": {state: 1}, "phase": "launch", "lastPolledTime": at},
        rows=[{"sourceServerId": "s-1", "launchStatus": state, "lastPolledTime": at, **row}],  # type: ignore[list-item]
        memory={"completed_at": {}},
        polled_at=at,
        started_at=None,
    )


async def told(waiting: Publishing, *all_news: News) -> None:
    for item in all_news:
        waiting.publish(item)
        await waiting.settle()


async def test_rows_and_memory_are_published_on_change_and_progress_at_its_pace(
    airflow: Airflow, history: History
) -> None:
    await told(wave(), news(0), news(2.5), news(17.5), news(20), news(22.5, "LAUNCHED"), news(25, "LAUNCHED"))
    assert [row[0]["lastPolledTime"] for row in airflow.of(ROWS)] == [0, 22.5]
    assert [shown["lastPolledTime"] for shown in airflow.of(keys.PROGRESS)] == [0, 20, 22.5]
    assert len(airflow.of(keys.WATCH_MEMORY)) == 1
    assert history.polls == [0, 2.5, 17.5, 20, 22.5, 25]


async def test_only_the_newest_state_is_published_by_a_wave_that_had_to_wait(
    airflow: Airflow, history: History
) -> None:
    airflow.let.clear()
    waiting = wave()
    await told(waiting, news(0), news(1, "IN_PROGRESS"), news(2, "LAUNCHED"))
    airflow.let.set()
    await waiting.settle()
    assert [list(shown["servers"]) for shown in airflow.of(keys.PROGRESS)] == [["PENDING"], ["LAUNCHED"]]


async def test_a_few_waves_publish_at_a_time(airflow: Airflow, history: History) -> None:
    airflow.let.clear()
    waves = [wave() for _ in range(3 * AT_ONCE)]
    for waiting in waves:
        waiting.publish(news(0))
    await waves[0].settle()
    airflow.let.set()
    for waiting in waves:
        await waiting.settle()
    assert airflow.most == AT_ONCE
    assert len(airflow.of(keys.PROGRESS)) == 3 * AT_ONCE


async def test_lines_of_many_waves_that_begin_at_once_come_as_airflow_takes_their_xcoms(
    airflow: Airflow, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="drs.timeline")
    airflow.let.clear()
    waves = [wave() for _ in range(3 * AT_ONCE)]
    for waiting in waves:
        waiting.publish(news(0))
    await waves[0].settle()
    assert len(caplog.records) == AT_ONCE
    airflow.let.set()
    for waiting in waves:
        await waiting.settle()
    assert len(caplog.records) == 3 * AT_ONCE


async def test_the_last_state_is_in_the_log_before_a_wave_is_over(
    airflow: Airflow, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="drs.timeline")
    airflow.let.clear()
    waiting = wave()
    await told(waiting, news(0), news(1, "IN_PROGRESS"), news(2, "LAUNCHED"), news(3, "LAUNCHED"))
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert [line["servers"] for line in lines] == [{"PENDING": 1}, {"IN_PROGRESS": 1}, {"LAUNCHED": 1}]
    assert [line["lastPolledTime"] for line in lines] == [0, 1, 2]
    airflow.let.set()
    await waiting.settle()
    assert len(caplog.records) == 3


async def test_a_history_that_does_not_answer_holds_no_xcom_up(airflow: Airflow, history: History) -> None:
    history.let.clear()
    waiting = wave()
    waiting.publish(news(0))
    while not airflow.of(keys.PROGRESS):
        await waiting.settle()
    assert history.polls == []
    history.let.set()


async def test_what_was_not_published_is_published_by_the_next_poll(
    airflow: Airflow, history: History
) -> None:
    waiting = wave()
    airflow.down = True
    await told(waiting, news(0))
    airflow.down = False
    await told(waiting, news(2.5))
    assert len(airflow.of(ROWS)) == len(airflow.of(keys.PROGRESS)) == 1


async def test_a_wave_that_is_over_publishes_nothing_more(airflow: Airflow, history: History) -> None:
    airflow.let.clear()
    waiting = wave()
    await told(waiting, news(0), news(1, "LAUNCHED"))
    waiting.close()
    airflow.let.set()
    await waiting.settle()
    assert [list(shown["servers"]) for shown in airflow.of(keys.PROGRESS)] == [["PENDING"]]


async def test_incomplete_settings_of_the_history_reach_the_trigger(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(ref: ExecutionRef) -> None:
        raise DrsConfigurationError("history_account_id is missing")

    monkeypatch.setattr(module.RunHistory, "of", refuse)
    waiting = wave()
    with pytest.raises(DrsConfigurationError, match="history_account_id"):
        await told(waiting, news(0), news(1), news(2))
