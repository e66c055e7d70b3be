from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.states import TERMINAL_EXECUTION, ExecutionStatus, WaveStatus, allowed_from
from drs_provider.rules.record import changes
from drs_provider.rules.record.changes import RefusedError
from drs_provider.rules.record.merging import close_attempt, counters
from drs_provider.rules.record.schema import ExecutionRecord
from tests.history.world import T0, launched_rows, record_of

E, W = ExecutionStatus, WaveStatus
Change = Callable[[ExecutionRecord], ExecutionRecord]

moves = st.lists(
    st.one_of(
        st.tuples(st.just(0), st.sampled_from([status for status in E if status not in TERMINAL_EXECUTION])),
        st.tuples(st.integers(1, 3), st.sampled_from(list(W))),
    ),
    max_size=12,
)


@given(moves)
def test_statuses_move_along_the_tables_only(sequence: list[tuple[int, Any]]) -> None:
    record = record_of()
    status: dict[int, Any] = {0: E.PENDING, 1: W.PENDING, 2: W.PENDING, 3: W.PENDING}
    for number, target in sequence:
        move = partial(changes.set_wave, record, number) if number else partial(changes.set_status, record)
        if target == status[number] or status[number] in allowed_from(target):
            record = move(target, {})
            status[number] = target
        else:
            with pytest.raises(RefusedError) as refused:
                move(target, {})
            assert refused.value.status == status[number]
    assert record["status"] == record["attempts"][0]["status"] == status[0]
    assert [wave["status"] for wave in record["waves"]] == [status[number] for number in (1, 2, 3)]
    assert {name: record[name] for name in counters(record["waves"])} == counters(record["waves"])  # type: ignore[literal-required]


def every_change(attempt: int) -> st.SearchStrategy[Change]:
    """Any write that a task, a trigger, `finalize` or the sweeper makes."""
    record = record_of(attempt=attempt)
    number = st.integers(1, 3)
    time = st.floats(T0, T0 + 5000)
    job = {"jobId": "drsjob-1", "status": "STARTED", "attempt": attempt}
    fields = st.fixed_dictionaries(
        {},
        optional={
            "startTime": time,
            "endTime": time,
            "jobs": st.just([job]),
            "gate": st.just({"armedBy": "plan", "openedAt": T0, "responses": []}),
            "steps": st.just([{"name": "http", "status": "PASSED"}]),
            "errorMessage": st.sampled_from(["no", "not at all"]),
        },
    )

    def poll(wave: int, at: float) -> Change:
        return lambda stored: changes.set_wave(
            stored, wave, None, {"serverStatuses": launched_rows(record, wave)}, polled_at=at
        )

    def end(status: ExecutionStatus, at: float) -> Change:
        return lambda stored: changes.end(stored, close_attempt(record, status, ended_at=at))

    return st.one_of(
        st.just(lambda stored: changes.start(stored, record)),
        st.builds(
            lambda status, given: lambda stored: changes.set_status(stored, status, given),
            st.sampled_from([None, *(status for status in E if status not in TERMINAL_EXECUTION)]),
            st.fixed_dictionaries({}, optional={"hold": st.just({"openedAt": T0}), "endTime": time}),
        ),
        st.builds(
            lambda wave, status, given: lambda stored: changes.set_wave(stored, wave, status, given),
            number,
            st.sampled_from([None, *W]),
            fields,
        ),
        st.builds(poll, number, time),
        st.builds(end, st.sampled_from(sorted(TERMINAL_EXECUTION)), time),
        st.just(lambda stored: changes.set_report(stored, attempt, uri="file:///r", sha256="0" * 64)),
        st.just(lambda stored: changes.set_report_error(stored, attempt, "no such bucket")),
        st.just(
            lambda stored: (
                changes.open_attempt(stored, {**record, "startTime": T0 + 6000})
                if stored["attempt"] < attempt
                else stored
            )
        ),
    )


@given(st.lists(every_change(1), max_size=8), st.lists(every_change(2), max_size=4))
def test_a_change_applied_to_its_own_outcome_changes_nothing(
    first: list[Change], second: list[Change]
) -> None:
    """So a retry, by the SDK or by Airflow, may meet its own effect."""
    record = record_of()
    opened = [partial(changes.start, record=record_of(attempt=2))] if second else []
    for change in [*first, *opened, *second]:
        try:
            record = change(record)
        except RefusedError:
            continue
        assert change(record) == record
    assert {name: record[name] for name in counters(record["waves"])} == counters(record["waves"])  # type: ignore[literal-required]


def test_the_wave_begun_last_is_the_current_one_also_before_its_job_has_a_start() -> None:
    record = changes.set_wave(record_of(), 1, W.POLLING, {"startTime": T0})
    record = changes.set_wave(record, 2, W.LAUNCHING, {})
    assert record["currentWave"] == 2
    record = changes.set_wave(record, 3, W.POLLING, {"startTime": T0 + 600})
    record = changes.set_wave(record, 2, W.POLLING, {"startTime": T0 + 500})
    assert record["currentWave"] == 3


@pytest.mark.parametrize("status", sorted(TERMINAL_EXECUTION))
def test_trap_07_only_the_end_is_terminal(status: ExecutionStatus) -> None:
    with pytest.raises(ValueError, match="finalize"):
        changes.set_status(record_of(), status, {})
    with pytest.raises(ValueError, match="does not end"):
        changes.end(None, record_of())
    assert changes.end(record_of(), close_attempt(record_of(), status, ended_at=T0))["status"] == status


@pytest.mark.parametrize(
    "field", ["status", "attempt", "waves", "totalWaves", "currentWave", "completedWaves"]
)
def test_fields_that_the_changes_write_themselves_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        changes.set_status(record_of(), None, {field: 1})
    if field in {"status", "attempt"}:
        with pytest.raises(ValueError, match=field):
            changes.set_wave(record_of(), 1, None, {field: 1})
