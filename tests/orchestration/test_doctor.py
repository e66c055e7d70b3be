"""The doctor's task on a stage: a worker's looks over simulated AWS, then its real trigger."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import TaskDeferred

from drs_provider import keys
from drs_provider.airflow_api.needed import Need
from drs_provider.dag_factory.doctor import doctor_dag
from drs_provider.exceptions import DrsFailError, InstallationUnfitError
from drs_provider.orchestration import doctor
from drs_provider.triggers.doctor import DrsDoctorTrigger
from tests.harness.airflow_side import as_json
from tests.harness.stage import Stage
from tests.harness.sweeps import Sweeps, sweeps

__all__ = ["sweeps"]

KEY = "AIRFLOW__DRS__SIGNING_KEY"
USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"


class Silent(BaseNotifier):
    """A notifier whose service is not there."""

    sent: list[str] = []  # noqa: RUF012

    def __init__(self, to: str) -> None:
        super().__init__()
        self.to = to

    def notify(self, context: Any) -> None:
        self.sent.append(context["drs"]["summary"])
        if self.to == "nobody":
            raise OSError("no such host")


class Visit:
    """The doctor's task from its begin to its end, with the triggers that it defers to.

    :param triggerer: what is other in the triggerer's environment
    """

    def __init__(self, plans: Path, monkeypatch: pytest.MonkeyPatch, **triggerer: str) -> None:
        self.reports: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.bounded = False
        self._patch, self._triggerer = monkeypatch, triggerer
        self._task = doctor_dag(plans).get_task(keys.DOCTOR)

    def run(self, **conf: Any) -> dict[str, Any]:
        moment = datetime(2027, 1, 15, tzinfo=UTC)
        run = SimpleNamespace(
            dag_id="drs_doctor",
            run_id="manual__1",
            run_after=moment,
            start_date=moment,
            run_type="manual",
            clear_number=0,
            triggering_user_name="dr-operator",
            conf=conf,
        )
        context = {"ti": SimpleNamespace(xcom_push=self._push), "task": self._task, "dag_run": run}
        method, arguments = "execute", {"DrsDoctorOperator__sentinel": ExecutorSafeguard.sentinel_value}
        for _ in range(10):
            try:
                getattr(self._task, method)(context, **arguments)
            except TaskDeferred as deferral:
                path, data = deferral.trigger.serialize()
                self.bounded = path.endswith(".DrsDoctorTrigger") and deferral.timeout is not None
                method = deferral.method_name
                arguments = {"event": self._answer(as_json(data)), **as_json(deferral.kwargs)}
            except DrsFailError as error:
                self.error = error
                break
            else:
                break
        return self.reports[-1]

    def _push(self, key: str, value: Any) -> None:
        if key == keys.DOCTOR_REPORT:
            self.reports.append(as_json(value))

    def _answer(self, data: dict[str, Any]) -> Any:
        async def first() -> Any:
            return await anext(DrsDoctorTrigger(**data).run())

        with self._patch.context() as patch:
            for name, value in self._triggerer.items():
                patch.setenv(name, value)
            return as_json(asyncio.run(first()).payload)


def found(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["code"]: row for row in report["findings"]}


@pytest.fixture
def plans(sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plan wiki alone, and an installation that knows its people."""
    monkeypatch.setenv(USERS, "dr-lead:admin,dr-approver-1:op,dr-approver-2:op,dr-operator:op")
    # AWS's time is the machine's own, that of the stage is not.
    monkeypatch.setattr(
        doctor, "parsedate_to_datetime", lambda _: datetime.fromtimestamp(sweeps.stage.now(), UTC)
    )
    return sweeps.plans


