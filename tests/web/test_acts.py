"""What people do on the page: Airflow does it as them, or says who may and who was faster."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from drs_provider import keys
from tests.web.world import World

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

EXECUTIONS = "/drs/api/executions/erp_three_tier"


def act(airflow: World, user: str, run_id: str, name: str, **fields: object):
    return airflow.ask(user, f"{EXECUTIONS}/{run_id}/acts/{name}", "POST", fields)


def acts_of(airflow: World, user: str, run_id: str) -> dict[str, dict]:
    return {each["name"]: each for each in airflow.ask(user, f"{EXECUTIONS}/{run_id}").json()["acts"]}


def stored(run_id: str, task_id: str, key: str):
    """An XCom as it stands in Airflow's database."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        where = (XComModel.run_id == run_id, XComModel.task_id == task_id, XComModel.key == key)
        return session.scalar(select(XComModel.value).where(*where))


@pytest.fixture
def run(airflow, gated, request):
    """A drill of its own that waits at the gate before its second wave."""
    run_id = request.node.name
    airflow.store_run(gated, run_id)
    return run_id


def test_each_act_says_what_will_happen_and_what_it_does_not_stop(airflow, run):
    found = acts_of(airflow, "dr-approver-1", run)
    assert {name for name, each in found.items() if each["allowed"]} == {
        "answer_gate",
        "skip_wave",
        "pause_before",
        "cancel",
    }
    for each in found.values():
        assert each["allowed"] is not bool(each["why"])
        if each["allowed"]:
            assert each["confirmation"]
            assert each["doesNotStop"]
    assert "wave 2 application starts" in found["answer_gate"]["confirmation"]
    assert "DRS cannot cancel them" in found["cancel"]["doesNotStop"]


def test_who_is_no_approver_is_told_who_may(airflow, run):
    assert acts_of(airflow, "otto", run)["answer_gate"]["why"] == "who may: dr-approver-1"
    refused = act(airflow, "otto", run, "answer_gate", answer="Approve")
    assert (refused.status_code, refused.json()) == (
        403,
        {
            "error": "you may not answer gate before wave 2 application",
            "remedy": "who may: dr-approver-1",
        },
    )


def test_an_answer_is_the_user_s_and_who_comes_second_is_told_who_was_faster(airflow, run, monkeypatch):
    monkeypatch.setattr("drs_provider.web.acting._PATIENCE_SECONDS", 0.1)
    first = act(
        airflow, "dr-approver-1", run, "answer_gate", answer="Approve", comment="Checked.", ticket="CHG-7"
    )
    # Airflow has it; nothing goes on with the run here, and that is said.
    assert first.status_code == 200
    assert "has the answer of dr-approver-1" in first.json()["done"]
    gate = f"/api/v2/dags/drs_erp_three_tier/dagRuns/{run}/taskInstances/gate_2/-1/hitlDetails"
    kept = airflow.ask("vera", gate).json()
    assert kept["responded_by_user"]["name"] == "dr-approver-1"
    assert (kept["chosen_options"], kept["params_input"]) == (
        ["Approve"],
        {"comment": "Checked.", "ticket": "CHG-7"},
    )
    second = act(airflow, "dr-approver-1", run, "answer_gate", answer="Reject")
    assert second.status_code == 409
    assert "answered already" in second.json()["error"]


def test_a_pause_is_written_and_taken_back(airflow, run):
    done = act(airflow, "otto", run, "pause_before", wave="web")
    assert (done.status_code, stored(run, keys.PREPARE, keys.pause_key(3))) == (200, True)
    assert "will wait for an approval before wave 3 web" in done.json()["done"]
    assert act(airflow, "otto", run, "pause_before", wave="web", undo=True).status_code == 200
    assert stored(run, keys.PREPARE, keys.pause_key(3)) is False
    late = act(airflow, "otto", run, "pause_before", wave="database")
    assert late.status_code == 409
    assert "it is past that gate" in late.json()["error"]
    assert act(airflow, "otto", run, "pause_before", wave="mail").status_code == 404


def test_a_cancelled_run_is_stopped_with_the_reason_as_its_note(airflow, run):
    done = act(airflow, "otto", run, "cancel", reason="wrong plan")
    assert "its cleanup terminates what it launched" in done.json()["done"]
    path = f"/api/v2/dags/drs_erp_three_tier/dagRuns/{run}"
    assert airflow.ask("vera", path).json()["note"] == "wrong plan"
    # The run goes on until its cleanup and its end have run.
    assert airflow.ask("vera", f"{path}/taskInstances/gate_2").json()["state"] == "failed"
    told = airflow.ask("vera", f"{EXECUTIONS}/{run}").json()
    assert (told["status"], told["ended"], told["waitsFor"]) == ("CANCELLING", False, None)


