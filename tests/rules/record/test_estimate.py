"""What is expected of an execution."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.states import ExecutionType
from drs_provider.rules.execution.expectation import Expectation, Range
from drs_provider.rules.execution.frozen import FrozenGate, FrozenStep, FrozenWave
from drs_provider.rules.record.durations import Durations, WaveDurations
from drs_provider.rules.record.estimate import LEAST_OF_ESTATE, MOST_COUNTED, Earlier, estimate, range_of
from tests.rules.rule_builders import wave

DRILL, RECOVERY = ExecutionType.DRILL, ExecutionType.RECOVERY
JOB = {"snapshot": 100.0, "conversion": 200.0, "launch": 300.0}
STEP = {"place": "after", "kind": "tcp", "timeout_seconds": 600}


def waves(*dependencies: tuple[int, ...], **changes: Any) -> list[FrozenWave]:
    return [
        wave(number, (f"s-{number}a", f"s-{number}b"), depends_on=depends_on, **changes)
        for number, depends_on in enumerate(dependencies, start=1)
    ]


def step(name: str, **changes: Any) -> FrozenStep:
    return FrozenStep(name=name, **(STEP | changes))


def run(*seconds: dict[str, float], servers: int = 2, kind: str = "DRILL", **changes: Any) -> Durations:
    """Return an execution whose waves took so long; they are called as `waves` calls them."""
    names = [each.name for each in waves(*[()] * len(seconds))]
    rows = tuple(
        WaveDurations(name=name, servers=servers, seconds=told)
        for name, told in zip(names, seconds, strict=True)
    )
    return Durations(execution_id="1", type=kind, at=0, waves=rows, **changes)


def seconds(made: Expectation) -> float:
    assert made.low_seconds is not None
    assert made.high_seconds is not None
    assert made.low_seconds <= made.seconds <= made.high_seconds
    return made.seconds


# -- the longest way through the waves ----------------------------------------------------------------------


def test_waves_in_a_row_add_up_and_side_by_side_they_do_not() -> None:
    in_a_row = estimate(DRILL, waves((), (1,), (2,)))
    assert (seconds(in_a_row), in_a_row.critical_path) == (pytest.approx(3 * 536, abs=1), (1, 2, 3))
    beside = estimate(DRILL, waves((), (1,), (1,)))
    assert seconds(beside) == pytest.approx(2 * 536, abs=1)
    assert seconds(estimate(DRILL, waves((), (), ())[::-1])) == pytest.approx(536, abs=1)
    assert seconds(estimate(DRILL, [])) == 0


def test_the_longest_way_is_the_critical_path() -> None:
    longer = wave(3, ("s-3",), depends_on=(1,), post_launch_required=True)
    made = estimate(DRILL, [*waves((), (1,)), longer])
    assert (seconds(made), made.critical_path) == (pytest.approx(536 + 536 + 600, abs=1), (1, 3))


def test_what_if_a_wave_took_twice_as_long() -> None:
    made = estimate(DRILL, waves((), (1,), (1,))).what_if({2: 2.0})
    assert (seconds(made), made.critical_path) == (pytest.approx(3 * 536, abs=2), (1, 2))


def test_a_wave_left_out_takes_no_time_and_what_comes_behind_it_still_comes_behind_the_ones_before() -> None:
    first, second, third = waves((), (1,), (2,))
    left_out = second.model_copy(update={"selected": False})
    made = estimate(DRILL, [first, left_out, third])
    assert (seconds(made), made.critical_path) == (pytest.approx(2 * 536, abs=1), (1, 3))
    assert [each.depends_on for each in made.waves] == [(), (1,)]


def test_a_circle_is_an_error() -> None:
    with pytest.raises(ValueError, match="cycle"):
        estimate(DRILL, waves((2,), (1,)))


# -- where the phases come from -----------------------------------------------------------------------------


def phases(made: Expectation, number: int = 1) -> dict[str, float]:
    found = made.wave(number)
    assert found is not None
    return {phase.name: phase.seconds for phase in found.phases}


def test_without_earlier_runs_the_profile_counts() -> None:
    made = estimate(DRILL, waves(()))
    assert (made.source, made.executions) == ("profile", 0)
    assert phases(made) == {"start": 0, "snapshot": 53.3, "conversion": 198.1, "launch": 284.6}
    assert (made.low_seconds, made.high_seconds) == (pytest.approx(340, abs=1), pytest.approx(1_436, abs=1))
    assert made.text() == "about 9 min (6 min to 24 min; documented profile)"


def test_the_plans_own_runs_go_before_all_else() -> None:
    earlier = [run(JOB | {"start": 20.0, "gate": 900.0}), run(JOB | {"launch": 500.0})]
    made = estimate(DRILL, waves(()), Earlier(earlier, [WaveDurations(servers=2, seconds=JOB)] * 9))
    assert (made.source, made.executions, made.waves[0].basis) == ("history", 2, "plan")
    assert phases(made) == {"start": 20, "snapshot": 100, "conversion": 200, "launch": 400}
    assert made.text() == "about 12 min (9 min to 17 min; median of 2 earlier executions)"


def test_waves_of_other_plans_count_where_they_are_of_about_the_size() -> None:
    near = [WaveDurations(servers=servers, seconds=JOB) for servers in (1, 2, 4)]
    far = [WaveDurations(servers=5, seconds=JOB)] * 9
    made = estimate(DRILL, waves(()), Earlier(estate=near))
    assert (made.source, made.executions, made.waves[0].basis) == ("history", 0, "estate")
    assert phases(made)["snapshot"] == 100
    assert estimate(DRILL, waves(()), Earlier(estate=far + near[1:])).source == "profile"
    assert len(near) == LEAST_OF_ESTATE


def test_a_wave_that_has_grown_takes_as_much_longer_as_the_profile_says() -> None:
    grown = wave(1, tuple(f"s-{n}" for n in range(5)))
    made = estimate(DRILL, [grown], Earlier([run(JOB, servers=2)]))
    assert phases(made)["launch"] == pytest.approx(300 * 1_184 / 536, abs=0.1)


def test_a_recovery_learns_from_drills_how_long_launches_take_but_not_what_people_and_steps_take() -> None:
    told = JOB | {"post-launch": 50.0, "start": 20.0, "checks": 90.0, "gate": 900.0}
    gated = FrozenGate(armed_by="plan", timeout_seconds=3_600)
    made = waves((), post_launch_required=True, gate=gated, after=(step("ping"),))
    recovery = estimate(RECOVERY, made, Earlier([run(told)]))
    assert phases(recovery) == {"gate": 0, "start": 0, **JOB, "post-launch": 50, "checks": 60}
    drill = estimate(DRILL, made, Earlier([run(told)]))
    assert phases(drill) == {"gate": 900, "start": 20, **JOB, "post-launch": 50, "checks": 90}
    assert drill.seconds == 20 + 600 + 50 + 90  # people are not in it
    twice = drill.what_if({1: 2.0})
    assert twice.seconds == 2 * drill.seconds
    assert phases(twice)["gate"] == 900


def test_steps_that_never_ran_take_a_minute_each_at_most_their_time() -> None:
    steps = (
        step("a"),
        step("b", together=True, retries=1),
        step("c", timeout_seconds=30),
        step("d", selected=False),
    )
    made = estimate(DRILL, waves((), after=steps), after_last=[step("e", place="after_last")])
    checks = next(phase for phase in made.waves[0].phases if phase.name == "checks")
    assert checks.range == Range(0, 60 + 30, 1_200 + 30)
    assert made.after is not None
    assert made.after.range == Range(0, 60, 600)
    assert seconds(made) == pytest.approx(536 + 90 + 60, abs=1)
    told = estimate(DRILL, waves(()), Earlier([run(JOB, after=5.0)]), after_last=[step("e")])
    assert told.seconds == 605
    assert estimate(DRILL, waves(()), after_last=[step("e", selected=False)]).after is None


# -- the range ----------------------------------------------------------------------------------------------


def test_the_range_narrows_with_each_run() -> None:
    widths = []
    for count in range(1, MOST_COUNTED + 3):
        made = estimate(DRILL, waves(()), Earlier([run(JOB)] * count))
        assert made.seconds == 600
        widths.append((made.high_seconds or 0) - (made.low_seconds or 0))
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == pytest.approx(0.9 * 600)
    assert widths[-1] == widths[-2] == pytest.approx(0.9 * 600 / MOST_COUNTED**0.5, abs=1)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_the_median_lies_in_the_range_and_the_range_among_what_was_seen(values: list[float]) -> None:
    found = range_of(values)
    assert 0 <= found.low <= found.seconds <= found.high
    assert min(values) <= found.seconds <= max(values)


def test_it_is_told_to_programs() -> None:
    made = estimate(DRILL, waves(()), Earlier([run(JOB)]))
    row = made.to_row()
    assert {
        name: row[name] for name in ("lowSeconds", "seconds", "highSeconds", "basis", "criticalPath")
    } == {
        "lowSeconds": 420,
        "seconds": 600,
        "highSeconds": 960,
        "basis": "history",
        "criticalPath": [1],
    }
    (told,) = row["waves"]
    assert (told["number"], told["basis"], told["seconds"]) == (1, "plan", 600)
    assert told["phases"][1] == {"name": "snapshot", "lowSeconds": 70, "seconds": 100, "highSeconds": 160}
    assert Expectation.model_validate(made.model_dump(mode="json")) == made
    older = Expectation(seconds=90, source="history", executions=1)  # as older versions froze it
    assert older.text() == "about 2 min (median of 1 earlier execution)"
    assert older.to_row()["lowSeconds"] == 90
