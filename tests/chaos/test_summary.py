"""What a campaign tells people and programs."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from chaos.__main__ import main
from chaos.campaign import Result
from chaos.facts import Violation
from chaos.spec import Fault, Strike
from chaos.summary import line, outcome, repeat, show, to_dict
from chaos.tally import Tally
from tests.chaos.facts_of import attempt, record, run, spec, world


def result(*violations: Violation) -> Result:
    tally = Tally()
    tally.inject(Fault.EC2_DOWN)
    tally.strike(Fault.EC2_DOWN, 4)
    facts = run(attempt(1, "failed", record=record("PARTIAL")), attempt(2, table_down=True))
    return Result(7, (facts,), world(), violations, tally, {"scheduler": 1}, {}, 61.0)


def test_an_outcome_names_every_attempt_and_a_hang() -> None:
    assert outcome(run(attempt(record=record("PARTIAL")), attempt(2))) == "PARTIAL > COMPLETED"
    assert outcome(run(attempt(record=None), hangs="somewhere")) == "no record > HANGS"
    assert "DRILL of 2 waves: COMPLETED (EC2 down)" in line(run(of=spec(strikes=(Strike(Fault.EC2_DOWN),))))


def test_the_summary_counts_faults_outcomes_and_what_was_compared() -> None:
    summary = to_dict(result(), lambda _: Path("logs"))

    assert summary["faults"]["EC2 down"] == {"injected": 1, "struck": 4}
    assert summary["faults"]["tokens expire"] == {"injected": 0, "struck": 0}
    assert summary["outcomes"] == {"PARTIAL > COMPLETED": 1}
    assert (summary["runs"], summary["historyCompared"], summary["launchJobs"]) == (1, 0, 2)
    assert "taskLogs" not in summary["executions"][0]


def test_a_violation_is_shown_with_its_logs_and_how_to_repeat_it() -> None:
    violation = Violation("chaos_7", "wave_order_kept", "wave 2 started too early")
    summary = to_dict(result(violation), lambda facts: Path("logs") / facts.run_id)
    text = StringIO()
    show(summary, Console(file=text, width=200))

    assert summary["violations"][0]["repeat"] == "make chaos N=1 SEED=7"
    assert "VIOLATION of wave_order_kept by chaos_7: wave 2 started too early" in text.getvalue()
    assert "task logs: logs/chaos-7; repeat: make chaos N=1 SEED=7" in text.getvalue()
    assert "1 violations in 1 min 01 s" in text.getvalue()
    assert "scheduler 1" in text.getvalue()
    assert repeat("") == "make chaos with the same N and SEED"


@pytest.mark.parametrize("wrong", [["--runs", "0"], ["--lanes", "-1"], ["--seed", "x"], ["--no"]])
def test_wrong_arguments_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(wrong)
    assert refused.value.code == 2
