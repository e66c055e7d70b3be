from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.core import states
from drs_provider.core.states import (
    EXECUTION_TRANSITIONS,
    LIVE_EXECUTION,
    TERMINAL_EXECUTION,
    TERMINAL_WAVE,
    WAVE_TRANSITIONS,
    ExecutionStatus,
    ExecutionType,
    WaveOutcome,
    WaveStatus,
    allowed_from,
    run_is_green,
    running_status,
    terminal_status,
)
from drs_provider.rules.record.merging import new_attempt


def outcome(
    number: int,
    status: WaveStatus = WaveStatus.COMPLETED,
    *,
    selected: bool = True,
    recovered: int = 2,
    total: int = 2,
    by_decision: bool = False,
) -> WaveOutcome:
    return WaveOutcome(number, selected, status, total, recovered, by_decision)


def end(waves: Sequence[WaveOutcome], *, stopped: bool = False, started: bool = True) -> ExecutionStatus:
    return terminal_status(waves, stopped_by_person=stopped, started=started)


outcomes = st.lists(
    st.builds(
        WaveOutcome,
        number=st.integers(1, 9),
        selected=st.booleans(),
        status=st.sampled_from(WaveStatus),
        servers_total=st.just(3),
        servers_recovered=st.integers(0, 3),
        skipped_by_decision=st.booleans(),
    ),
    max_size=5,
)


def test_every_status_has_a_row_and_every_move_a_reason():
    assert set(EXECUTION_TRANSITIONS) == set(ExecutionStatus) - {ExecutionStatus.CANCELLING}
    assert set(WAVE_TRANSITIONS) == set(WaveStatus)
    for table in (EXECUTION_TRANSITIONS, WAVE_TRANSITIONS):
        for target, sources in table.items():
            assert target not in sources
            assert all(reason.strip() for reason in sources.values())


def test_terminal_states_are_sinks_of_an_attempt():
    for sources in EXECUTION_TRANSITIONS.values():
        assert not TERMINAL_EXECUTION & sources.keys()
    for wave_sources in WAVE_TRANSITIONS.values():
        assert not TERMINAL_WAVE & wave_sources.keys()


def test_every_live_execution_can_end_in_every_terminal_state():
    for target in TERMINAL_EXECUTION:
        assert allowed_from(target) >= LIVE_EXECUTION


def test_nothing_becomes_cancelling():
    assert allowed_from(ExecutionStatus.CANCELLING) == frozenset()


def test_a_cancelling_execution_only_becomes_cancelled():
    targets = {target for target, sources in EXECUTION_TRANSITIONS.items() if "CANCELLING" in sources}
    assert targets == {ExecutionStatus.CANCELLED}


def test_pending_is_never_written_over_a_running_execution():
    assert allowed_from(ExecutionStatus.PENDING) == frozenset()
    assert allowed_from(WaveStatus.PENDING) == frozenset()


@pytest.mark.parametrize("target", list(ExecutionStatus))
def test_trap_35_only_a_new_attempt_leaves_a_terminal_state(target):
    assert not TERMINAL_EXECUTION & allowed_from(target)


@pytest.mark.parametrize("over", sorted(TERMINAL_EXECUTION | {ExecutionStatus.CANCELLING}))
def test_trap_35_a_new_attempt_leaves_it(over):
    row = {"attempt": 1, "status": over, "startTime": 0.0}
    record = {"executionId": "e", "attempt": 1, "status": over, "attempts": [row]}
    opened = new_attempt(record, 2, 10.0)
    assert (opened["attempt"], opened["status"]) == (2, ExecutionStatus.IN_PROGRESS)
    assert opened["attempts"][0] == row


@pytest.mark.parametrize("target", list(WaveStatus))
def test_trap_35_within_an_attempt_no_wave_is_reopened(target):
    assert not TERMINAL_WAVE & allowed_from(target)


def test_trap_06_a_poll_cannot_undo_a_cancel():
    for status in (ExecutionStatus.POLLING, ExecutionStatus.PAUSED):
        assert ExecutionStatus.CANCELLING not in allowed_from(status)
        assert ExecutionStatus.CANCELLED not in allowed_from(status)


def test_paused_while_a_gate_waits_else_polling():
    assert running_status(gate_waiting=True) is ExecutionStatus.PAUSED
    assert running_status(gate_waiting=False) is ExecutionStatus.POLLING


