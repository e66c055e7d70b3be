"""What the page's routes tell of executions and plans, read from Airflow's own API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, event, inspect

from drs_provider import keys
from drs_provider.web import servers_view, timeline_view
from drs_provider.web.timeline_view import Span
from tests.web.conftest import HOSTILE
from tests.web.roles import SHORT_SIGHTED
from tests.web.world import BASE_PATH

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

EXECUTIONS = "/drs/api/executions/erp_three_tier"


@pytest.fixture
def asked(monkeypatch):
    """Paths of what the page asks of Airflow."""
    from drs_provider.web.caller import InProcess

    found: list[str] = []
    send = InProcess.handle_request

    def note(self, request):
        found.append(request.url.path)
        return send(self, request)

    monkeypatch.setattr(InProcess, "handle_request", note)
    return found


def test_an_execution_that_waits_tells_on_whom_and_what_the_timeout_does(airflow):
    told = airflow.ask("vera", f"{EXECUTIONS}/gated").json()
    assert (told["executionType"], told["status"], told["attempt"]) == ("DRILL", "PAUSED", 1)
    waits = told["waitsFor"]
    assert (waits["what"], waits["who"], waits["act"]) == (
        "gate before wave 2 application",
        "dr-approver-1",
        "answer_gate",
    )
    assert waits["deadline"] == pytest.approx(waits["since"] + 3600)
    assert "CANCELLED" in waits["onTimeout"]
    assert told["command"] == "airflow drs approve erp_three_tier/gated --wave application"
    assert told["link"] == f"{BASE_PATH}/dags/drs_erp_three_tier/runs/gated"
    assert [job["wave"] for job in told["jobs"]] == [1]
    assert told["logs"][0] == {
        "taskId": "gate_2",
        "link": f"{BASE_PATH}/dags/drs_erp_three_tier/runs/gated/tasks/gate_2",
    }


def test_a_scheduler_that_is_silent_is_a_problem(airflow):
    """No scheduler runs beside the tests' API server."""
    problems = airflow.ask("vera", f"{EXECUTIONS}/gated").json()["problems"]
    assert problems[0]["what"] == "Airflow's scheduler is not healthy"


def test_a_held_drill_waits_for_its_verdict(airflow):
    told = airflow.ask("vera", f"{EXECUTIONS}/held").json()
    assert (told["waitsFor"]["act"], told["command"].split()[2]) == ("drill_result", "verdict")


def test_an_ended_execution_is_told_by_its_record(airflow):
    told = airflow.ask("vera", f"{EXECUTIONS}/ended").json()
    assert (told["status"], told["ended"], told["verdict"], told["ticket"]) == (
        "COMPLETED",
        True,
        "passed",
        "CHG-7",
    )
    assert told["report"]["link"].endswith("report-1.json")
    assert told["waitsFor"] is None
    assert told["problems"] == []


def test_what_failed_is_told_with_aws_s_cause_and_what_to_do(airflow, failed):
    problems = airflow.ask("vera", f"{EXECUTIONS}/{failed}").json()["problems"]
    assert any(
        "erp-db-1" in each["cause"] and "Conversion server terminated" in each["cause"] for each in problems
    )
    assert all(each["cause"] and each["next"] for each in problems)
    assert {each.get("act") for each in problems} >= {"retry"}


def test_servers_are_searched_filtered_sorted_and_paged(airflow):
    def ask(query: str = "") -> dict:
        return airflow.ask("vera", f"{EXECUTIONS}/gated/servers{query}").json()

    everything = ask()
    assert everything["total"] == 8
    assert everything["states"] == {"LAUNCHED": 2, "PENDING": 6}
    first = everything["servers"][0]
    assert (first["name"], first["wave"], first["state"]) == ("erp-db-1", 1, "LAUNCHED")
    assert {"instanceId", "instanceType", "privateIp", "launchTime"} <= first.keys()
    assert [row["name"] for row in ask("?wave=1&sort=-name")["servers"]] == ["erp-db-2", "erp-db-1"]
    assert ask("?search=WEB-2")["total"] == 1
    assert ask("?state=PENDING&limit=2&offset=4")["total"] == 6
    assert [row["name"] for row in ask("?state=PENDING&limit=2&offset=4&sort=name")["servers"]] == [
        "erp-web-2",
        "erp-web-3",
    ]
    assert airflow.ask("vera", f"{EXECUTIONS}/gated/servers?limit=0").status_code == 422


