from __future__ import annotations

import pickle

import pytest

from drs_provider.plan.problems import PlanError, PlanProblem, closest, did_you_mean, format_path


def test_path_joins_names_with_dots_and_positions_with_brackets():
    assert format_path(("waves", 1, "gate", "timeout_minutes")) == "waves[1].gate.timeout_minutes"
    assert format_path(()) == ""


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            PlanProblem("a.yaml", "name", "it is missing", "add it", 3),
            "a.yaml:3: name: it is missing (add it)",
        ),
        (PlanProblem("a.yaml", "", "the file is empty"), "a.yaml: the file is empty"),
    ],
)
def test_problem_as_text(problem, text):
    assert str(problem) == text


def test_error_survives_pickling_with_all_its_problems():
    error = PlanError([PlanProblem("a.yaml", "x", "one"), PlanProblem("b.yaml", "y", "two")])
    copy = pickle.loads(pickle.dumps(error))
    assert copy.problems == error.problems
    assert str(copy).splitlines() == ["a.yaml: x: one", "b.yaml: y: two"]


def test_nearest_word_ignores_case_and_gives_up_on_strangers():
    assert closest("RECOVRY", ["DRILL", "RECOVERY"]) == "RECOVERY"
    assert closest("recovery", ["DRILL", "RECOVERY"]) == "RECOVERY"
    assert closest("xyz", ["DRILL", "RECOVERY"]) is None
    assert did_you_mean("xyz", ["DRILL"], "use DRILL") == "use DRILL"
