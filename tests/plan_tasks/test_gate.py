"""The pause gate before a wave."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from drs_provider.airflow_api import hitl
from drs_provider.plan_tasks.gate import PlanGateSensor
from drs_provider.plan_tasks.human_gate import MOST_SETTLING_SECONDS, settling_seconds
from drs_provider.triggers.gate import DrsGateTrigger
from tests.harness.plan_run import PlanRun
from tests.harness.plans import plan, recovery_of, two_waves
from tests.harness.stage import Stage

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)

GATE = {
    "message": "Check *logins* first.",
    "approvers": ["dr-approver-1", "dr-approver-2"],
    "timeout_minutes": 30,
}


def gated(play: Stage, conf: dict[str, Any] | None = None, **gate: Any) -> PlanRun:
    """A drill of one wave behind a gate; the hold is passed."""
    made = plan({"name": "everything", "servers": ("s-4444444444444444a",), "gate": {**GATE, **gate}})
    return play.plan_run(made, conf).answer("hold_drill", "Passed", user="dr-tester")


def outcome(run: PlanRun) -> dict[str, Any]:
    return run.wave("everything")["gate"]


def test_a_gate_that_nobody_armed_passes_at_once(play: Stage) -> None:
    run = play.plan_run(plan()).answer("hold_drill", "Passed")
    assert run.go() == "success"
    assert "deferred" not in gate_states(run)
    assert "gate" not in run.wave("everything")


def test_an_approval_lets_the_wave_start_and_is_recorded(play: Stage) -> None:
    run = gated(play).answer("gate_1", "Approve", comment="logins work", ticket="CHG7")
    assert run.go() == "success"
    gate = outcome(run)
    assert (gate["armedBy"], gate["outcome"]) == ("plan", "approve")
    (response,) = gate["responses"]
    assert response["decision"] == "Approve"
    assert response["respondedBy"] == "dr-approver-1"
    assert (response["comment"], response["ticket"]) == ("logins work", "CHG7")
    # Airflow keeps times to the microsecond.
    assert gate["openedAt"] <= response["respondedAt"] <= gate["closedAt"]


def test_people_are_told_what_they_decide(play: Stage) -> None:
    made = two_waves(second={"gate": GATE})
    run = play.plan_run(made, {"reason": "<b>quarterly</b>"}).approve_everything()
    asked: list[Any] = []
    run.when("gate_2", "deferred", lambda: asked.append(run.request("gate_2")))
    assert run.go() == "success"
    (request,) = asked
    assert "second" in request.subject
    assert request.options == ["Approve", "Reject", "Skip wave"]
    assert request.approvers == ["dr-approver-1", "dr-approver-2"]
    assert r"Check \*logins\* first\." in request.body
    assert "1 of 1 servers recovered" in request.body
    assert "<b>" not in request.body


def test_a_rejection_cancels_the_execution_and_starts_nothing(play: Stage) -> None:
    run = gated(play).answer("gate_1", "Reject", comment="not today")
    assert run.go() == "failed"
    assert run.record["status"] == "CANCELLED"
    assert run.wave("everything")["status"] == "CANCELLED"
    assert "dr-approver-1" in run.record["errorMessage"]
    assert "not today" in run.record["errorMessage"]
    assert play.jobs() == []
    assert run.states["wave_1_everything.start_recovery"] == "upstream_failed"


def test_a_skipped_wave_leaves_a_green_partial_drill(play: Stage) -> None:
    run = play.plan_run(two_waves(second={"gate": GATE})).approve_everything()
    run.answer("gate_2", "Skip wave")
    assert run.go() == "success"
    assert run.outline().status == "PARTIAL"
    assert run.outline().waves == {"first": "COMPLETED", "second": "SKIPPED"}
    assert len(play.jobs()) == 1


def test_waves_behind_a_skipped_one_go_on(play: Stage) -> None:
    run = play.plan_run(two_waves(first={"gate": GATE})).approve_everything()
    run.answer("gate_1", "Skip wave")
    assert run.go() == "success"
    assert run.outline().waves == {"first": "SKIPPED", "second": "COMPLETED"}


def test_nobody_but_the_plans_approvers_can_answer(play: Stage) -> None:
    run = gated(play).answer("gate_1", "Approve", user="somebody-else").answer("gate_1", "Approve")
    assert run.go() == "success"
    assert run.refused_answers == [("gate_1", "somebody-else", 403)]


def test_trap_41_an_answer_before_the_task_waits_is_not_lost(play: Stage) -> None:
    """Airflow stores it, and resumes nobody."""
    run = gated(play).answer("gate_1", "Reject", early=True)
    assert run.go() == "failed"
    assert run.record["status"] == "CANCELLED"
    (response,) = outcome(run)["responses"]
    assert outcome(run)["closedAt"] - response["respondedAt"] < settling_seconds(0) + 1
    assert run.people.erased == []


def test_trap_41_an_answer_before_the_task_waits_survives_the_task(play: Stage) -> None:
    assert gated(play).answer("gate_1", "Approve", early=True).go() == "success"
    done = play.effects.seen["gate_1"]
    play.effects.kill_before("gate_1", len(done) + done.index("request to people") + 2)
    run = gated(play).answer("gate_1", "Approve", early=True, comment="the second run's")
    assert run.go() == "success"
    assert len(play.effects.died) == 1
    (response,) = outcome(run)["responses"]
    assert response["comment"] == "the second run's"
    assert run.people.erased == []


def test_trap_41_an_answer_is_read_as_soon_as_airflows_api_can_be_asked(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 500})
    outage = [AirflowRuntimeError(refused)] * 3

    def read(ti_id: str) -> Any:
        if outage:
            raise outage.pop()
        return play.read_request(ti_id)

    monkeypatch.setattr(hitl, "get_hitl_detail_content_detail", read)
    run = gated(play).answer("gate_1", "Approve", early=True)
    assert run.go() == "success"
    assert outage == []
    assert outcome(run)["outcome"] == "approve"


def test_trap_41_an_answer_in_time_counts_though_no_triggerer_was_alive_at_the_end_of_the_time(
    play: Stage,
) -> None:
    run = gated(play, on_timeout="reject").answer("gate_1", "Approve", early=True)

    def die_and_return() -> None:
        stored = run.triggerer.serialized["gate_1"]
        run.triggerer.cancel("gate_1")
        run.advance(3 * 3600)
        run.triggerer.start("gate_1", DrsGateTrigger(**stored))

    run.when("gate_1", "deferred", die_and_return)
    assert run.go() == "success"
    assert outcome(run)["outcome"] == "approve"


@pytest.mark.parametrize("others", ["Approve", "Reject", None])
def test_trap_41_the_event_of_another_gates_trigger_decides_nothing(play: Stage, others: str | None) -> None:
    """Seen on SQLite, which gives the id of a deleted trigger to the next one."""
    user = {"id": "dr-approver-1", "name": "dr-approver-1"} if others else None
    event = {
        "chosen_options": [others or "Reject"],
        "params_input": {},
        "responded_at": "2027-01-15T09:30:00+00:00",
        "responded_by_user": user,
        "timedout": user is None,
        "ti_id": str(uuid4()),
    }
    run = gated(play).answer("gate_1", "Skip wave")
    run.when("gate_1", "deferred", lambda: run._wake("gate_1", event))
    run.go()
    assert [row["decision"] for row in outcome(run)["responses"]] == ["Skip wave"]
    assert run.people.erased == []
    assert gate_states(run).count("deferred") == 2


def test_trap_41_the_second_answer_before_the_task_waits_again_is_not_lost(play: Stage) -> None:
    """The first one, which the trigger would read at once, is gone by then."""
    run = gated(play, two_people="always").answer("gate_1", "Approve", early=True)
    run.answer("gate_1", "Approve", user="dr-approver-2", early=True)
    assert run.go() == "success"
    assert [row["respondedBy"] for row in outcome(run)["responses"]] == ["dr-approver-1", "dr-approver-2"]
    assert gate_states(run).count("deferred") == 2


@pytest.mark.parametrize("began", [False, True])
def test_trap_41_an_answer_to_a_task_that_is_lost_while_it_waits_is_not_asked_for_again(
    play: Stage, began: bool
) -> None:
    run = gated(play)

    def answer_and_lose_the_task() -> None:
        # Seen in Airflow: answered in the moment of deferring, the task is taken for one that was killed.
        assert run.respond("gate_1", "Reject", comment="not today") == 200
        run.take_for_killed("gate_1", began=began)

    run.when("gate_1", "deferred", answer_and_lose_the_task)
    assert run.go() == "failed"
    assert run.record["status"] == "CANCELLED"
    (response,) = outcome(run)["responses"]
    assert response["comment"] == "not today"
    assert run.people.erased == []


def gate_states(run: PlanRun) -> list[str | None]:
    return [state for task, state in run.history if task == "gate_1"]


def test_trap_41_a_task_that_comes_back_is_not_resumed_before_its_process_is_gone(play: Stage) -> None:
    run = gated(play)
    came_back: list[float] = []

    def lose_it() -> None:
        assert run.respond("gate_1", "Approve") == 200
        run.take_for_killed("gate_1")
        run.when("gate_1", "deferred", lambda: came_back.append(play.now()))
        run.when("gate_1", "success", lambda: came_back.append(play.now()))

    run.when("gate_1", "deferred", lose_it)
    assert run.go() == "success"
    deferred, decided = came_back
    assert decided - deferred >= settling_seconds(1) > 3


def test_the_pause_grows_with_every_try_that_was_lost() -> None:
    pauses = [settling_seconds(lost) for lost in range(1, 100)]
    assert pauses == sorted(pauses)
    assert pauses[1] == 2 * pauses[0]
    assert pauses[-1] == MOST_SETTLING_SECONDS


def test_trap_41_a_task_that_is_lost_with_every_answer_loses_none(play: Stage) -> None:
    run = gated(play, two_people="always")
    people = iter(["dr-approver-1", "dr-approver-2"])

    def answer_and_lose_the_task() -> None:
        if user := next(people, None):
            assert run.respond("gate_1", "Approve", user=user) == 200
            run.take_for_killed("gate_1", began=True)
            # The trigger resumes the next try, which asks the next person.
            run.when("gate_1", "scheduled", lambda: run.when("gate_1", "deferred", answer_and_lose_the_task))

    run.when("gate_1", "deferred", answer_and_lose_the_task)
    assert run.go() == "success"
    assert [row["respondedBy"] for row in outcome(run)["responses"]] == ["dr-approver-1", "dr-approver-2"]


def test_trap_41_a_task_that_came_back_takes_an_answer_given_later(play: Stage) -> None:
    run = gated(play)
    run.when("gate_1", "deferred", lambda: run.take_for_killed("gate_1"))
    run.when("gate_1", "deferred", lambda: run.respond("gate_1", "Approve"))
    assert run.go() == "success"
    assert outcome(run)["outcome"] == "approve"


def test_trap_41_a_task_that_came_back_closes_its_request_when_the_time_is_over(play: Stage) -> None:
    run = gated(play, on_timeout="reject")
    run.step_seconds = 60
    run.when("gate_1", "deferred", lambda: run.take_for_killed("gate_1"))
    assert run.go() == "failed"
    assert outcome(run)["outcome"] == "reject by timeout"
    assert run.respond("gate_1", "Approve") == 409
    assert outcome(run)["closedAt"] - outcome(run)["openedAt"] == pytest.approx(1800, abs=61)


def test_a_task_that_died_before_anybody_was_asked_asks(play: Stage) -> None:
    run = gated(play).answer("gate_1", "Approve")

    def forget_the_request() -> None:
        run.people.requests.clear()
        run.take_for_killed("gate_1")

    run.when("gate_1", "deferred", forget_the_request)
    assert run.go() == "success"
    assert len(outcome(run)["responses"]) == 1


def test_an_answer_that_airflow_took_long_after_the_end_does_not_count(play: Stage) -> None:
    """Nobody closes the request while no triggerer is alive."""
    run = gated(play, on_timeout="reject")

    def answer_late() -> None:
        run.advance(1800 + 61)
        assert run.respond("gate_1", "Approve") == 200

    run.when("gate_1", "deferred", answer_late)
    assert run.go() == "failed"
    (response,) = outcome(run)["responses"]
    assert "time" in response["refused"]
    assert play.jobs() == []


def test_trap_41_after_its_timeout_a_gate_refuses_answers(play: Stage) -> None:
    run = gated(play, on_timeout="reject")
    opened = play.now()
    assert run.go() == "failed"
    assert run.respond("gate_1", "Approve") == 409
    assert run.record["status"] == "CANCELLED"
    assert "not answered within 30 minutes" in run.record["errorMessage"]
    assert outcome(run)["outcome"] == "reject by timeout"
    assert outcome(run)["closedAt"] - outcome(run)["openedAt"] == pytest.approx(1800, abs=1)
    assert play.now() - opened >= 1800
    assert play.jobs() == []


def test_a_drill_may_go_on_without_an_answer_if_the_plan_says_so(play: Stage) -> None:
    run = gated(play, on_timeout="approve")
    assert run.go() == "success"
    assert outcome(run)["outcome"] == "approve by timeout"
    assert run.record["status"] == "COMPLETED"


def test_two_different_people_must_approve(play: Stage) -> None:
    run = gated(play, two_people="always").answer("gate_1", "Approve").answer("gate_1", "Approve")
    run.answer("gate_1", "Approve", user="dr-approver-2")
    assert run.go() == "success"
    rows = outcome(run)["responses"]
    accepted = [row["respondedBy"] for row in rows if "refused" not in row]
    refused = [row["refused"] for row in rows if "refused" in row]
    assert accepted == ["dr-approver-1", "dr-approver-2"]
    assert refused == ["two different people must approve"]


def test_while_a_second_person_is_waited_for_everybody_can_read_what_was_answered(play: Stage) -> None:
    run = gated(play, two_people="always").answer("gate_1", "Approve")
    run.answer("gate_1", "Approve").answer("gate_1", "Approve", user="dr-approver-2")
    told: list[Any] = []
    run.when(
        "gate_1",
        "scheduled",
        lambda: run.when("gate_1", "deferred", lambda: told.append(run.xcom("gate_1", "gate_answers"))),
    )
    assert run.go() == "success"
    (first,) = told[0]["responses"]
    assert (first["respondedBy"], first["decision"]) == ("dr-approver-1", "Approve")
    everything = run.xcom("gate_1", "gate_answers")["responses"]
    assert [row.get("refused") for row in everything] == [None, None, "two different people must approve"]


def test_the_first_answer_survives_a_worker_that_dies_before_the_second(play: Stage) -> None:
    run = gated(play, two_people="always").answer("gate_1", "Approve")
    run.answer("gate_1", "Approve", user="dr-approver-2")

    def lose_the_worker() -> None:
        run.take_for_killed("gate_1")

    run.when(
        "gate_1",
        "scheduled",
        lambda: run.when("gate_1", "deferred", lose_the_worker),
    )
    assert run.go() == "success"
    assert [row["respondedBy"] for row in outcome(run)["responses"]] == ["dr-approver-1", "dr-approver-2"]


def test_one_of_two_people_can_reject(play: Stage) -> None:
    run = gated(play, two_people="always").answer("gate_1", "Approve")
    run.answer("gate_1", "Reject", user="dr-approver-2")
    assert run.go() == "failed"
    assert run.record["status"] == "CANCELLED"
    assert "dr-approver-2" in run.record["errorMessage"]


def test_the_timeout_counts_from_the_first_question(play: Stage) -> None:
    run = gated(play, two_people="always", on_timeout="reject").answer("gate_1", "Approve")
    assert run.go() == "failed"
    gate = outcome(run)
    assert gate["closedAt"] - gate["openedAt"] == pytest.approx(1800, abs=1)
    assert [row["respondedBy"] for row in gate["responses"]] == ["dr-approver-1"]


def test_conf_arms_gates(play: Stage) -> None:
    run = play.plan_run(plan(), {"pause_before": ["everything"]}).approve_everything()
    assert run.go() == "success"
    assert outcome(run)["armedBy"] == "conf"


def test_a_running_execution_is_paused_before_its_next_wave(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    run.when("wave_1_first.wait_for_recovery", "deferred", lambda: run.xcoms.set("prepare", "pause_2", True))
    assert run.go() == "success"
    assert run.wave("second")["gate"]["armedBy"] == "pause"
    assert run.wave("second")["gate"]["responses"][0]["decision"] == "Approve"
    assert "gate" not in run.wave("first")


def test_skip_gates_runs_a_drill_unattended(play: Stage) -> None:
    run = gated(play, {"skip_gates": True})
    assert run.go() == "success"
    assert "deferred" not in [state for task, state in run.history if task in ("gate_1", "hold_drill")]
    assert run.record["verdict"]["result"] == "not verified"
    assert run.record["status"] == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}


def test_a_recovery_asks_before_its_first_wave_somebody_else_than_its_initiator(play: Stage) -> None:
    made = plan(
        recovery={"initiators": ["dr-lead"], "approvers": ["dr-lead", "dr-approver-1"]},
    )
    run = play.plan_run(made, recovery_of(made), user="dr-lead")
    run.answer("gate_1", "Approve", user="dr-lead").answer("gate_1", "Approve")
    assert run.go() == "success"
    gate = outcome(run)
    assert gate["armedBy"] == "default"
    assert [row.get("refused") for row in gate["responses"]] == [
        None,
        "who started the execution cannot approve it",
    ]


def test_a_soft_failing_gate_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="fails softly"):
        PlanGateSensor(task_id="gate_1", wave_number=1, soft_fail=True)


class TestOtherAuthManagers:
    """FAB numbers its users, Keycloak has opaque ids: what plans name are logins."""

    @pytest.fixture(autouse=True, params=["fab", "opaque"])
    def auth_manager(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        manager = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
        monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", manager)
        ids = {"dr-lead": "1", "dr-approver-1": "2", "dr-approver-2": "3", "mallory": "4"}
        self.ids = ids if request.param == "fab" else {login: str(uuid4()) for login in ids}

    def gated(self, play: Stage, conf: dict[str, Any] | None = None, **gate: Any) -> PlanRun:
        run = gated(play, conf, **gate)
        run.people.ids = self.ids
        return run

    def test_the_approvers_of_the_plan_can_answer(self, play: Stage) -> None:
        run = self.gated(play).answer("gate_1", "Approve")
        asked: list[Any] = []
        run.when("gate_1", "deferred", lambda: asked.append(run.request("gate_1")))
        assert run.go() == "success"
        assert asked[0].approvers == [], "Airflow would compare its own ids with the plan's logins"
        (response,) = outcome(run)["responses"]
        assert response["respondedBy"] == "dr-approver-1"
        assert response["respondedById"] == self.ids["dr-approver-1"]

    @pytest.mark.parametrize("option", ["Approve", "Reject", "Skip wave"])
    def test_nobody_else_decides_whatever_the_option(self, play: Stage, option: str) -> None:
        run = self.gated(play).answer("gate_1", option, user="mallory").answer("gate_1", "Approve")
        assert run.go() == "success"
        accepted, refused = outcome(run)["responses"]
        assert accepted["respondedBy"] == "dr-approver-1"
        assert (refused["respondedBy"], refused["decision"]) == ("mallory", option)
        assert "none of the plan's approvers" in refused["refused"]

    def test_the_timeout_does_not_begin_anew_with_a_refused_answer(self, play: Stage) -> None:
        run = self.gated(play, on_timeout="reject")
        run.when(
            "gate_1",
            "deferred",
            lambda: (run.advance(1000), run.respond("gate_1", "Approve", user="mallory")),
        )
        assert run.go() == "failed"
        gate = outcome(run)
        assert gate["outcome"] == "reject by timeout"
        assert gate["closedAt"] - gate["openedAt"] == pytest.approx(1800, abs=1)

    def test_two_different_people_must_approve(self, play: Stage) -> None:
        run = self.gated(play, two_people="always").answer("gate_1", "Approve").answer("gate_1", "Approve")
        run.answer("gate_1", "Approve", user="dr-approver-2")
        assert run.go() == "success"
        assert [row.get("refused") for row in outcome(run)["responses"]] == [
            None,
            None,
            "two different people must approve",
        ]

    def test_the_initiator_of_a_recovery_cannot_approve_it(self, play: Stage) -> None:
        made = plan(recovery={"initiators": ["dr-lead"], "approvers": ["dr-lead", "dr-approver-1"]})
        run = play.plan_run(made, recovery_of(made), user="dr-lead")
        run.people.ids = self.ids
        run.answer("gate_1", "Approve", user="dr-lead").answer("gate_1", "Approve")
        assert run.go() == "success"
        assert [row.get("refused") for row in outcome(run)["responses"]] == [
            None,
            "who started the execution cannot approve it",
        ]