def test_rows_without_a_value_come_last_whatever_the_order():
    rows = [{"wave": 1, "state": "A", "error": error} for error in ("b", None, "a")]
    for sort, expected in (("error", ["a", "b", None]), ("-error", ["b", "a", None])):
        page = servers_view.page(rows, servers_view.Wanted(0, 10, sort=sort))
        assert [row["error"] for row in page["servers"]] == expected


def test_the_timeline_has_one_clock_and_says_so(airflow):
    told = airflow.ask("vera", f"{EXECUTIONS}/held/timeline").json()
    assert told["clock"] == "AIRFLOW"
    # The stage's AWS is ahead of Airflow's database: phases are drawn within their wave.
    assert "in proportion" in told["clockNote"]
    kinds = [row["kind"] for row in told["rows"]]
    assert (kinds[0], kinds[-1]) == ("prepare", "hold")
    for wave in (1, 2, 3):
        own = next(row for row in told["rows"] if row["kind"] == "wave" and row["wave"] == wave)
        phases = [row for row in told["rows"] if row["kind"] == "phase" and row["wave"] == wave]
        assert [row["label"].rpartition(": ")[2] for row in phases] == ["snapshot", "conversion", "launch"]
        assert all(own["start"] <= row["start"] <= row["end"] <= own["end"] for row in phases)
        assert own["critical"]
    assert told["rows"][-1]["end"] is None


@pytest.mark.parametrize(("apart", "noted"), [(0.0, False), (90.0, False), (300.0, True), (-300.0, True)])
def test_phases_outside_of_their_wave_are_of_another_clock(apart, noted):
    rows = [{"phases": [{"name": "launch", "start": 100.0 + apart, "end": 200.0 + apart}]}]
    assert timeline_view.is_apart(Span(100.0, 200.0), rows, now=1000.0) is noted


@pytest.mark.parametrize(
    ("spans", "critical"),
    [
        ({1: (0, 10), 2: (10, 20), 3: (10, 40), 4: (40, 50)}, {1, 3, 4}),
        ({1: (0, 10), 2: (10, None)}, {1, 2}),
        ({}, set()),
    ],
)
def test_the_critical_path_goes_back_over_what_was_waited_for_longest(spans, critical):
    depends_on = {2: [1], 3: [1], 4: [2, 3]}
    found = {number: Span(*span) for number, span in spans.items()}
    assert timeline_view.critical_waves(found, depends_on, now=30.0) == critical


def test_a_plan_has_its_waves_its_form_and_what_runs(airflow):
    plan = airflow.ask("otto", "/drs/api/plans/erp_three_tier").json()
    assert (plan["title"], plan["criticality"], plan["drillEveryDays"], plan["description"]) == (
        "ERP, three tiers in one account",
        1,
        90,
        "order entry",
    )
    assert [(wave["name"], wave["servers"], wave["gate"], wave["dependsOn"]) for wave in plan["waves"]] == [
        ("database", 2, False, []),
        ("application", None, True, [1]),
        ("web", None, False, [2]),
    ]
    running = {each["runId"]: each["status"] for each in plan["running"]}
    assert (running["gated"], running["held"]) == ("PAUSED", "PAUSED")
    assert "ended" not in running
    fields = {field["name"]: field for field in plan["form"]}
    assert fields["execution_type"]["choices"] == ["DRILL", "RECOVERY"]
    assert (fields["waves"]["type"], fields["waves"]["choices"]) == (
        "list",
        ["database", "application", "web"],
    )
    assert (fields["incident_time"]["type"], fields["dry_run"]["type"]) == ("datetime", "boolean")
    assert plan["estimate"]["drill"]["seconds"] > 0
    assert "A RECOVERY is for dr-lead only" in plan["acts"][0]["confirmation"]


