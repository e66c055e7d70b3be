"""The preflight of every plan, on a schedule: what is kept, what people are told, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from drs_provider.dag_factory.readiness import readiness_dag, readiness_dags
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.plan.model import Plan
from tests.harness.block_run import BlockRun
from tests.harness.plans import DATABASES, WIKI, plan
from tests.harness.stage import ACCOUNT, REGION, SAMPLE_PLANS, Stage

DAY = 86_400
SENT: list[dict[str, Any]] = []


class Notifier:
    """Keeps what it is told."""

    def __call__(self, context: dict[str, Any]) -> None:
        SENT.append(context["drs"])


def noted(name: str, servers: tuple[str, ...]) -> Plan:
    told = {"events": ["readiness_lost", "drill_overdue"], "notifier": f"{__name__}.Notifier", "args": {}}
    return plan(
        {"name": "everything", "servers": servers},
        name=name,
        notifications=[told],
        objectives={"drill_every_days": 30},
    )


def write(folder: Path, made: Plan) -> None:
    data = {
        name: value
        for name, value in made.model_dump(mode="json", by_alias=True, exclude_defaults=True).items()
    }
    (folder / f"{made.name}.yaml").write_text(json.dumps({"schema_version": 1, **data}), encoding="utf-8")


def look(play: Stage, folder: Path) -> BlockRun:
    run = play.dag_run(readiness_dag(folder))
    run.go()
    return run


def state(play: Stage, name: str) -> dict[str, Any]:
    return dict(json.loads(play.variables[f"drs_plan_state__drs_{name}"]))


def test_every_plan_is_looked_at_and_people_are_told_once(play: Stage, tmp_path: Path) -> None:
    SENT.clear()
    for made in (noted("wiki_a", WIKI), noted("erp_a", DATABASES)):
        write(tmp_path, made)
    (tmp_path / "torn.yaml").write_text("name: torn\nwaves: [", encoding="utf-8")
    first = look(play, tmp_path)
    report = first.xcom("readiness", "readiness_report")
    assert (report["ok"], report["ready"], report["notReady"]) == (True, ["erp_a", "wiki_a"], [])
    assert first.state == "success"
    assert (state(play, "wiki_a")["state"], state(play, "wiki_a")["readiness"]["status"]) == (
        "PROTECTED",
        "READY",
    )
    assert play.jobs() == []
    assert SENT == []

    drs = play.simulator.client("drs", ACCOUNT, REGION)
    drs.disconnect_source_server(sourceServerID=WIKI[0])
    first.advance(DAY)
    second = look(play, tmp_path)
    report = second.xcom("readiness", "readiness_report")
    assert (report["ready"], report["notReady"]) == (["erp_a"], ["wiki_a"])
    assert second.state == "success"  # that a plan is not ready is no failure of who looks
    assert state(play, "wiki_a")["state"] == "NOT_PROTECTED"
    (lost,) = SENT
    assert (lost["event"], lost["planName"], lost["errors"]) == ("readiness_lost", "wiki_a", 2)
    assert "wiki_a is not ready any more: 2 findings would stop an execution (" in lost["summary"]
    look(play, tmp_path)
    assert len(SENT) == 1

    second.advance(31 * DAY)
    report = look(play, tmp_path).xcom("readiness", "readiness_report")
    assert report["overdue"] == ["erp_a", "wiki_a"]
    overdue = [each for each in SENT if each["event"] == "drill_overdue"]
    assert [each["planName"] for each in overdue] == ["erp_a", "wiki_a"]
    assert "none is known, one every 30 days is promised" in overdue[0]["summary"]
    assert [each["plan"] for each in play.events("drillOverdue")] == ["erp_a", "wiki_a"]
    look(play, tmp_path)
    assert len(SENT) == 3


def test_a_plan_that_cannot_be_looked_at_hides_no_other(
    play: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for made in (noted("wiki_a", WIKI), noted("erp_a", DATABASES)):
        write(tmp_path, made)
    from drs_provider.orchestration import readiness

    real = readiness.looked_at

    def torn(made: Plan, *arguments: Any, **named: Any) -> Any:
        if made.name == "erp_a":
            raise LookupError("a fault of ours")
        return real(made, *arguments, **named)

    monkeypatch.setattr(readiness, "looked_at", torn)
    run = look(play, tmp_path)
    report = run.xcom("readiness", "readiness_report")
    assert (run.state, report["ok"], report["ready"]) == ("failed", False, ["wiki_a"])
    assert report["failures"] == {"erp_a": "LookupError: a fault of ours"}
    assert "erp_a could not be looked at: LookupError: a fault of ours" in run.failure("readiness")


def test_its_schedule_and_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    (dag,) = readiness_dags(SAMPLE_PLANS).values()
    assert dag.dag_id == "drs_readiness"
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable.summary == "41 4 * * *"
    monkeypatch.setenv("AIRFLOW__DRS__READINESS_SCHEDULE", "off")
    assert readiness_dag(SAMPLE_PLANS).schedule is None
    monkeypatch.setenv("AIRFLOW__DRS__READINESS_SCHEDULE", "daily")
    with pytest.raises(DrsConfigurationError, match="readiness_schedule"):
        readiness_dag(SAMPLE_PLANS)
    with pytest.raises(ValueError, match="drs_readiness is the readiness check's DAG"):
        plan(name="readiness")
