"""Airflow's semi-private APIs do what our adapters over them need; each runs through Airflow's own task runner."""

from __future__ import annotations

import dataclasses
import inspect
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow._shared.module_loading import import_string
from airflow.jobs import triggerer_job_runner
from airflow.models.hitl import HITLDetail
from airflow.models.trigger import handle_event_submit
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from airflow.sdk import DAG, BaseNotifier, BaseOperator, get_parsing_context
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from airflow.sdk.execution_time import comms
from airflow.sdk.execution_time import supervisor as supervisor_module
from airflow.triggers.base import TriggerEvent

from drs_provider.airflow_api import hitl as adapter
from drs_provider.airflow_api import needed
from drs_provider.airflow_api.run import RunFacts, RunView, publish_xcom
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.exceptions import DrsError, DrsFailError
from drs_provider.hooks.aws.target_hook import TargetHook
from drs_provider.triggers.gate import DrsGateTrigger
from tests.contract.task_process import Probe, SensorProbe, dag_run, run, run_probe

pytestmark = pytest.mark.contract

#: What the API server's modules import warns.
SERVER_MODULES = pytest.mark.filterwarnings("ignore:Using `httpx`")


# What we call, with the arguments that we give


@pytest.mark.parametrize("need", needed.NEEDS, ids=lambda need: need.path)
def test_what_we_call_is_there_and_takes_our_arguments(need):
    assert need.problem() is None, f"without it: {need.lost}"


@pytest.mark.parametrize(
    ("function", "positional", "named"),
    [
        (BaseOperator.defer, 1, {"trigger", "method_name", "kwargs", "timeout"}),
        (BaseOperator.as_teardown, 1, {"on_failure_fail_dagrun"}),
        (BaseNotifier.__call__, 2, set()),
        (AwsConnectionWrapper.get_service_endpoint_url, 2, {"sts_connection_assume"}),
        (AwsBaseHook.aget_connection, 1, set()),
    ],
    ids=lambda value: getattr(value, "__qualname__", None),
)
def test_a_call_of_ours_fits_its_signature(function, positional, named):
    inspect.signature(function).bind(*[None] * positional, **dict.fromkeys(named))


@pytest.mark.parametrize("member", ["conn_config", "get_session", "_get_config", "config", "verify"])
def test_the_base_hook_has_the_members_that_ours_builds_on(member):
    assert hasattr(AwsBaseHook, member)


@pytest.mark.parametrize("member", ["_region_name", "_verify", "_config", "aws_conn_id"])
def test_the_base_hook_keeps_what_ours_reads(member):
    assert hasattr(TargetHook(aws_conn_id="aws_dr", region_name="eu-west-1"), member)


@pytest.mark.parametrize(
    "member", ["botocore_config", "role_arn", "assume_role_method", "assume_role_kwargs"]
)
def test_the_connection_wrapper_has_what_our_hook_changes(member):
    assert member in {field.name for field in dataclasses.fields(AwsConnectionWrapper)}


# Human in the loop


WAITING = {"ti_id": "some-task", "deadline": 1800003600.25, "not_before": 1800000008.5, "closing": "Reject"}


def ask(context):
    adapter.open_detail(
        context["ti"].id,
        subject="start wave 2?",
        body="facts",
        options=("Approve", "Reject"),
        closing="Reject",
        fields={"comment": adapter.text_field("Comment")},
        approvers=("dr-approver-1",),
    )
    context["task"].defer(trigger=DrsGateTrigger(**WAITING), method_name="resumed", kwargs={"attempt": 2})