def test_what_if_a_wave_took_longer(airflow):
    path = "/drs/api/plans/erp_three_tier/estimate?executionType=DRILL"
    usual = airflow.ask("vera", path).json()
    slower = airflow.ask("vera", f"{path}&factor.2=2").json()
    assert slower["seconds"] > usual["seconds"]
    for wrong in ("factor.2=nan", "factor.2=-1", "factor.x=2", "factor.2=inf", "factor.2=two"):
        assert airflow.ask("vera", f"{path}&{wrong}").status_code == 422
    assert airflow.ask("vera", "/drs/api/plans/wiki_with_steps/estimate").status_code == 404


def test_executions_of_a_plan_are_paged_the_newest_first(airflow):
    page = airflow.ask("vera", "/drs/api/plans/erp_three_tier/executions?limit=50").json()
    ended = next(each for each in page["executions"] if each["runId"] == "ended")
    assert (ended["status"], ended["verdict"]) == ("COMPLETED", "passed")
    assert ended["rtaSeconds"] > 0
    assert page["total"] == len(page["executions"])
    assert (
        len(airflow.ask("vera", "/drs/api/plans/erp_three_tier/executions?limit=1").json()["executions"]) == 1
    )


def test_the_list_of_plans_is_searched_sorted_and_paged(airflow):
    def names(query: str) -> list[str]:
        return [plan["planId"] for plan in airflow.ask("vera", f"/drs/api/plans{query}").json()["plans"]]

    assert names("") == ["erp_three_tier", "wiki", "wiki_with_steps"]
    assert names("?sort=-planId") == ["wiki_with_steps", "wiki", "erp_three_tier"]
    assert names("?sort=planId&offset=1&limit=1") == ["wiki"]
    assert names("?search=CHECKS") == ["wiki_with_steps"]
    assert names("?state=FAILED_OVER") == []


