"""What Airflow tells a worker of other runs, through its own task runner and its own Execution API."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import airflow
import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.supervisor import ActivitySubprocess

from drs_provider.airflow_api.dag_register import register, registered
from drs_provider.airflow_api.other_runs import OtherRunView, find_run, run_ids, task_states
from drs_provider.airflow_api.run import RunView
from drs_provider.exceptions import DrsFailError, RunUnknownError, TaskStoppedError
from tests.contract.task_process import RUN_AFTER, Supervisor, dag_run, run_probe

pytestmark = pytest.mark.contract


_ABOUT_RUNS = (
    comms.GetDRCount,
    comms.GetDagRun,
    comms.GetDag,
    comms.GetTaskStates,
    comms.GetXComSequenceSlice,
    comms.GetVariableKeys,
    comms.PutVariable,
)


class Runs(Supervisor):
    """A supervisor that also tells of other runs."""

    known: dict[tuple[str, str], Any]
    count: Any = None
    error: AirflowRuntimeError | None = None

    def send(self, msg: Any = None) -> Any:
        if isinstance(msg, _ABOUT_RUNS) and self.error:
            raise self.error
        if isinstance(msg, comms.GetDRCount | comms.GetDagRun | comms.GetDag):
            self.sent.append(msg)
        match msg:
            case comms.GetDRCount():
                found = sum((msg.dag_id, run_id) in self.known for run_id in msg.run_ids or ())
                return comms.DRCount(count=found) if self.count is None else self.count
            case comms.GetDagRun():
                return comms.DagRunResult.from_api_response(self.known[msg.dag_id, msg.run_id])
            case comms.GetDag():
                return comms.DagResult(
                    dag_id=msg.dag_id,
                    is_paused=True,
                    bundle_name=None,
                    bundle_version=None,
                    relative_fileloc=None,
                    owners=None,
                    tags=[],
                    next_dagrun=None,
                )
        return super().send(msg)


@pytest.fixture
def runs(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    made.known = {}
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    return made


def unreachable() -> AirflowRuntimeError:
    detail = {"status_code": 502, "message": "Bad Gateway"}
    return AirflowRuntimeError(comms.ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))


def test_a_run_is_told_with_all_that_identifies_it(runs: Runs) -> None:
    runs.known["drs_wiki", "CHG-1"] = dag_run(
        dag_id="drs_wiki", run_id="CHG-1", state="failed", end_date=RUN_AFTER, clear_number=1
    )
    found = find_run("drs_wiki", "CHG-1")
    assert found is not None
    assert (found.facts.dag_id, found.facts.run_id, found.facts.attempt) == ("drs_wiki", "CHG-1", 2)
    assert found.facts.run_after == found.ended_at == RUN_AFTER.timestamp()
    assert found.state == "failed"


def test_a_run_that_is_gone_is_a_plain_no(runs: Runs) -> None:
    assert find_run("drs_wiki", "CHG-1") is None
    (asked,) = runs.sent
    assert asked.run_ids == ["CHG-1"], "without it, all runs would be counted"


@pytest.mark.parametrize(
    "answer", [None, comms.OKResponse(ok=True), unreachable()], ids=["none", "odd", "error"]
)
def test_no_answer_is_no_answer(runs: Runs, answer: Any) -> None:
    runs.error = answer if isinstance(answer, AirflowRuntimeError) else None
    runs.count = answer if runs.error is None else None
    if answer is None:
        runs.error, runs.count = None, False
    with pytest.raises(RunUnknownError):
        find_run("drs_wiki", "CHG-1")


def test_no_answer_about_tasks_and_xcoms_is_none_either(runs: Runs) -> None:
    runs.error = unreachable()

    def action(context: Any) -> None:
        view = OtherRunView(context, "drs_wiki", "CHG-1", lambda: True)
        for question in (
            view.task_states,
            lambda: view.pull("prepare", "frozen_plan"),
            lambda: run_ids("drs_wiki"),
        ):
            with pytest.raises(RunUnknownError, match="502"):
                question()

    assert run_probe(action).error is None


def test_a_dag_that_airflow_does_not_tell_of_is_not_known_to_be_paused(runs: Runs) -> None:
    assert RunView.is_paused("drs_wiki") is True
    runs.error = unreachable()
    assert RunView.is_paused("drs_wiki") is False


def test_dags_are_registered_in_variables_page_by_page(runs: Runs) -> None:
    many = {f"drs_executions_of__drs_plan-{number:04}" for number in range(1000)}
    runs.variables = {**dict.fromkeys(many, ""), "other": ""}
    seen: dict[str, Any] = {}

    def action(context: Any) -> None:
        seen["before"] = registered()
        seen["written"] = register("drs_wiki"), register("drs_wiki")
        seen["after"] = registered()

    assert run_probe(action).error is None
    assert len(seen["before"]) == 1000
    assert seen["written"] == (True, False)
    assert seen["after"] - seen["before"] == {"drs_wiki"}
    (put,) = runs.messages(comms.PutVariable)
    assert (put.key, put.value) == ("drs_executions_of__drs_wiki", "drs_wiki")
    assert {msg.prefix for msg in runs.messages(comms.GetVariableKeys)} == {"drs_executions_of__"}


def test_a_variable_of_the_environment_is_not_in_the_way_of_a_registration(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's secrets backends, its environment among them, are asked neither for keys nor for values."""
    monkeypatch.setenv("AIRFLOW_VAR_DRS_EXECUTIONS_OF__DRS_WIKI", "something else")
    monkeypatch.setenv("AIRFLOW_VAR_DRS_EXECUTIONS_OF__DRS_OTHER", "drs_other")

    def action(context: Any) -> None:
        assert registered() == set()
        assert register("drs_wiki")
        assert registered() == {"drs_wiki"}

    assert run_probe(action).error is None