def test_a_healthy_installation(play: Stage, plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visit = Visit(plans, monkeypatch)
    report = visit.run()
    assert visit.error is None, report["findings"]
    assert visit.bounded, "a wait for a triggerer that is not there must end"
    assert report["ok"], report["findings"]
    assert set(found(report)) <= {"reports_in_a_folder"}
    assert {each["component"] for each in report["components"]} == {"worker", "triggerer"}
    assert (report["plans"], report["complete"]) == (1, True)
    assert play.simulator is not None
    key = doctor.settings.get("signing_key")
    assert key not in str(visit.reports), "the key itself is nowhere"
    waiting = visit.reports[0]
    assert (waiting["complete"], "triggerer_silent" in found(waiting)) == (False, True)


def test_a_broken_installation(sweeps: Sweeps, plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wiki = (plans / "wiki.yaml").read_text(encoding="utf-8")
    (plans / "lost.yaml").write_text(
        wiki.replace('"wiki"', '"lost"').replace("111122223333", "999900001111"), encoding="utf-8"
    )
    (plans / "odd.yaml").write_text("name: odd\nwaves: 3\n", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__DRS__HISTORY_TABLE", "no-such-table")
    monkeypatch.setenv("AIRFLOW__DRS__OUTAGE_MINUTES", "soon")
    monkeypatch.setenv("AIRFLOW__DRS__REPORTS_PATH", "file:///proc/nowhere")
    monkeypatch.setattr(
        doctor, "missing", lambda: [(Need("airflow.sdk:x", "gates"), "airflow.sdk:x is missing")]
    )
    visit = Visit(plans, monkeypatch, **{KEY: "another key of 32 characters or more"})
    report = visit.run()
    assert isinstance(visit.error, InstallationUnfitError)
    rows = found(report)
    assert set(rows) == {
        "airflow_api_missing",
        "configuration_wrong",
        "history_unreachable",
        "identity_not_proven",
        "plan_does_not_load",
        "reports_unusable",
        "signing_keys_differ",
    }
    assert rows["airflow_api_missing"]["severity"] == "WARN"
    assert "outage_minutes" in rows["configuration_wrong"]["message"]
    refused = {
        row["subject"].split()[0] for row in report["findings"] if row["code"] == "identity_not_proven"
    }
    assert refused == {"worker,", "triggerer"}, "both have to get in"
    assert "no-such-table" in rows["history_unreachable"]["message"]
    assert "another key" not in str(visit.reports)
    assert all(row["remedy"] for row in report["findings"])


def test_people_and_messages(sweeps: Sweeps, plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wiki = json.loads((plans / "wiki.yaml").read_text(encoding="utf-8"))
    wiki["recovery"] = {"initiators": ["dr-operator"], "approvers": ["dr-lead", "long-gone"]}
    notifier = f"{Silent.__module__}.{Silent.__qualname__}"
    wiki["notifications"] = [
        {"notifier": notifier, "events": ["finished"], "args": {"to": "nobody"}},
    ]
    (plans / "wiki.yaml").write_text(json.dumps(wiki), encoding="utf-8")
    Silent.sent.clear()
    rows = found(Visit(plans, monkeypatch).run())
    assert Silent.sent == [], "nobody asked for a message"
    assert rows.keys() == {"unknown_login", "reports_in_a_folder"}
    assert rows["unknown_login"]["subject"] == "login long-gone"
    rows = found(Visit(plans, monkeypatch).run(notify=True))
    assert "nothing has happened" in Silent.sent[0]
    assert "no such host" in rows["notification_failed"]["message"]


def test_members_of_teams_are_looked_for_and_teams_without_members_are_told(
    plans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads((plans / "wiki.yaml").read_text(encoding="utf-8"))
    content["recovery"] = {"approvers": ["team:storage"], "emergency_approvers": ["dr-lead"]}
    (plans / "wiki.yaml").write_text(json.dumps(content), encoding="utf-8")
    people = {"teams": {"storage": ["dr-approver-1", "gone"], "empty": []}}
    (plans / "people.yaml").write_text(json.dumps(people), encoding="utf-8")
    rows = found(Visit(plans, monkeypatch).run())
    assert rows["unknown_login"]["subject"] == "login gone"
    assert "wiki (team:storage)" in rows["unknown_login"]["message"]
    assert "teams.empty: there is nobody in it" in rows["plan_does_not_load"]["message"]
