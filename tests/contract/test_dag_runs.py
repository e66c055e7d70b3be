"""Runs of other DAGs, triggered and waited for through Airflow's own messages."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import comms, task_runner

from drs_provider.airflow_api.dag_runs import is_paused, run_state, trigger_run
from drs_provider.exceptions import DrsFailError, OutcomeUnknownError, RunUnknownError
from drs_provider.orchestration.steps.actions import open_action
from drs_provider.rules.steps.results import Subject
from drs_provider.triggers.steps.trigger import DrsStepTrigger
from tests.contract.task_process import Supervisor, run_probe
from tests.steps_aws import EXECUTION, frozen_step

pytestmark = pytest.mark.contract

TOKEN = "11111111-1111-4111-8111-111111111111"
RUN = f"drs__{TOKEN}"
SUBJECT = Subject("wave", "database", {"wave_name": "database"})


def failed(status: int) -> AirflowRuntimeError:
    detail = {"status_code": status, "message": "no"}
    return AirflowRuntimeError(comms.ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))


class Dags(Supervisor):
    """A supervisor with DAGs that may be triggered: name -> whether it is paused."""

    known: dict[str, bool]
    runs: dict[tuple[str, str], str]
    errors: dict[type[Any], AirflowRuntimeError]
    lost: bool = False

    def send(self, msg: Any = None) -> Any:
        if type(msg) in self.errors:
            raise self.errors[type(msg)]
        match msg:
            case comms.GetDag() if msg.dag_id not in self.known:
                raise failed(404)
            case comms.GetDag():
                empty = dict.fromkeys(
                    ("bundle_name", "bundle_version", "relative_fileloc", "owners", "next_dagrun")
                )
                return comms.DagResult(dag_id=msg.dag_id, is_paused=self.known[msg.dag_id], tags=[], **empty)
            case comms.TriggerDagRun():
                self.sent.append(msg)
                if (msg.dag_id, msg.run_id) in self.runs:
                    return comms.ErrorResponse(error=ErrorType.DAGRUN_ALREADY_EXISTS)
                self.runs[msg.dag_id, msg.run_id] = "queued"
                if self.lost:
                    raise failed(502)
                return comms.OKResponse(ok=True)
            case comms.GetDRCount():
                return comms.DRCount(count=sum((msg.dag_id, run) in self.runs for run in msg.run_ids or ()))
            case comms.GetDagRunState():
                return comms.DagRunStateResult(state=self.runs[msg.dag_id, msg.run_id])
        return super().send(msg)


@pytest.fixture
def dags(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> Dags:
    made = Dags()
    made.known, made.runs, made.errors = {"smoke": False, "old": True, "drs_wiki": False}, {}, {}
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    return made


def action(dag_id: str = "smoke", **conf: Any) -> Any:
    step = frozen_step({"run": "trigger_dag", "dag_id": dag_id, "conf": conf})
    return open_action(step, step.target, EXECUTION, {"waveName": "database"})


def test_a_run_is_triggered_once_with_the_waves_result(dags: Dags) -> None:
    looks: list[Any] = []

    def task(context: Any) -> None:
        del context
        looks.append(action(level="{wave_name}").start(SUBJECT, TOKEN))
        looks.append(action(level="{wave_name}").start(SUBJECT, TOKEN))
        looks.append(action().find(SUBJECT, TOKEN))

    assert run_probe(task).error is None
    assert {look.handle for look in looks} == {f"smoke/{RUN}"}
    message = dags.messages(comms.TriggerDagRun)[0]
    assert message.conf == {"level": "database", "drs": {"waveName": "database"}}
    assert EXECUTION in message.note
    assert list(dags.runs) == [("smoke", RUN)]
    assert action().stop(f"smoke/{RUN}") == f"run {RUN} of DAG smoke goes on"
    dags.runs["smoke", RUN] = "success"
    assert action().stop(f"smoke/{RUN}") is None
    assert action().find(SUBJECT, "another") is None


def test_a_plans_dag_gets_its_own_keys_only(dags: Dags) -> None:
    action("drs_wiki", execution_type="DRILL").start(SUBJECT, TOKEN)
    assert dags.messages(comms.TriggerDagRun)[0].conf == {"execution_type": "DRILL"}


def test_what_would_never_begin_is_refused(dags: Dags) -> None:
    with pytest.raises(DrsFailError, match="DAG old is paused"):
        action("old").start(SUBJECT, TOKEN)
    with pytest.raises(DrsFailError, match="there is no DAG none"):
        action("none").start(SUBJECT, TOKEN)
    dags.errors[comms.TriggerDagRun] = failed(403)
    with pytest.raises(DrsFailError, match="Airflow refuses a run of DAG smoke"):
        action().start(SUBJECT, TOKEN)
    assert dags.runs == {}


def test_a_lost_answer_is_looked_up(dags: Dags) -> None:
    dags.lost = True
    assert action().start(SUBJECT, TOKEN).handle == f"smoke/{RUN}"
    dags.errors[comms.GetDRCount] = failed(502)
    with pytest.raises(OutcomeUnknownError, match="whether DAG smoke was triggered"):
        action().start(SUBJECT, "22222222-1111-4111-8111-111111111111")


def test_no_answer_is_no_answer(dags: Dags) -> None:
    dags.errors = {kind: failed(502) for kind in (comms.GetDag, comms.GetDRCount)}
    with pytest.raises(RunUnknownError):
        is_paused("smoke")
    with pytest.raises(RunUnknownError):
        run_state("smoke", RUN)
    dags.errors = {}
    assert (is_paused("smoke"), is_paused("old"), is_paused("none")) == (False, True, None)
    assert trigger_run("smoke", RUN, {}, "") is True
    assert trigger_run("smoke", RUN, {}, "") is False


@pytest.mark.parametrize(
    ("state", "ends", "output"),
    [
        ("success", "passed", f"run {RUN} of smoke is success"),
        ("failed", "failed", f"run {RUN} of smoke is failed"),
        (None, "failed", f"run {RUN} of smoke is gone"),
        ("running", "failed", f"timed out: run {RUN} of smoke is running"),
    ],
)
async def test_its_end_is_waited_for_in_the_triggerer(
    dags: Dags, state: str | None, ends: str, output: str
) -> None:
    dags.runs = {("smoke", RUN): state} if state else {}
    step = frozen_step({"run": "trigger_dag", "dag_id": "smoke"})
    trigger = DrsStepTrigger(
        step=step.model_dump(mode="json") | {"is_check": False},
        subjects=[{"key": "wave", "name": "database", "values": {}}],
        target=None,
        execution_id=EXECUTION,
        deadline=0,
        handles={"wave": f"smoke/{RUN}"},
    )
    (event,) = [event async for event in trigger.run()]
    assert (event.payload["results"]["wave"]["state"], event.payload["results"]["wave"]["output"]) == (
        ends,
        output,
    )
