from __future__ import annotations

from drs_simulator.validation.transition_table import (
    JOB_STATUS_STEPS,
    LAST_EVENTS,
    LAUNCH_STATUS_STEPS,
    RUN_STATUS_STEPS,
    SERVER_EVENT_STEPS,
    reachable,
)


def test_terminal_states_are_sinks_and_all_states_have_steps() -> None:
    assert reachable(JOB_STATUS_STEPS)["PENDING"] == {"STARTED", "COMPLETED"}
    for steps in (
        JOB_STATUS_STEPS,
        RUN_STATUS_STEPS,
        *LAUNCH_STATUS_STEPS.values(),
        *SERVER_EVENT_STEPS.values(),
    ):
        assert all(following <= steps.keys() for following in steps.values())
    for steps in LAUNCH_STATUS_STEPS.values():
        assert steps.keys() <= LAST_EVENTS.keys()
