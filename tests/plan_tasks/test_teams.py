"""Teams, persons, escalation and emergency at the gates of whole runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import BaseNotifier

from drs_provider.plan_tasks.human_gate import NEVER
from drs_provider.triggers.gate import DrsGateTrigger
from tests.harness.plan_run import PlanRun
from tests.harness.plans import plan, recovery_of
from tests.harness.stage import Stage

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)

SERVER = ("s-4444444444444444a",)
PEOPLE: dict[str, Any] = {
    "teams": {"leads": ["dr-lead", "ops-lead"], "storage": ["alice", "bob"], "managers": ["maria"]},
    "persons": {"Alice": ["alice", "ops-lead"]},
}
RECOVERY = {
    "initiators": ["team:leads"],
    "approvers": ["team:storage"],
    "escalate_to": ["team:managers"],
    "emergency_approvers": ["ceo"],
}


class Letters(BaseNotifier):
    """Keeps what is sent."""

    sent: list[dict[str, Any]] = []  # noqa: RUF012

    def notify(self, context: Any) -> None:
        self.sent.append(context["drs"])


@pytest.fixture(autouse=True)
def people(play: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what writes the library; it is written already."""
    assert play
    monkeypatch.setenv("AIRFLOW__DRS__PLANS_FOLDER", str(tmp_path))
    Letters.sent.clear()

    def write(content: Any = PEOPLE) -> None:
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        (tmp_path / "people.yaml").write_text(text)

    write()
    return write


def recovery(play: Stage, *, user: str = "dr-lead", gate: Any = None, **changes: Any) -> PlanRun:
    """A RECOVERY of one wave, whose gate reminds after half an hour."""
    wave = {"name": "everything", "servers": SERVER, **({"gate": gate} if gate else {})}
    told = {"events": ["gate", "gate_reminder"], "notifier": f"{Letters.__module__}.{Letters.__qualname__}"}
    made = plan(wave, recovery={**RECOVERY, **changes}, notifications=[told])
    return play.plan_run(made, recovery_of(made), user=user)


def gate_of(run: PlanRun) -> dict[str, Any]:
    return dict(run.wave("everything")["gate"])


def at_turns(run: PlanRun, *actions: Callable[[], Any]) -> PlanRun:
    """Do something each time that the gate begins to wait."""

    def arm(left: tuple[Callable[[], Any], ...]) -> None:
        def act() -> None:
            run.when("gate_1", "scheduled", lambda: arm(left[1:]))
            left[0]()

        if left:
            run.when("gate_1", "deferred", act)

    arm(actions)
    return run


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(item.getMessage()) for item in caplog.records if item.name == "drs.timeline"]


