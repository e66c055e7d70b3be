"""What a parse found out is not found out again: Airflow is asked anew only about what may have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.policies import hookimpl
from airflow.sdk import DAG
from airflow.settings import get_policy_plugin_manager

from drs_provider.dag_factory import register
from drs_provider.dag_factory.build import build_dag
from drs_provider.plan.model import Plan

ALL = {"drs_erp_three_tier", "drs_shop_two_regions", "drs_wiki", "drs_wiki_with_steps"}


class Counted:
    """Which plans' DAGs are built, and which are tried."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.built: set[str] = set()
        self.tried: set[str] = set()
        refusal_of = register.refusal_of

        def build(plan: Plan, **options: Any) -> DAG:
            dag = build_dag(plan, **options)
            self.built.add(dag.dag_id)
            return dag

        def count(dag: DAG, **options: Any) -> str | None:
            self.tried.add(dag.dag_id)
            return refusal_of(dag, **options)

        monkeypatch.setattr(register, "build_dag", build)
        monkeypatch.setattr(register, "refusal_of", count)

    def by(self, parse: Callable[[Path], Any], folder: Path) -> tuple[set[str], set[str]]:
        """Return what one parse builds and tries."""
        self.built, self.tried = set(), set()
        parse(folder)
        return self.built, self.tried


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


@pytest.fixture
def policy() -> Iterator[dict[str, str]]:
    """A policy of the installation; refuses the DAGs that are named, with what stands there."""
    refused: dict[str, str] = {}

    class Policy:
        @hookimpl
        def dag_policy(self, dag: DAG) -> None:
            if dag.dag_id in refused:
                raise ValueError(refused[dag.dag_id])

    plugin = Policy()
    get_policy_plugin_manager().register(plugin)
    yield refused
    get_policy_plugin_manager().unregister(plugin)


def test_a_plan_that_was_taken_is_built_and_not_tried_again(folder: Path, counted: Counted) -> None:
    assert counted.by(register.recovery_plan_dags, folder) == (ALL, ALL)
    assert counted.by(register.recovery_plan_dags, folder) == (ALL, set())


def test_only_an_edited_plan_is_tried_again(folder: Path, counted: Counted) -> None:
    register.recovery_plan_dags(folder)
    file = folder / "wiki.yaml"
    file.write_text(f"{file.read_text(encoding='utf-8')}\ntags: {{Changed: today}}\n", encoding="utf-8")
    assert counted.by(register.recovery_plan_dags, folder) == (ALL, {"drs_wiki"})


def test_another_option_or_version_asks_for_all(
    folder: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    register.recovery_plan_dags(folder)
    monkeypatch.setenv("AIRFLOW__DRS__QUEUE", "recovery")
    assert counted.by(register.recovery_plan_dags, folder) == (ALL, ALL)
    monkeypatch.setattr("drs_provider.airflow_api.dag_trial.__version__", "99")
    assert counted.by(register.recovery_plan_dags, folder) == (ALL, ALL)


def test_trap_34_with_a_policy_every_parse_asks(
    folder: Path, counted: Counted, policy: dict[str, str]
) -> None:
    assert counted.by(register.recovery_plan_dags, folder) == (ALL, ALL)
    assert counted.by(register.recovery_plan_dags, folder) == (ALL, ALL)
    policy["drs_wiki"] = "not on a Friday"
    (problem,) = register.plan_problems(folder)
    assert "not on a Friday" in problem.message


def test_the_file_that_shows_errors_builds_only_what_airflow_has_not_taken(
    folder: Path, counted: Counted
) -> None:
    assert counted.by(register.plan_problems, folder) == (ALL, ALL)
    register.recovery_plan_dags(folder)
    assert counted.by(register.plan_problems, folder) == (set(), set())
    file = folder / "wiki.yaml"
    file.write_text(f"{file.read_text(encoding='utf-8')}\ntags: {{Changed: today}}\n", encoding="utf-8")
    assert counted.by(register.plan_problems, folder) == ({"drs_wiki"}, {"drs_wiki"})


def test_without_a_folder_to_keep_it_in_every_parse_asks(
    folder: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = folder.parent / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("AIRFLOW__DRS__STATE_PATH", str(blocked))
    for _ in range(2):
        assert counted.by(register.recovery_plan_dags, folder) == (ALL, ALL)
    assert counted.by(register.plan_problems, folder) == (ALL, ALL)
