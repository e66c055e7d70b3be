"""A clock that runs fast only while something is under way."""

from __future__ import annotations

import pytest

from drs_simulator.engine.agenda import Agenda
from drs_simulator.engine.clock import Clock


class Wall:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def wall():
    return Wall()


def test_a_resting_clock_keeps_pace_with_real_time(wall):
    clock = Clock(1000.0, 60.0, wall, idle_speed=1.0)
    clock.rest(1000.0)
    wall.seconds = 10.0
    assert clock.now() == pytest.approx(1010.0)


def test_a_woken_clock_runs_at_full_speed_from_then_on(wall):
    clock = Clock(1000.0, 60.0, wall, idle_speed=1.0)
    clock.rest(1000.0)
    wall.seconds = 10.0
    clock.wake()
    wall.seconds = 11.0
    assert clock.now() == pytest.approx(1070.0)


def test_the_rest_begins_when_the_last_thing_happened(wall):
    clock = Clock(1000.0, 60.0, wall, idle_speed=1.0)
    wall.seconds = 10.0  # 1600 at full speed, but the last thing happened at 1300, after 5 seconds
    assert clock.rest(1300.0) == pytest.approx(1305.0)
    wall.seconds = 20.0
    assert clock.now() == pytest.approx(1315.0)


def test_without_an_idle_speed_it_never_rests(wall):
    clock = Clock(1000.0, 60.0, wall)
    clock.rest(1000.0)
    wall.seconds = 1.0
    assert clock.now() == pytest.approx(1060.0)


def test_a_clock_that_stands_still_takes_no_advance_back(wall):
    clock = Clock(1000.0, 0.0, wall, idle_speed=1.0)
    clock.advance(500.0)
    assert clock.rest(1000.0) == pytest.approx(1500.0)


def test_an_agenda_wakes_the_clock_when_something_is_added_to_nothing():
    woken = []
    agenda = Agenda(lambda: woken.append(True))
    agenda.at(1.0, lambda _: None)
    agenda.at(2.0, lambda _: None)
    assert len(woken) == 1
    agenda.run_until(3.0)
    agenda.at(4.0, lambda _: None)
    assert len(woken) == 2
    assert agenda.last_time == 2.0
