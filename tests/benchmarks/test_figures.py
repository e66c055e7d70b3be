"""How measurements are summed up and shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure, percentile, percentiles, short, table


def figure(**fields: object) -> Figure:
    given_fields = {"name": "a look", "value": 3.0, "unit": "s", "baseline": 6.0, "against": "two looks"}
    return Figure(**(given_fields | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 50, 7.0),
        ([7.0], 99, 7.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([1.0, 2.0], 50, 1.5),
        ([float(n) for n in range(101)], 95, 95.0),
        ([1.0, 2.0, 3.0], 100, 3.0),
        ([1.0, 2.0, 3.0], 0, 1.0),
    ],
)
def test_a_percentile_lies_between_the_measurements_next_to_it(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_is_within_what_was_measured(values: list[float], percent: float) -> None:
    assert min(values) - 1e-6 <= percentile(values, percent) <= max(values) + 1e-6


def test_nothing_measured_is_no_zero() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)


def test_each_percentile_is_compared_with_the_same_of_the_baseline() -> None:
    half, most = percentiles("wait", [1.0, 3.0], [10.0, 30.0], "looks every 30 s", 50, 100)
    assert (half.name, half.value, half.baseline, half.of) == ("wait, p50", 2.0, 20.0, 2)
    assert (most.name, most.value, most.baseline) == ("wait, p100", 3.0, 30.0)


@pytest.mark.parametrize(
    ("fields", "ratio", "exceeded"),
    [
        ({}, 0.5, False),
        ({"most": 0.5}, 0.5, False),
        ({"most": 0.4}, 0.5, True),
        ({"value": 0.0, "baseline": 0.0, "most": 1.0}, None, False),
        ({"value": 1.0, "baseline": 0.0, "most": 1.0}, None, True),
        ({"value": 1e9}, 1e9 / 6, False),
    ],
)
def test_only_a_ratio_can_be_exceeded(fields: dict[str, object], ratio: float | None, exceeded: bool) -> None:
    made = figure(**fields)
    assert made.ratio == (None if ratio is None else pytest.approx(ratio))
    assert made.exceeded is exceeded


def test_a_figure_survives_json() -> None:
    made = figure(most=0.4, of=3)
    assert Figure.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (0.0004, "4.0e-04"),
        (0.1234, "0.123"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234567, "1,234,567"),
    ],
)
def test_numbers_have_three_digits_that_say_something(number: float, shown: str) -> None:
    assert short(number) == shown


def test_the_table_is_markdown_with_one_row_for_each_figure() -> None:
    lines = table({"waits": [figure(most=0.4), figure(name="another", baseline=0.0, of=1200)]}).split("\n")
    assert len({len(line) for line in lines}) == 1, "columns are aligned"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["", "measured", "baseline", "ratio", "at most", "of", "baseline is"]
    assert cells[2][0] == "**waits**"
    assert cells[3] == ["a look", "3.00 s", "6.00 s", "0.500 EXCEEDED", "0.400", "", "two looks"]
    assert cells[4] == ["another", "3.00 s", "0 s", "", "", "1,200", "two looks"]