def test_texts_of_people_come_as_json_only_and_the_page_has_none_of_them(airflow):
    answer = airflow.ask("vera", f"{EXECUTIONS}/gated")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.text)["reason"] == HOSTILE
    servers = airflow.ask("vera", f"{EXECUTIONS}/hostile/servers")
    assert servers.headers["content-type"] == "application/json"
    assert servers.json()["servers"][0]["name"] == HOSTILE
    pages = {
        airflow.ask("vera", path).text
        for path in (
            "/drs/",
            "/drs/executions/erp_three_tier/gated",
            f"/drs/plans/{HOSTILE.replace('/', '')}?x={HOSTILE}",
        )
    }
    assert len(pages) == 1, "the page is the same for everybody and everything"
    assert "alert(1)" not in pages.pop()
    refused = airflow.ask("vera", "/drs/api/executions/erp_three_tier/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert (refused.status_code, refused.headers["content-type"]) == (404, "application/json")


def test_what_airflow_refuses_the_caller_is_refused_although_others_have_looked(airflow):
    for path in ("", "/servers", "/timeline"):
        assert airflow.ask("vera", f"{EXECUTIONS}/gated{path}").status_code == 200
        assert airflow.ask(SHORT_SIGHTED, f"{EXECUTIONS}/gated{path}").status_code == 403


def test_what_whoever_may_edit_the_run_wrote_breaks_no_list_of_servers(airflow, gated):
    result = keys.wave_task_id(1, "database", keys.ENRICH), keys.WAVE_RESULT
    for number, rows in enumerate(("x", [1, {"sourceServerId": "s-1"}, {}], {"a": 1}, None)):
        airflow.store_run(gated.told({result: {"serverStatuses": rows}}), f"garbage-{number}")
        for path in ("", "/servers", "/timeline"):
            assert airflow.ask("vera", f"{EXECUTIONS}/garbage-{number}{path}").status_code == 200


def test_a_failure_of_the_page_s_own_is_told_without_its_inside(airflow, monkeypatch):
    def fail(*_arguments):
        raise KeyError("inside")

    monkeypatch.setattr("drs_provider.web.execution_view.read", fail)
    told = airflow.ask("vera", f"{EXECUTIONS}/gated")
    assert told.status_code == 500
    assert "API server's log" in told.json()["remedy"]
    assert "inside" not in told.text


def test_a_run_of_another_dag_is_no_execution(airflow):
    """Airflow shows the tab on the runs of every DAG."""
    airflow.start_other_dag("other_dag", "r1")
    told = airflow.ask("vera", "/drs/api/executions/dag%3Aother_dag/r1")
    assert (told.status_code, "is no recovery plan" in told.json()["error"]) == (404, True)
    done = airflow.ask("otto", "/drs/api/executions/dag%3Aother_dag/r1/acts/cancel", "POST", {})
    assert done.status_code == 404
    assert airflow.ask("vera", "/api/v2/dags/other_dag/dagRuns/r1").json()["state"] == "queued"


def test_people_in_one_room_share_a_look_and_see_what_one_of_them_does_at_once(airflow, gated, asked):
    airflow.store_run(gated, "shared")
    airflow.ask("vera", f"{EXECUTIONS}/shared")
    first = len(asked)
    for user in ("vera", "otto", "dr-approver-1"):
        for path in ("", "/servers", "/timeline"):
            airflow.ask(user, f"{EXECUTIONS}/shared{path}")
    assert not [path for path in asked[first:] if path.endswith("/taskInstances")]
    airflow.ask("otto", f"{EXECUTIONS}/shared/acts/cancel", "POST", {})
    assert airflow.ask("vera", f"{EXECUTIONS}/shared").json()["status"] == "CANCELLING"


def test_a_refresh_asks_airflow_only_for_what_may_have_changed(airflow, asked, monkeypatch):
    monkeypatch.setattr("drs_provider.web.looks.SHARED_SECONDS", -1.0)
    airflow.ask("vera", f"{EXECUTIONS}/held")
    before = len(asked)
    airflow.ask("vera", f"{EXECUTIONS}/held")
    again = asked[before:]
    assert not [path for path in again if "frozen_wave" in path or "wave_result" in path]
    assert len(again) <= 12, again


def test_the_list_of_plans_takes_as_many_queries_for_hundreds_as_for_few(airflow):
    def queries() -> tuple[int, int]:
        with counted() as statements:
            listed = airflow.ask("vera", "/drs/api/plans?limit=1000").json()
        return len(statements), len(listed["plans"])

    few, before = queries()
    with many_dags("drs_erp_three_tier", 300):
        many, after = queries()
    assert (after - before, many) == (300, few)


@contextmanager
def counted() -> Iterator[list[str]]:
    from airflow import settings

    statements: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        statements.append(statement)

    event.listen(settings.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(settings.engine, "before_cursor_execute", note)


@contextmanager
def many_dags(like: str, count: int) -> Iterator[None]:
    """Copies of a DAG's row, with tags, and a run each that is over and one that is not."""
    from airflow.models import DagModel
    from airflow.models.dag import DagTag
    from airflow.utils.session import create_session

    ids = [f"drs_copy_{number}" for number in range(count)]
    with create_session() as session:
        row = session.get(DagModel, like)
        columns = [column.key for column in inspect(DagModel).column_attrs if column.key != "dag_id"]
        values = {name: getattr(row, name) for name in columns}
        session.add_all([DagModel(dag_id=each, **values) for each in ids])
        session.flush()
        session.add_all([DagTag(dag_id=each, name="criticality:3") for each in ids])
    yield
    with create_session() as session:
        session.execute(delete(DagTag).where(DagTag.dag_id.in_(ids)))
        session.execute(delete(DagModel).where(DagModel.dag_id.in_(ids)))