def test_a_drill_that_ended_well_is_neither_retried_nor_cleaned_up(airflow):
    for name in ("retry", "clean_up", "cancel"):
        assert act(airflow, "otto", "ended", name).status_code == 409
        assert not acts_of(airflow, "otto", "ended")[name]["allowed"]


def test_what_failed_is_retried(airflow, failed):
    offered = acts_of(airflow, "otto", failed)["retry"]
    assert offered["allowed"]
    assert "wave 1 database" in offered["confirmation"]
    done = act(airflow, "otto", failed, "retry")
    assert done.status_code == 200
    tasks = airflow.ask("vera", f"/api/v2/dags/drs_erp_three_tier/dagRuns/{failed}/taskInstances").json()[
        "task_instances"
    ]
    states = {task["task_id"]: task["state"] for task in tasks}
    assert states[keys.PREPARE] == "success"
    assert {states[keys.wave_task_id(1, "database", task)] for task in keys.WAVE_TASKS} == {None}


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("answer_gate", {}, "answer"),
        ("answer_gate", {"answer": "Perhaps"}, "answer"),
        ("answer_gate", {"answer": ["Approve"]}, "answer"),
        ("answer_gate", {"answer": "Approve", "comment": "x" * 9000}, "comment"),
        ("pause_before", {}, "wave"),
    ],
)
def test_a_form_that_is_not_filled_in_names_the_field(airflow, name, fields, field):
    refused = act(airflow, "dr-approver-1", "gated", name, **fields)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_a_verdict_is_one_of_two(airflow):
    assert act(airflow, "otto", "held", "drill_result", result="fine").json()["field"] == "result"
    assert act(airflow, "otto", "gated", "drill_result", result="passed").status_code == 409


def test_a_hold_is_extended_as_far_as_the_drill_may_last(airflow, moments):
    airflow.store_run(moments["held"], "longer")
    offered = acts_of(airflow, "otto", "longer")["extend_hold"]
    assert (offered["allowed"], "maximum age" in offered["doesNotStop"]) == (True, True)
    before = airflow.ask("vera", f"{EXECUTIONS}/longer").json()["waitsFor"]["deadline"]
    assert act(airflow, "otto", "longer", "extend_hold", minutes=30).status_code == 200
    assert stored("longer", keys.PREPARE, keys.HOLD_UNTIL) == pytest.approx(before + 1800)
    assert airflow.ask("vera", f"{EXECUTIONS}/longer").json()["waitsFor"]["deadline"] == pytest.approx(
        before + 1800
    )
    for minutes in (0, -5, 100_000):
        assert act(airflow, "otto", "longer", "extend_hold", minutes=minutes).status_code == 422
    for minutes in ("30", None, True):
        assert act(airflow, "otto", "longer", "extend_hold", minutes=minutes).json()["field"] == "minutes"


def test_there_are_no_other_acts(airflow):
    assert act(airflow, "otto", "gated", "delete").status_code == 404


def test_a_body_that_is_no_object_is_refused(airflow):
    assert airflow.ask("otto", f"{EXECUTIONS}/gated/acts/cancel", "POST", ["x"]).status_code == 422


class TestStart:
    PATH = "/drs/api/plans/wiki/acts/start"

    def start(self, airflow, user, **fields):
        return airflow.ask(user, self.PATH, "POST", fields)

    def test_a_drill_is_started_as_the_user(self, airflow):
        done = self.start(airflow, "otto", execution_type="DRILL", waves=["everything"], ticket=" CHG-9 ")
        assert done.status_code == 200, done.text
        run = airflow.ask("vera", f"/api/v2/dags/drs_wiki/dagRuns/{done.json()['runId']}").json()
        assert run["triggering_user_name"] == "otto"
        assert run["conf"] == {"execution_type": "DRILL", "waves": ["everything"], "ticket": "CHG-9"}

    def test_a_recovery_needs_the_plan_s_name(self, airflow):
        for typed in (None, "", "wikis"):
            refused = self.start(airflow, "otto", execution_type="RECOVERY", confirm_plan=typed)
            assert refused.status_code == 422
            assert "is not the plan's name" in refused.json()["error"]

    def test_what_the_form_does_not_take_is_refused_by_airflow(self, airflow):
        assert self.start(airflow, "otto", execution_type="TEST").status_code == 422
        assert self.start(airflow, "otto", waves=["mail"]).status_code == 422
        assert self.start(airflow, "otto", snapshots="{").status_code == 422

    def test_a_paused_plan_is_told(self, airflow):
        airflow.pause("drs_wiki")
        try:
            offered = airflow.ask("otto", "/drs/api/plans/wiki").json()["acts"][0]
            assert "paused" in offered["why"]
            refused = self.start(airflow, "otto")
            assert (refused.status_code, "is paused" in refused.json()["error"]) == (409, True)
        finally:
            airflow.pause("drs_wiki", paused=False)