@pytest.mark.parametrize("make", [Probe, SensorProbe])
def test_a_gate_opens_its_request_then_defers(supervisor, make):
    ended = run_probe(ask, make=make)
    assert ended.state == "deferred"
    assert isinstance(ended.message, comms.DeferTask)
    assert (ended.message.classpath, ended.message.trigger_kwargs) == DrsGateTrigger(**WAITING).serialize()
    assert (ended.message.next_method, ended.message.trigger_timeout) == ("resumed", None)
    (request,) = supervisor.messages(comms.CreateHITLDetailPayload)
    assert (request.ti_id, request.options, request.subject) == (
        ended.ti_id,
        ["Approve", "Reject"],
        "start wave 2?",
    )
    assert [user.id for user in request.assigned_users] == ["dr-approver-1"]
    assert request.defaults == ["Reject"], "a gate that nobody answers in time must not let the wave start"
    assert ended.message.next_kwargs == {"attempt": 2}
    assert supervisor.sent.index(request) < supervisor.sent.index(ended.message)


def test_no_handler_of_ours_can_swallow_the_signal_to_defer():
    assert not issubclass(TaskDeferred, Exception)


def resume_from(payload):
    """What the scheduler stores for a waiting task whose event has come."""
    ti = SimpleNamespace(next_kwargs={}, next_method="resumed", state=None, trigger_id=None)
    ti.rendered_map_index = ti.scheduled_dttm = None
    handle_event_submit(TriggerEvent(payload), task_instance=ti, session=SimpleNamespace(flush=lambda: None))
    return {"next_method": ti.next_method, "next_kwargs": ti.next_kwargs}


