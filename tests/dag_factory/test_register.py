"""Which DAGs a parse yields: broken, vanished and edited plan files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from drs_provider.dag_factory import register
from drs_provider.dag_factory.register import recovery_plan_dags
from drs_provider.orchestration.sweep.scope import sweep_scope
from drs_provider.plan.files.last_good import SECONDS_PER_DAY, LastGoodPlans
from tests.harness.plans import plan


def parse_for(monkeypatch: pytest.MonkeyPatch, dag_id: str | None, task_id: str | None = None) -> None:
    """Let the next parses be those of a task's own process."""

    class Context:
        pass

    context = Context()
    context.dag_id, context.task_id = dag_id, task_id  # type: ignore[attr-defined]
    monkeypatch.setattr(register, "get_parsing_context", lambda: context)


def test_every_plan_is_a_dag(folder: Path) -> None:
    names = {"drs_erp_three_tier", "drs_shop_two_regions", "drs_wiki", "drs_wiki_with_steps"}
    assert set(recovery_plan_dags(folder)) == names


def test_a_task_gets_only_its_own_dag(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse_for(monkeypatch, "drs_wiki", "gate_1")
    dags = recovery_plan_dags(folder)
    assert set(dags) == {"drs_wiki"}
    assert len(dags["drs_wiki"].tasks) > 1


def test_a_task_of_somebody_elses_dag_gets_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse_for(monkeypatch, "etl_daily", "load")
    assert recovery_plan_dags(folder) == {}


@pytest.mark.parametrize("damage", ["broken", "deleted"])
def test_trap_34_a_plan_that_no_longer_loads_keeps_its_dag(folder: Path, damage: str) -> None:
    before = recovery_plan_dags(folder)
    damage_plan(folder / "wiki.yaml", damage)
    after = recovery_plan_dags(folder)
    assert set(after) == set(before)
    assert set(after["drs_wiki"].task_ids) == set(before["drs_wiki"].task_ids)
    assert withdrawn(after["drs_wiki"])
    assert not withdrawn(after["drs_erp_three_tier"])


def test_a_plan_that_is_mended_is_no_longer_withdrawn(folder: Path) -> None:
    recovery_plan_dags(folder)
    content = (folder / "wiki.yaml").read_text()
    damage_plan(folder / "wiki.yaml", "broken")
    assert withdrawn(recovery_plan_dags(folder)["drs_wiki"])
    (folder / "wiki.yaml").write_text(content)
    assert not withdrawn(recovery_plan_dags(folder)["drs_wiki"])


@pytest.mark.parametrize("damage", ["broken", "deleted"])
def test_trap_34_a_task_of_a_lost_plan_gets_a_dag_with_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    damage_plan(folder / "wiki.yaml", damage)
    parse_for(monkeypatch, "drs_wiki", "wave_1_everything.enrich")
    dags = recovery_plan_dags(folder)
    assert dags["drs_wiki"].task_ids == ["wave_1_everything.enrich"]


def test_trap_34_a_task_that_an_edit_removed_gets_a_dag_with_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse_for(monkeypatch, "drs_wiki", "wave_2_gone.start_recovery")
    assert recovery_plan_dags(folder)["drs_wiki"].task_ids == ["wave_2_gone.start_recovery"]


def test_trap_34_what_a_state_folder_of_ones_own_costs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DAG processor, worker and the next DAG processor have a folder each, as on Kubernetes and Amazon MWAA."""

    def component(name: str) -> None:
        monkeypatch.setenv("AIRFLOW__DRS__STATE_PATH", str(tmp_path / name))

    component("dag-processor")
    recovery_plan_dags(folder)
    whole = (folder / "wiki.yaml").read_text()
    damage_plan(folder / "wiki.yaml", "broken")

    assert withdrawn(recovery_plan_dags(folder)["drs_wiki"])
    # A worker needs no copy: the frozen plan has all that a task of a running execution works from.
    with monkeypatch.context() as worker:
        worker.setenv("AIRFLOW__DRS__STATE_PATH", str(tmp_path / "worker"))
        parse_for(worker, "drs_wiki", "wave_1_everything.enrich")
        assert recovery_plan_dags(folder)["drs_wiki"].task_ids == ["wave_1_everything.enrich"]
    # Its sweeper does: it says so instead of passing over what it cannot look at.
    (failure,) = sweep_scope(folder, tmp_path / "worker").failures
    assert "wiki.yaml: the file does not load, and no last good form" in failure
    # Lost: a DAG processor that starts with an empty folder, while the file is broken, hands out no DAG of it.
    component("next-dag-processor")
    assert "drs_wiki" not in recovery_plan_dags(folder)
    (folder / "wiki.yaml").write_text(whole)
    assert not withdrawn(recovery_plan_dags(folder)["drs_wiki"])


def test_a_withdrawn_plan_is_forgotten_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_800_000_000.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    kept = LastGoodPlans(tmp_path)
    kept.remember(plan())
    assert [item.plan.name for item in kept.withdrawn([], keep_days=7)] == ["small"]
    clock[0] += 6 * SECONDS_PER_DAY
    assert [item.withdrawn_at for item in kept.withdrawn([], keep_days=7)] == [1_800_000_000.0]
    clock[0] += 2 * SECONDS_PER_DAY
    assert kept.withdrawn([], keep_days=7) == []
    clock[0] -= 8 * SECONDS_PER_DAY
    assert kept.withdrawn([], keep_days=7) == []


def test_the_last_good_form_is_the_newest_that_loads(tmp_path: Path) -> None:
    kept = LastGoodPlans(tmp_path)
    kept.remember(plan())
    newer = plan(owner="somebody")
    kept.remember(newer)
    (item,) = kept.withdrawn([], keep_days=7)
    assert item.plan == newer


def test_kept_plans_that_are_not_asked_for_are_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = LastGoodPlans(tmp_path)
    kept.remember(plan())
    kept.remember(plan(name="damaged"))
    kept.file_of("damaged").write_text("{")
    assert [item.name for item in kept.kept(but={"damaged"})] == ["small"]
    assert not caplog.messages
    assert kept.kept(but={"small"}) == []
    assert "damaged cannot be read" in caplog.text


@pytest.mark.parametrize("content", ["{", "[]", '{"plan": {"name": "Bad Name"}}'])
def test_a_damaged_copy_is_passed_over(tmp_path: Path, content: str) -> None:
    kept = LastGoodPlans(tmp_path)
    kept.remember(plan())
    (file,) = (tmp_path / "plans").iterdir()
    file.write_text(content)
    assert kept.withdrawn([], keep_days=7) == []
    kept.remember(plan())
    assert [item.plan.name for item in kept.withdrawn([], keep_days=7)] == ["small"]


@pytest.mark.parametrize("when", ["yesterday", None, [1]])
def test_a_damaged_time_of_withdrawal_begins_anew(tmp_path: Path, when: Any) -> None:
    kept = LastGoodPlans(tmp_path)
    kept.remember(plan())
    (file,) = (tmp_path / "plans").iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), "withdrawn_at": when}))
    assert [item.plan.name for item in kept.withdrawn([], keep_days=7)] == ["small"]


def test_a_copy_under_another_name_stands_in_for_no_plan(folder: Path) -> None:
    recovery_plan_dags(folder)
    kept = folder.parent / "state" / "plans"
    shutil.copy(kept / "wiki.json", kept / "wiki of last week.json")
    assert not withdrawn(recovery_plan_dags(folder)["drs_wiki"])


def test_an_expired_form_that_cannot_be_removed_costs_no_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = LastGoodPlans(tmp_path)
    kept.remember(plan())
    kept.withdrawn([], keep_days=7)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert kept.withdrawn([], keep_days=-1) == []


def test_a_folder_that_cannot_be_written_costs_no_plan(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = folder.parent / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("AIRFLOW__DRS__STATE_PATH", str(blocked))
    assert len(recovery_plan_dags(folder)) == 4


def damage_plan(file: Path, damage: str) -> None:
    if damage == "deleted":
        file.unlink()
    else:
        file.write_text(file.read_text() + "\nno_such_field: 1\n")


def withdrawn(dag: DAG) -> bool:
    return "withdrawn" in dag.tags
