"""A task that fails tells why; one that was killed tells nothing."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from airflow.sdk.timezone import utcnow

from drs_provider import keys
from drs_provider.runtime.channels.failures import tells_failure


class Instance:
    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


class Task:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    @tells_failure
    def execute(self, context: dict[str, Any], event: Any = None) -> str:
        if self.error:
            raise self.error
        return f"done {event}"


def run(error: BaseException) -> dict[str, Any]:
    instance = Instance()
    with pytest.raises(type(error)):
        Task(error).execute({"ti": instance})
    return instance.pushed


def test_an_error_is_told_and_raised_on() -> None:
    assert run(ValueError("no")) == {keys.FAILURE: {"errorType": "ValueError", "message": "no"}}


@pytest.mark.parametrize(
    "signal",
    [
        AirflowSkipException("skip"),
        TaskDeferred(trigger=DateTimeTrigger(utcnow()), method_name="answered"),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
)
def test_a_signal_is_no_failure(signal: BaseException) -> None:
    assert run(signal) == {}


def test_a_result_passes_through() -> None:
    assert Task(None).execute({"ti": Instance()}, event="x") == "done x"
