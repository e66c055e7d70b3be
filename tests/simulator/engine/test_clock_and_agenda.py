import pytest

from drs_simulator.engine.agenda import Agenda
from drs_simulator.engine.clock import Clock


class Wall:
    def __init__(self):
        self.time = 50.0

    def __call__(self):
        return self.time


def test_the_clock_runs_at_its_speed_from_its_base():
    wall = Wall()
    clock = Clock(1000.0, 60.0, wall)
    wall.time += 2
    assert clock.now() == 1120.0


def test_a_standing_clock_moves_only_when_advanced():
    wall = Wall()
    clock = Clock(1000.0, 0.0, wall)
    wall.time += 500
    assert clock.now() == 1000.0
    assert clock.advance(30) == 1030.0


def test_changing_speed_and_pausing_keep_the_time_reached():
    wall = Wall()
    clock = Clock(0.0, 10.0, wall)
    wall.time += 1
    clock.set_speed(100.0)
    assert clock.now() == 10.0
    wall.time += 1
    clock.pause()
    wall.time += 1000
    assert clock.now() == 110.0
    clock.advance(5)
    clock.resume()
    wall.time += 1
    assert clock.now() == 215.0


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_time_does_not_go_back(value):
    clock = Clock(0.0, 1.0, Wall())
    with pytest.raises(ValueError, match="must not be negative"):
        clock.advance(value)
    with pytest.raises(ValueError, match="must not be negative"):
        clock.set_speed(value)


def test_actions_happen_in_order_of_time_then_of_adding():
    agenda, done = Agenda(), []
    for moment, name in ((5.0, "c"), (1.0, "a"), (5.0, "d"), (2.0, "b"), (9.0, "later")):
        agenda.at(moment, lambda at, name=name: done.append((at, name)))
    assert agenda.run_until(5.0) == 4
    assert done == [(1.0, "a"), (2.0, "b"), (5.0, "c"), (5.0, "d")]
    assert (len(agenda), agenda.next_time()) == (1, 9.0)


def test_an_action_may_add_others_that_are_due_at_once():
    agenda, done = Agenda(), []
    agenda.at(1.0, lambda at: agenda.at(at + 1, done.append))
    agenda.run_until(10.0)
    assert done == [2.0]
    assert agenda.next_time() is None