def test_execution_type_names_what_drs_calls_it():
    assert ExecutionType.DRILL.is_drill
    assert ExecutionType.DRILL.initiated_by == "START_DRILL"
    assert not ExecutionType.RECOVERY.is_drill
    assert ExecutionType.RECOVERY.initiated_by == "START_RECOVERY"


SKIPPED = WaveStatus.SKIPPED
FAILED = WaveStatus.FAILED


@pytest.mark.parametrize(
    ("waves", "expected", "green"),
    [
        ([outcome(1), outcome(2)], "COMPLETED", True),
        ([outcome(1), outcome(2, SKIPPED, selected=False)], "COMPLETED", True),
        ([outcome(1, total=0, recovered=0)], "COMPLETED", True),
        ([outcome(1), outcome(2, recovered=1)], "PARTIAL", True),
        ([outcome(1), outcome(2, SKIPPED, by_decision=True)], "PARTIAL", True),
        ([outcome(1), outcome(2, FAILED)], "PARTIAL", False),
        ([outcome(1), outcome(2, FAILED), outcome(3, SKIPPED)], "PARTIAL", False),
        ([outcome(1), outcome(2, WaveStatus.PENDING)], "PARTIAL", False),
        ([outcome(1, FAILED), outcome(2, SKIPPED)], "FAILED", False),
        ([outcome(1, SKIPPED, by_decision=True)], "FAILED", False),
        ([outcome(1, FAILED), outcome(2, selected=False)], "FAILED", False),
        ([], "FAILED", False),
    ],
)
def test_trap_08_end_of_an_attempt_and_colour_of_its_run(waves, expected, green):
    status = end(waves)
    assert status == expected
    assert run_is_green(status, waves) is green


@settings(deadline=None)
@given(waves=outcomes, stopped=st.booleans(), started=st.booleans())
def test_trap_08_what_is_left_after_the_waves_makes_it_red_and_never_completed(waves, stopped, started):
    arguments = {"stopped_by_person": stopped, "started": started}
    status = terminal_status(waves, ended_well=False, **arguments)
    well = terminal_status(waves, **arguments)
    assert status is (ExecutionStatus.PARTIAL if well is ExecutionStatus.COMPLETED else well)
    assert not run_is_green(status, waves, ended_well=False)


def test_trap_07_one_finished_wave_of_three_is_not_completed():
    waves = [outcome(1), outcome(2, WaveStatus.PENDING), outcome(3, WaveStatus.PENDING)]
    assert end(waves) is ExecutionStatus.PARTIAL


def test_stopped_by_a_person_is_cancelled_whatever_was_recovered():
    assert end([outcome(1)], stopped=True) is ExecutionStatus.CANCELLED
    assert end([], stopped=True, started=False) is ExecutionStatus.CANCELLED


def test_preflight_failure_is_failed():
    assert end([outcome(1, WaveStatus.PENDING)], started=False) is ExecutionStatus.FAILED
    assert end([outcome(1)], started=False) is ExecutionStatus.FAILED


@settings(deadline=None)
@given(waves=outcomes, stopped=st.booleans(), started=st.booleans())
def test_end_is_terminal_and_completed_means_everything(waves, stopped, started):
    status = end(waves, stopped=stopped, started=started)
    assert status in states.TERMINAL_EXECUTION
    selected = [wave for wave in waves if wave.selected]
    everything = bool(selected) and all(w.completed and w.servers_recovered == 3 for w in selected)
    assert (status is ExecutionStatus.COMPLETED) == (everything and started and not stopped)


@settings(deadline=None)
@given(waves=outcomes, stopped=st.booleans())
def test_trap_08_green_never_hides_a_failed_wave(waves, stopped):
    green = run_is_green(end(waves, stopped=stopped), waves)
    unmet = [wave for wave in waves if wave.selected and not wave.completed and not wave.skipped]
    assert not (green and (unmet or stopped))


@settings(deadline=None)
@given(waves=outcomes, stopped=st.booleans(), started=st.booleans())
def test_waves_left_out_change_nothing(waves, stopped, started):
    selected = [wave for wave in waves if wave.selected]
    assert end(waves, stopped=stopped, started=started) is end(selected, stopped=stopped, started=started)