def test_a_recoverys_gate_reminds_asks_the_next_team_and_stays_open(
    play: Stage, people: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    run = recovery(play)
    triggers: list[dict[str, Any]] = []

    def look() -> None:
        triggers.append(run.triggerer.serialized["gate_1"])

    def change_teams() -> None:
        look()
        people({**PEOPLE, "teams": {**PEOPLE["teams"], "managers": ["martin"], "storage": ["erin"]}})

    def answer() -> None:
        look()
        # Far beyond every timeout: claims, triggers and requests still hold.
        run.advance(30 * 24 * 3600)
        assert run.respond("gate_1", "Approve", user="bob") == 200

    at_turns(run, change_teams, look, answer)
    assert run.go() == "success"
    gate = gate_of(run)
    opened = gate["openedAt"]
    first, second = gate["asked"]
    assert first == {
        "at": opened,
        "names": ["team:storage"],
        "teams": {"storage": ["alice", "bob"]},
    }, "who was in the team when it was asked"
    assert (second["names"], second["teams"]) == (["team:managers"], {"managers": ["martin"]})
    assert second["at"] - opened == pytest.approx(3600, abs=10)
    assert gate["reminders"] == 1
    (response,) = gate["responses"]
    assert (response["respondedBy"], response["team"]) == ("bob", "storage")
    assert [each["turn_at"] - opened for each in triggers] == pytest.approx([1800, 3600, 5400], abs=30)
    assert {each["deadline"] for each in triggers} == {NEVER}
    assert DrsGateTrigger(**triggers[0]).serialize()[1] == triggers[0]
    told = [(letter["event"], letter.get("escalated"), letter["asked"]) for letter in Letters.sent]
    assert told == [
        ("gate", None, ["alice", "bob"]),
        ("gate_reminder", False, ["alice", "bob"]),
        ("gate_reminder", True, ["alice", "bob", "martin"]),
    ]
    assert "now team:managers is asked as well" in Letters.sent[-1]["summary"]
    names = [each["event"] for each in events(caplog) if each["event"].startswith("gate")]
    assert names == ["gateOpened", "gateReminded", "gateEscalated", "gateClosed"]
    assert run.record["initiatedAs"] == "leads"


def test_an_emergency_approver_opens_a_gate_alone_and_all_evidence_says_so(
    play: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    run = recovery(play, gate={"two_people": "recovery"}, emergency_approvers=["ceo", "dr-lead-2"])
    for user, option, fields in [
        ("ceo", "Approve", {"comment": "hurry"}),
        ("ceo", "Approve in emergency", {}),
        ("bob", "Approve in emergency", {"comment": "hurry"}),
        ("ceo", "Approve in emergency", {"comment": "both approvers are on a plane"}),
    ]:
        run.answer("gate_1", option, user=user, **fields)
    asked: list[Any] = []
    run.when("gate_1", "deferred", lambda: asked.append(run.request("gate_1")))
    assert run.go() == "success"
    assert asked[0].options == ["Approve", "Reject", "Skip wave", "Approve in emergency"]
    assert "ceo, dr-lead-2" in asked[0].body.replace("\\", "")
    gate = gate_of(run)
    assert gate["outcome"] == "approve in emergency"
    accepted, *refused = gate["responses"]
    assert (accepted["respondedBy"], accepted["emergency"]) == ("ceo", True)
    assert accepted["comment"] == "both approvers are on a plane"
    assert [row["refused"].partition(":")[0] for row in refused] == [
        "ceo is none of the plan's approvers",
        "Approve in emergency by an emergency approver needs a comment that says why",
        "bob is none of the plan's emergency approvers",
    ]
    (told,) = [each for each in events(caplog) if each["event"] == "emergencyApproval"]
    assert (told["by"], told["reason"], told["waveNumber"]) == ("ceo", "both approvers are on a plane", 1)
    page = next(play.reports.rglob("report-1.html")).read_text()
    assert "Decided alone by an emergency approver" in page
    assert "both approvers are on a plane" in page


def test_who_started_it_does_not_approve_it_under_another_login(play: Stage) -> None:
    """`ops-lead` and `alice` are the same person."""
    run = recovery(play, user="ops-lead").answer("gate_1", "Approve", user="alice")
    run.answer("gate_1", "Approve", user="bob")
    assert run.go() == "success"
    approved, refused = gate_of(run)["responses"]
    assert approved["respondedBy"] == "bob"
    assert refused["refused"] == (
        "who started the execution cannot approve it: alice and ops-lead may be the same person"
    )


def test_an_emergency_approver_who_is_the_initiator_is_refused(
    play: Stage, people: Callable[..., None]
) -> None:
    people({**PEOPLE, "persons": {"Chief": ["ceo", "dr-lead"]}})
    run = recovery(play).answer("gate_1", "Approve in emergency", user="ceo", comment="hurry")
    run.answer("gate_1", "Approve", user="bob")
    assert run.go() == "success"
    assert gate_of(run)["responses"][1]["refused"] == (
        "an emergency approver cannot approve what the same person started: ceo and dr-lead may be the same person"
    )


def test_a_library_that_is_broken_while_it_runs_leaves_the_members_of_the_start(
    play: Stage, people: Callable[..., None]
) -> None:
    run = recovery(play).answer("gate_1", "Approve", user="bob")
    run.when("prepare", "success", lambda: people("teams: ["))
    assert run.go() == "success"
    (row,) = gate_of(run)["asked"]
    assert row["teams"] == {"storage": ["alice", "bob"]}
    assert "people.yaml" in row["asOfStart"]


@pytest.mark.parametrize(
    ("content", "user", "message"),
    [
        ({"teams": {"leads": ["dr-lead"]}}, "dr-lead", "team:storage, team:managers, and no library has it"),
        ("teams: [", "dr-lead", "it is not YAML"),
        (PEOPLE, "mallory", "recovery.initiators are team:leads (dr-lead, ops-lead)"),
        (
            {
                "teams": {**PEOPLE["teams"], "storage": ["alice"], "managers": ["ops-lead"]},
                "persons": PEOPLE["persons"],
            },
            "ops-lead",
            "these may: team:storage (alice), team:managers (ops-lead)",
        ),
    ],
)
def test_an_execution_that_nobody_could_let_start_is_refused_at_once(
    play: Stage, people: Callable[..., None], content: Any, user: str, message: str
) -> None:
    people(content)
    run = recovery(play, user=user, emergency_approvers=[])
    assert run.go() == "failed"
    assert message in run.failure("prepare")
    assert play.jobs() == []


def test_the_gate_of_a_recovery_that_an_older_version_closed_is_opened_again(play: Stage) -> None:
    """Its trigger, stored before the upgrade, ends the request by its time."""
    run = recovery(play)

    def close_as_before() -> None:
        stored = {**run.triggerer.serialized["gate_1"]}
        del stored["turn_at"]
        run.triggerer.cancel("gate_1")
        run.triggerer.start("gate_1", DrsGateTrigger(**{**stored, "deadline": run.now() + 600}))

    def answer() -> None:
        assert run.respond("gate_1", "Approve", user="alice") == 200

    at_turns(run, close_as_before, answer)
    assert run.go() == "success"
    assert gate_of(run)["outcome"] == "approve"
    assert [row["respondedBy"] for row in gate_of(run)["responses"]] == ["alice"]


def test_a_step_asks_its_own_approvers_and_takes_an_emergency_approver(
    play: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fenced = {"check": "manual", "name": "fenced", "message": "?", "timeout_minutes": 60}
    wave = {"name": "everything", "servers": SERVER, "before": [{**fenced, "approvers": ["team:managers"]}]}
    made = plan(wave, recovery=RECOVERY)
    run = play.plan_run(made, recovery_of(made), user="dr-lead").answer("gate_1", "Approve", user="bob")
    step = "wave_1_everything.before_fenced"
    for user, comment in (("bob", "is off"), ("ceo", ""), ("ceo", "maria sleeps, it is off")):
        run.answer(step, "Confirm", user=user, **({"comment": comment} if comment else {}))
    assert run.go() == "success"
    (row,) = run.wave("everything")["steps"]
    (ask,) = row["asks"]
    assert ask["asked"][0]["teams"] == {"managers": ["maria"]}
    assert run.refused_answers == [(step, "bob", 403)], (
        "Airflow knows who was asked, where its ids are logins"
    )
    assert [answer.get("refused") for answer in ask["responses"]] == [
        None,
        "Confirm by an emergency approver needs a comment that says why",
    ]
    (told,) = [each for each in events(caplog) if each["event"] == "emergencyApproval"]
    assert (told["by"], told["step"], told["reason"]) == ("ceo", "fenced", "maria sleeps, it is off")


def test_a_drills_gate_that_escalates_rejects_at_the_drills_maximum_age(play: Stage) -> None:
    gate = {
        "approvers": ["team:storage"],
        "on_timeout": "escalate",
        "escalate_to": ["maria"],
        "timeout_minutes": 240,
    }
    made = plan({"name": "everything", "servers": SERVER, "gate": gate}, drill={"max_age_hours": 12})
    run = play.plan_run(made)
    assert run.go() == "failed"
    assert run.record["status"] == "CANCELLED"
    assert "was not answered within 720 minutes" in run.record["errorMessage"]
    row = gate_of(run)
    assert (row["outcome"], [each["names"] for each in row["asked"]]) == (
        "reject by timeout",
        [["team:storage"], ["maria"]],
    )