def test_a_register_that_cannot_be_read_is_not_an_empty_one(runs: Runs) -> None:
    runs.error = unreachable()

    def action(context: Any) -> None:
        for question in (registered, lambda: register("drs_wiki")):
            with pytest.raises(RunUnknownError, match="502"):
                question()

    assert run_probe(action).error is None


def test_the_execution_api_lists_keys_of_the_database_in_an_order() -> None:
    routes = Path(airflow.__file__).parent / "api_fastapi" / "execution_api" / "routes" / "variables.py"
    source = routes.read_text(encoding="utf-8")
    assert "select(Variable.key).order_by(Variable.key)" in source
    assert "Variable.key.startswith(prefix, autoescape=True)" in source


@pytest.mark.parametrize(
    "message",
    [
        comms.GetDagRun,
        comms.GetDRCount,
        comms.GetDag,
        comms.GetTaskStates,
        comms.GetVariableKeys,
        comms.PutVariable,
    ],
)
def test_a_workers_supervisor_answers_what_is_asked(message: type) -> None:
    assert message.__name__ in inspect.getsource(ActivitySubprocess._handle_request)


def test_the_execution_api_counts_only_the_runs_that_are_named() -> None:
    routes = Path(airflow.__file__).parent / "api_fastapi" / "execution_api" / "routes" / "dag_runs.py"
    assert "DagRunModel.run_id.in_(run_ids)" in routes.read_text(encoding="utf-8")


READS = {"pull", "require_running", "task_id", "task_states"}


def test_another_runs_view_reads_there_and_writes_nothing(runs: Runs) -> None:
    runs.xcoms["prepare", "frozen_plan"] = {"payload": 1}
    runs.task_states = {"CHG-1": {"prepare": "success"}, "manual__1": {"probe": "running"}}
    seen: dict[str, Any] = {}

    def action(context: Any) -> None:
        view = OtherRunView(context, "drs_wiki", "CHG-1", lambda: seen.get("still", True))
        seen["plan"] = view.pull("prepare", "frozen_plan")
        seen["states"] = view.task_states()
        view.require_running()
        # Neither by type nor at run time: it is no RunView, and has nothing of one that writes.
        assert not isinstance(view, RunView)
        assert {name for name in dir(view) if not name.startswith("_")} == READS
        seen["still"] = False
        with pytest.raises(DrsFailError, match="has changed meanwhile"):
            view.require_running()
        runs.task_states["manual__1"]["probe"] = "failed"
        with pytest.raises(TaskStoppedError):
            view.require_running()

    assert run_probe(action).error is None
    assert seen == {"plan": {"payload": 1}, "states": {"prepare": "success"}, "still": False}
    asked = runs.messages(comms.GetXComSequenceSlice)
    assert [(msg.dag_id, msg.run_id) for msg in asked] == [("drs_wiki", "CHG-1")]


def test_a_run_that_is_gone_has_no_tasks(runs: Runs) -> None:
    assert task_states("drs_wiki", "CHG-1") == {}
