"""Timeline events in the task log."""

from __future__ import annotations

import json
import logging
from datetime import datetime

import pytest

from drs_provider.core.events import Event
from drs_provider.runtime.timeline import emit, emitted


def test_an_event_is_one_json_object_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="drs.timeline"):
        emit("exec-1", Event.JOB_STARTED, jobId="drsjob-1", reason="two\nlines", odd={1}.__class__)
    (message,) = [record.getMessage() for record in caplog.records if record.name == "drs.timeline"]
    assert "\n" not in message
    event = json.loads(message)
    assert (event["executionId"], event["event"], event["jobId"]) == ("exec-1", "jobStarted", "drsjob-1")
    assert datetime.fromisoformat(event["timestampISO"]).timestamp() == pytest.approx(
        event["timestamp"], abs=0.002
    )


def test_a_block_is_told_before_and_after_it_whatever_comes(caplog: pytest.LogCaptureFixture) -> None:
    def block() -> None:
        with emitted("exec-1", Event.PREPARE_STARTED, Event.PREPARE_ENDED, plan="wiki"):
            raise ValueError("no such wave")

    with (
        caplog.at_level(logging.INFO, logger="drs.timeline"),
        pytest.raises(ValueError, match="no such wave"),
    ):
        block()
    first, last = (json.loads(record.getMessage()) for record in caplog.records)
    assert (first["event"], first["plan"]) == ("prepareStarted", "wiki")
    assert (last["event"], last["error"]) == ("prepareEnded", "ValueError: no such wave")
    assert last["seconds"] >= 0
