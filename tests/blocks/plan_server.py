"""Airflow's side of the DAGs of plans that a task of another DAG runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import comms

from drs_provider.operators.run_plan import DrsRunPlanOperator
from drs_provider.plan.model import Plan
from tests.harness.block_run import BlockRun
from tests.harness.plan_run import PlanRun
from tests.harness.stage import Stage


def not_found() -> AirflowRuntimeError:
    return AirflowRuntimeError(
        comms.ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404})
    )


@dataclass
class Server:
    """Answers a task as Airflow's API server does.

    :param caller: the run whose task triggers; the server makes its user that of the new run
    :param lost: the next answer to a trigger is lost
    """

    play: Stage
    plan: Plan
    others: tuple[Plan, ...] = ()
    caller: BlockRun | None = None
    lost: bool = False
    paused: bool = False
    made: list[PlanRun] = field(default_factory=list)

    @property
    def plans(self) -> dict[str, Plan]:
        """Plans by the ids of their DAGs."""
        return {each.dag_id: each for each in (self.plan, *self.others)}

    def send(self, msg: Any) -> Any:
        found = next((run for run in self.made if run.run_id == getattr(msg, "run_id", None)), None)
        match msg:
            case comms.GetDag() if msg.dag_id not in self.plans:
                raise not_found()
            case comms.GetDag():
                return SimpleNamespace(is_paused=self.paused)
            case comms.GetDRCount():
                return comms.DRCount(count=sum(run.run_id in msg.run_ids for run in self.made))
            case comms.GetDagRun():
                assert found is not None
                return comms.DagRunResult.model_construct(
                    **vars(found.dag_run), state=found.state, end_date=None
                )
            case comms.TriggerDagRun() if found is not None:
                return comms.ErrorResponse(error=ErrorType.DAGRUN_ALREADY_EXISTS)
            case comms.TriggerDagRun():
                assert self.caller is not None
                run = self.play.plan_run(
                    self.plans[msg.dag_id],
                    dict(msg.conf),
                    run_type="operator_triggered",
                    run_id=msg.run_id,
                    user=self.caller.dag_run.triggering_user_name,
                )
                self.made.append(run)
                if self.lost:
                    self.lost = False
                    raise AirflowRuntimeError(comms.ErrorResponse(error=ErrorType.API_SERVER_ERROR))
                return comms.OKResponse(ok=True)
        raise AssertionError(f"nothing answers {msg!r}")

    def go_on(self, seconds: float) -> None:
        """Let the plan's run go to its end while its caller waits."""
        del seconds
        assert self.caller is not None
        running, self.caller.running = self.caller.running, None
        self.made[-1].approve_everything().go()
        self.caller.running = running

    def call(
        self,
        user: str | None = "dr-operator",
        run_type: str = "manual",
        run_id: str | None = None,
        **arguments: Any,
    ) -> BlockRun:
        """Return a run of a DAG that runs the plan."""
        with DAG("site", schedule=None) as dag:
            DrsRunPlanOperator(task_id="run", plan=self.plan.name, **({"deferrable": False} | arguments))
        self.caller = self.play.dag_run(dag, user=user, run_type=run_type, run_id=run_id)
        return self.caller