def answered_detail():
    return HITLDetail(
        chosen_options=["Approve"],
        params_input={"comment": "looks well"},
        responded_by={"id": "7", "name": "dr-approver-1"},
        responded_at=datetime(2027, 1, 15, 9, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize("make", [Probe, SensorProbe])
def test_an_answer_reaches_the_gate_with_who_gave_it_and_when(supervisor, make):
    seen = []
    event = answered_detail().as_resume_event_payload()
    run_probe(lambda context, event: seen.append(adapter.read_answer(event)), make=make, **resume_from(event))
    (answer,) = seen
    assert answer == adapter.Answer(
        option="Approve",
        user_id="7",
        login="dr-approver-1",
        responded_at=datetime(2027, 1, 15, 9, 30, tzinfo=UTC).timestamp(),
        inputs={"comment": "looks well"},
    )
    assert not adapter.timed_out(event)


def test_an_answer_that_airflow_gave_itself_is_nobodys():
    detail = answered_detail()
    detail.responded_by = None
    assert adapter.timed_out(detail.as_resume_event_payload(timedout=True))
    with pytest.raises(ValueError, match="not an answer by a person"):
        adapter.read_answer(detail.as_resume_event_payload(timedout=True))


@pytest.mark.parametrize("make", [Probe, SensorProbe])
def test_a_timeout_reaches_the_gates_own_method(supervisor, make):
    """A sensor must not turn it into a failure of its own."""
    event = {"chosen_options": ["Reject"], "responded_by_user": None, "timedout": True}
    seen = []
    ended = run_probe(
        lambda context, event: seen.append(adapter.timed_out(event)), make=make, **resume_from(event)
    )
    assert (seen, ended.state) == ([True], "success")


@SERVER_MODULES
def test_airflow_resumes_a_deferred_task_in_the_moment_of_the_answer():
    """Otherwise an answer would wait for the trigger's next look, and for a triggerer."""
    from airflow.api_fastapi.core_api.routes.public import hitl as answers

    handler = inspect.getsource(answers.update_hitl_detail)
    stored, _, resumed = handler.partition("session.add(hitl_detail_model)")
    assert "409_CONFLICT" in stored
    assert "TaskInstanceState.DEFERRED" in resumed
    assert "handle_event_submit" in resumed


@SERVER_MODULES
def test_airflow_lists_the_requests_of_deferred_tasks_as_required_actions():
    from airflow.api_fastapi.common import parameters

    assert "TaskInstanceState.DEFERRED" in inspect.getsource(parameters._PendingActionsFilter)


def test_only_the_triggerer_reads_and_closes_requests():
    """A worker cannot: its supervisor does not handle these messages."""
    assert "HITLDetailResponse)" not in inspect.getsource(supervisor_module)
    assert "UpdateHITLDetail" not in inspect.getsource(supervisor_module)
    handled = inspect.getsource(triggerer_job_runner)
    assert "isinstance(msg, GetHITLDetailResponse)" in handled
    assert "isinstance(msg, UpdateHITLDetail)" in handled


@pytest.mark.parametrize("user", [None, SimpleNamespace(id="7", name="dr-approver-1")])
def test_the_triggerer_hands_over_what_airflow_itself_would(monkeypatch, user):
    detail = answered_detail()
    detail.responded_by = None if user is None else {"id": user.id, "name": user.name}
    read = SimpleNamespace(
        response_received=True,
        chosen_options=detail.chosen_options,
        params_input=detail.params_input,
        responded_at=detail.responded_at,
        responded_by_user=user,
    )
    monkeypatch.setattr(adapter, "get_hitl_detail_content_detail", lambda ti_id: read)
    event = adapter.read_response("some-task")
    assert json.loads(json.dumps(event)) == event
    airflows = detail.as_resume_event_payload(timedout=user is None)
    assert adapter.timed_out(event) == adapter.timed_out(airflows)
    if user:
        assert adapter.read_answer(event) == adapter.read_answer(airflows)


@pytest.mark.parametrize(
    "manager",
    [
        "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "airflow.providers.keycloak.auth_manager.keycloak_auth_manager.KeycloakAuthManager",
    ],
)
def test_airflow_is_not_given_logins_where_it_knows_people_by_other_ids(supervisor, monkeypatch, manager):
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", manager)
    run_probe(ask)
    (request,) = supervisor.messages(comms.CreateHITLDetailPayload)
    assert request.assigned_users == []


def test_the_simple_auth_managers_ids_are_logins():
    user = import_string(
        adapter.SIMPLE_AUTH_MANAGER.rpartition(".")[0].rpartition(".")[0] + ".user.SimpleAuthManagerUser"
    )
    person = user(username="dr-lead", role=None)
    assert (person.get_id(), person.get_name()) == ("dr-lead", "dr-lead")


def test_fabs_names_are_logins():
    """Airflow records this name with an answer, and for who triggers a run."""
    models = pytest.importorskip("airflow.providers.fab.auth_manager.models")
    person = models.User(id=7, username="dr-lead", email="dr@example.com", first_name="D", last_name="R")
    assert (person.get_id(), person.get_name()) == ("7", "dr-lead")


@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")  # of Airflow's own imports
def test_airflow_tells_the_name_that_plans_name_people_by():
    """`drs whoami` asks a route of the UI: the name is what the auth manager calls its user, as in a run's record."""
    from airflow.api_fastapi.core_api.datamodels.ui.auth import AuthenticatedMeResponse
    from airflow.api_fastapi.core_api.routes.ui.auth import auth_router, get_current_user_info

    assert ("/auth/me", {"GET"}) in [(route.path, route.methods) for route in auth_router.routes]
    user = SimpleNamespace(get_id=lambda: "17", get_name=lambda: "dr-lead")
    assert get_current_user_info(user) == AuthenticatedMeResponse(id="17", username="dr-lead")


def test_a_form_field_shows_as_airflow_reads_it():
    from airflow.api_fastapi.core_api.datamodels.hitl import BaseHITLDetail

    field = adapter.text_field("Comment", description="why")
    shown = BaseHITLDetail.get_params({"comment": field})["comment"]
    assert {name: shown[name] for name in ("value", "description")} == {"value": None, "description": "why"}
    assert shown["schema"]["title"] == "Comment"


# Task state store


def test_task_state_is_kept_for_good(supervisor):
    def action(context):
        state = TaskState(context)
        assert state.get("intent") is None
        assert state.get("intent", "default") == "default"
        state.set("intent", {"servers": ["s-1"]})
        assert state.get("intent") == {"servers": ["s-1"]}
        assert state.once("intent", "other") == {"servers": ["s-1"]}
        assert state.once("since", 12.5) == 12.5

    assert run_probe(action).error is None
    stored = supervisor.messages(comms.SetTaskStateStore)
    assert [(msg.key, msg.expires_at) for msg in stored] == [("intent", None), ("since", None)]


def test_without_a_task_state_store_nothing_starts():
    with pytest.raises(DrsFailError, match="no task state store"):
        TaskState({})


# The run


def test_the_runs_facts(supervisor):
    seen = []
    run_probe(
        lambda context: seen.append(RunFacts.of(context)),
        run=dag_run(conf={"dry_run": True}, triggering_user_name="dr-operator", clear_number=2),
    )
    (facts,) = seen
    assert (facts.dag_id, facts.run_id, facts.initiated_by, facts.attempt) == (
        "probe_dag",
        "manual__1",
        "dr-operator",
        3,
    )
    assert (facts.conf, facts.scheduled) == ({"dry_run": True}, False)
    assert facts.run_after == facts.started_at == datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp()


def test_a_scheduled_run_is_the_schedulers(supervisor):
    seen = []
    run_probe(lambda context: seen.append(RunFacts.of(context)), run=dag_run(run_type="scheduled", conf=None))
    assert (seen[0].scheduled, seen[0].initiated_by, seen[0].conf) == (True, "scheduler", {})


def test_xcoms_and_states_of_other_tasks(supervisor):
    supervisor.xcoms["prepare", "frozen_plan"] = {"payload": {"waves": [1, 2.5, None, "x"]}}
    supervisor.task_states = {"manual__1": {"gate_2": "deferred", "enrich": "success"}}
    seen = {}

    def action(context):
        view = RunView(context)
        seen["plan"] = view.pull("prepare", "frozen_plan")
        seen["missing"] = view.pull("prepare", "pause_2")
        seen["states"] = view.task_states()
        view.push("progress", {"servers": 3})

    assert run_probe(action).error is None
    assert seen == {
        "plan": {"payload": {"waves": [1, 2.5, None, "x"]}},
        "missing": None,
        "states": {"gate_2": "deferred", "enrich": "success"},
    }
    assert supervisor.xcoms_set()["progress"] == {"servers": 3}
    (asked,) = supervisor.messages(comms.GetTaskStates)
    assert (asked.dag_id, asked.run_ids) == ("probe_dag", ["manual__1"])


async def test_a_trigger_writes_its_tasks_xcom(supervisor):
    await publish_xcom("progress", {"servers": 1}, dag_id="d", run_id="r", task_id="w.wait_for_recovery")
    (msg,) = supervisor.messages(comms.SetXCom)
    assert (msg.key, msg.value, msg.dag_id, msg.run_id, msg.task_id) == (
        "progress",
        {"servers": 1},
        "d",
        "r",
        "w.wait_for_recovery",
    )


# What becomes of a task


def raising(error):
    def action(context):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (DrsFailError("people must act"), "failed"),
        (DrsError("the network"), "up_for_retry"),
        (AirflowSkipException("not selected"), "skipped"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
@pytest.mark.parametrize("make", [Probe, SensorProbe])
def test_our_errors_mean_to_airflow_what_they_say(supervisor, error, state, make):
    with DAG("probe_dag", schedule=None, default_args={"retries": 3}):
        task = make(task_id="probe", action=raising(error))
    supervisor.sent.clear()
    server = {"should_retry": True}
    assert run(task, **server).state == state


def test_the_parsing_context_names_dag_and_task(monkeypatch):
    assert get_parsing_context() == (None, None)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "drs_wiki")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "prepare")
    context = get_parsing_context()
    assert (context.dag_id, context.task_id) == ("drs_wiki", "prepare")
