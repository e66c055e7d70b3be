"""A plan that loads but of which Airflow takes no DAG: its fault is shown, and no other plan's."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from drs_provider.dag_factory import register
from drs_provider.dag_factory.build import build_dag
from drs_provider.plan.model import Plan


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, register.__name__)


OTHERS = {"drs_erp_three_tier", "drs_shop_two_regions", "drs_wiki_with_steps"}


def refuse_wiki(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(plan: Plan, *, withdrawn: bool = False, **options: Any) -> DAG:
        if plan.name == "wiki" and not withdrawn:
            raise ValueError("no such timetable")
        return build_dag(plan, withdrawn=withdrawn, **options)

    monkeypatch.setattr(register, "build_dag", build)


def test_trap_34_it_takes_no_other_plan_along(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_wiki(monkeypatch)
    dags = register.recovery_plan_dags(folder)
    assert {name: "withdrawn" in dag.tags for name, dag in dags.items()} == {
        "drs_erp_three_tier": False,
        "drs_shop_two_regions": False,
        "drs_wiki": True,
        "drs_wiki_with_steps": False,
    }
    (problem,) = register.plan_problems(folder)
    assert problem.file.endswith("wiki.yaml")
    assert "no such timetable" in problem.message


def test_trap_34_no_form_of_it_takes_another_plan_along(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register.recovery_plan_dags(folder)

    def build(plan: Plan, **options: Any) -> DAG:
        if plan.name == "wiki":
            raise ValueError("no such timetable")
        return build_dag(plan, **options)

    monkeypatch.setattr(register, "build_dag", build)
    assert set(register.recovery_plan_dags(folder)) == OTHERS
    (problem,) = register.plan_problems(folder)
    assert "running ones do not continue" in problem.remedy
    (folder / "wiki.yaml").unlink()
    assert set(register.recovery_plan_dags(folder)) == OTHERS
    (problem,) = register.plan_problems(folder)
    assert problem.file.endswith("state/plans/wiki.json")


def test_trap_34_an_operator_that_is_not_listed_withdraws_its_plan_and_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = register.recovery_plan_dags(folder)
    assert register.plan_problems(folder) == ()
    monkeypatch.setenv("AIRFLOW__DRS__STEP_OPERATORS", "no.such.Operator")
    after = register.recovery_plan_dags(folder)
    assert {name: "withdrawn" in dag.tags for name, dag in after.items()} == {
        name: name == "drs_wiki_with_steps" for name in before
    }
    # Its running executions have all their tasks, as Airflow's scheduler sees them and in a task's own process.
    assert after["drs_wiki_with_steps"].task_ids == before["drs_wiki_with_steps"].task_ids
    (problem,) = register.plan_problems(folder)
    assert problem.file.endswith("wiki_with_steps.yaml")
    for name in ("`tell_the_intranet` (after_last[3])", "empty.EmptyOperator", "[drs] step_operators"):
        assert name in problem.message
    assert "running ones continue" in problem.remedy

    class Context:
        dag_id, task_id = "drs_wiki_with_steps", "gate_1"

    with monkeypatch.context() as worker:
        worker.setattr(register, "get_parsing_context", Context)
        assert "gate_1" in register.recovery_plan_dags(folder)["drs_wiki_with_steps"].task_dict

    monkeypatch.delenv("AIRFLOW__DRS__STEP_OPERATORS")
    assert "withdrawn" not in register.recovery_plan_dags(folder)["drs_wiki_with_steps"].tags
    assert register.plan_problems(folder) == ()


@pytest.mark.parametrize("option", ["PRIORITY_WEIGHT", "WITHDRAWN_PLAN_DAYS"])
def test_trap_34_a_typo_in_an_option_stops_no_plan(
    folder: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    before = register.recovery_plan_dags(folder)
    monkeypatch.setenv(f"AIRFLOW__DRS__{option}", "a week")
    after = register.recovery_plan_dags(folder)
    assert {name: dag.tags for name, dag in after.items()} == {name: dag.tags for name, dag in before.items()}
    (problem,) = register.plan_problems(folder)
    assert option.lower() in problem.message
    assert "a week" in problem.message


def test_trap_34_its_last_good_form_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = register.recovery_plan_dags(folder)
    refuse_wiki(monkeypatch)
    after = register.recovery_plan_dags(folder)
    assert set(after) == set(before)
    assert "withdrawn" in after["drs_wiki"].tags


def test_trap_34_tasks_of_its_running_executions_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_wiki(monkeypatch)

    class Context:
        dag_id, task_id = "drs_wiki", "gate_1"

    monkeypatch.setattr(register, "get_parsing_context", Context)
    assert register.recovery_plan_dags(folder)["drs_wiki"].task_ids == ["gate_1"]
