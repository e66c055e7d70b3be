"""Where plan runs are played: a simulator, its clock for everybody, and doubles of Airflow's thinnest interfaces.

Only what talks to Airflow's API server is replaced: requests to people, task states, XComs written by triggers. AWS
calls go over HTTP to the simulator, records into its DynamoDB, reports into files.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import botocore.client
import botocore.retries.bucket
import botocore.retries.standard
import pytest
from airflow.sdk import DAG, Variable
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.execution_time.xcom import XCom

from drs_provider import keys
from drs_provider.airflow_api import hitl
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.table import ensure_table
from drs_provider.hooks.aws.clients import forget_clients
from drs_provider.orchestration import look
from drs_provider.plan.files.folder import load_plan
from drs_provider.plan.model import Plan
from drs_provider.report import files
from drs_provider.triggers import gate as gate_trigger
from drs_provider.triggers import publishing
from drs_provider.triggers.poller import JobPoller
from drs_provider.triggers.steps import trigger as step_trigger
from drs_simulator.adapter import gate
from drs_simulator.testing import Simulator, simulator
from tests.harness import botocore_once, moto_once, triggerer
from tests.harness.block_run import BlockRun
from tests.harness.effects import Effects, WorkerKilled, changes_something
from tests.harness.kept_answers import KeptAnswers, beginning
from tests.harness.plan_run import PlanRun

SAMPLE_PLANS = Path(__file__).parents[2] / "dags" / "plans"
ACCOUNT = "111122223333"
REGION = "eu-west-1"
TABLE = "execution-history"


class Stage:
    """A simulated world in which plans are run.

    :param reports: folder of the reports
    :param effects: what workers do; a test says there where one dies
    :param has_history: whether there is a history table
    :param variables: Airflow's Variables
    """

    def __init__(self, running: Simulator, reports: Path, kept: KeptAnswers) -> None:
        self.simulator = running
        self._kept = kept
        self.reports = reports
        self.runs: list[PlanRun] = []
        self.timeline: list[dict[str, Any]] = []
        self.paused_dags: set[str] = set()
        self.variables: dict[str, str] = {}
        self.effects = Effects()
        self.has_history = True
        self._before_call: list[Callable[[str], None]] = []
        self._after_call: list[Callable[[str], None]] = []

    # -- runs -----------------------------------------------------------------------------------------

    def plan_run(self, plan: Plan | str, conf: dict[str, Any] | None = None, **options: Any) -> PlanRun:
        """Return a run of a plan (by name: a sample plan); nothing has run yet."""
        made = load_plan(SAMPLE_PLANS, plan) if isinstance(plan, str) else plan
        run = PlanRun(self, made, conf or {}, **options)
        self.runs.append(run)
        return run

    def dag_run(self, dag: DAG, conf: dict[str, Any] | None = None, **options: Any) -> BlockRun:
        """Return a run of any DAG; nothing has run yet."""
        run = BlockRun(self, None, conf or {}, blocks=dag, **options)
        self.runs.append(run)
        return run

    def drill(self, plan: Plan | str, conf: dict[str, Any] | None = None, **options: Any) -> PlanRun:
        """Return an ended drill in which every gate was approved."""
        run = self.plan_run(plan, conf, **options).approve_everything()
        run.go()
        return run

    # -- the world ------------------------------------------------------------------------------------

    def now(self) -> float:
        """Simulated epoch seconds, without letting anything happen."""
        return float(self.simulator.world.clock.now())

    def stored(self, execution_id: str, plan_id: str) -> dict[str, Any]:
        """Return a record from the history table."""
        record = DynamoDbHistory(self.simulator.client("dynamodb"), TABLE).read(execution_id, plan_id)
        assert record is not None, "no such record"
        return dict(record)

    def jobs(self, kind: str = "LAUNCH", *, account: str = ACCOUNT, region: str = REGION) -> list[Any]:
        """Return the jobs that DRS has, of a kind, whether or not anybody got their answer."""
        jobs = self.simulator.region(account, region).jobs.values()
        return [job for job in jobs if job.kind == kind]

    def launched_servers(self, **place: str) -> list[str]:
        """Return the server of every launch that was asked for, so that a second one shows."""
        return sorted(server.server_id for job in self.jobs(**place) for server in job.servers)

    def instances(self, *, account: str = ACCOUNT, region: str = REGION) -> dict[str, str]:
        """Return the state of every EC2 instance by its id."""
        pages = self.simulator.client("ec2", account, region).get_paginator("describe_instances").paginate()
        return {
            item["InstanceId"]: item["State"]["Name"]
            for page in pages
            for reservation in page["Reservations"]
            for item in reservation["Instances"]
        }

    # -- things that go wrong -------------------------------------------------------------------------

    def kill_worker(self, operation: str, *, after: bool = False, nth: int = 1, times: int = 1) -> None:
        """Let the worker die at the n-th call of an AWS operation, before or after the call."""
        seen = 0

        def hook(called: str) -> None:
            nonlocal seen
            seen += called == operation
            if called == operation and nth <= seen < nth + times:
                raise WorkerKilled(f"{'after' if after else 'before'} {operation}")

        (self._after_call if after else self._before_call).append(hook)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the timeline events of a name."""
        return [event for event in self.timeline if event["event"] == name]

    # -- the doubles ----------------------------------------------------------------------------------

    @property
    def _run(self) -> PlanRun:
        return next(run for run in self.runs if run.running)

    def _about_to(self, what: str) -> None:
        """Note an effect, unless it is the triggerer's."""
        if run := next((run for run in self.runs if run.running), None):
            self.effects.about_to(str(run.running), what)

    def upsert(self, **arguments: Any) -> None:
        self._about_to("request to people")
        self._run.people.upsert(**arguments)
        self._run.opened(arguments["ti_id"])

    def read_request(self, ti_id: str) -> Any:
        """Return a request's answer, as a triggerer reads it."""
        for run in self.runs:
            for task_id, row in run.rows.items():
                if row.id == UUID(ti_id):
                    run.triggerer.published(task_id)
        _, asked = self._asked(ti_id)
        response = asked.response or {}
        user = response.get("responded_by_user")
        return SimpleNamespace(
            response_received=asked.response is not None,
            chosen_options=response.get("chosen_options"),
            params_input=response.get("params_input", {}),
            responded_at=response.get("responded_at"),
            responded_by_user=SimpleNamespace(**user) if user else None,
        )

    def close_request(self, ti_id: str, chosen_options: list[str], params_input: dict[str, Any]) -> None:
        run, asked = self._asked(ti_id)
        if asked.response is not None:
            raise _api_error(HTTPStatus.CONFLICT)
        assert chosen_options == asked.defaults
        run.people.time_out(UUID(ti_id))

    def _asked(self, ti_id: str) -> tuple[PlanRun, Any]:
        for run in self.runs:
            if request := run.people.requests.get(UUID(ti_id)):
                return run, request
        raise _api_error(HTTPStatus.NOT_FOUND)

    def find(self, dag_id: str, run_id: str) -> PlanRun | None:
        """Return a run by its ids."""
        found = (run for run in self.runs if (run.dag.dag_id, run.dag_run.run_id) == (dag_id, run_id))
        return next(found, None)

    def task_states(
        self, dag_id: str, *, task_ids: list[str] | None = None, run_ids: list[str] | None = None
    ) -> dict[str, dict[str, str | None]]:
        return {
            run.dag_run.run_id: {
                task_id: state
                for task_id, state in run.states.items()
                if task_ids is None or task_id in task_ids
            }
            for run in self.runs
            if run.dag.dag_id == dag_id and (run_ids is None or run.dag_run.run_id in run_ids)
        }

    def dag_run_state(self, dag_id: str, run_id: str) -> str:
        run = self.find(dag_id, run_id)
        assert run is not None
        return run.state

    def dag(self, dag_id: str) -> Any:
        return SimpleNamespace(dag_id=dag_id, is_paused=dag_id in self.paused_dags)

    def set_xcom(self, *, key: str, value: Any, dag_id: str, run_id: str, task_id: str) -> None:
        """Take an XCom that a task writes for a task of any run."""
        run = self.find(dag_id, run_id)
        assert run is not None
        self._about_to(f"XCom {key} of {task_id}")
        run.xcoms.set(task_id, key, value)

    def set_variable(self, key: str, value: str, description: str) -> None:
        """Write a Variable."""
        assert description
        self._about_to(f"Variable {key}")
        self.variables[key] = value

    def variable(self, key: str, default: Any) -> Any:
        """Return a Variable."""
        return self.variables.get(key, default)

    def delete_variable(self, key: str) -> None:
        """Delete a Variable."""
        self.variables.pop(key, None)

    def variable_keys(self, *, prefix: str) -> list[str]:
        """Return the keys of Variables."""
        return [key for key in self.variables if key.startswith(prefix)]

    async def read_xcom(self, *, key: str, dag_id: str, run_id: str, task_id: str) -> Any:
        run = self.find(dag_id, run_id)
        return run.xcoms.get(task_id, key) if run else None

    async def publish(self, *, key: str, value: Any, dag_id: str, run_id: str, task_id: str) -> None:
        run = self.find(dag_id, run_id)
        assert run is not None
        run.xcoms.set(task_id, key, value)
        if key == keys.PROGRESS and value["lastPolledTime"] >= self.now():
            run.triggerer.published(task_id)

    def call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return botocore's way of calling, with the test's hooks around it."""

        def made(client: Any, operation: str, params: dict[str, Any]) -> Any:
            for hook in self._before_call:
                hook(operation)
            if changes_something(operation):
                self._about_to(operation)
            answer = self._kept.answer(original, client, operation, params)
            for hook in self._after_call:
                hook(operation)
            return answer

        return made

    def preflight(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return the preflight, with answers that are known where the world is still as it began."""

        def run(*arguments: Any, **named: Any) -> Any:
            with self._kept.used(unless=bool(self._before_call or self._after_call)):
                return original(*arguments, **named)

        return run

    def poll_failed(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return the poller's way of counting a failure, told to the triggerers."""

        def made(poller: Any, error: Exception) -> Any:
            for run in self.runs:
                run.triggerer.poll_failed()
            return original(poller, error)

        return made

    def polled(self, original: Callable[..., None]) -> Callable[..., None]:
        """Return what takes a poll of which only the log is told; it takes note of it."""

        def publish(log: publishing.ProgressLog, news: publishing.News) -> None:
            original(log, news)
            if news.polled_at >= self.now():
                for run in self.runs:
                    run.triggerer.poll_failed()

        return publish

    def write_file(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return the report's way of writing a file, noted as an effect."""

        def write(folder: Any, path: Any, content: bytes) -> Any:
            self._about_to(f"file {path.suffix}")
            return original(folder, path, content)

        return write


def _api_error(status: int) -> AirflowRuntimeError:
    return AirflowRuntimeError(
        ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status})
    )


class _Timeline(logging.Handler):
    def __init__(self, events: list[dict[str, Any]]) -> None:
        super().__init__(logging.INFO)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        self._events.append(json.loads(record.getMessage()))


@contextmanager
def stage(
    scenario: Any,
    folder: Path,
    *,
    history: bool = True,
    asks_anew: bool = False,
    begin: float | None = None,
) -> Iterator[Stage]:
    """Give a stage with a scenario (name, path or data).

    :param asks_anew: whether preflight asks AWS even what it was answered in the same world before
    :param begin: its first moment, in epoch seconds; about now, if left out
    """
    with (
        simulator(scenario, start=beginning() if begin is None else begin) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        made = Stage(running, folder / "reports", KeptAnswers(running, asks_anew=asks_anew))
        made.has_history = history
        _environment(patch, made, history=history)
        # Sessions of roles end by real time, which botocore renews them by.
        patch.setattr(gate, "time", SimpleNamespace(time=time.time, sleep=time.sleep))
        patch.setattr(time, "time", made.now)
        # botocore paces its retries by the clock: that one must not stand still.
        patch.setattr(botocore.retries.bucket.Clock, "current_time", lambda _: time.monotonic())
        patch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda *_: 0.0)
        patch.setattr(hitl, "upsert_hitl_detail", made.upsert)
        patch.setattr(hitl, "get_hitl_detail_content_detail", made.read_request)
        patch.setattr(hitl, "update_hitl_detail_response", made.close_request)
        patch.setattr(gate_trigger, "LOOK_SECONDS", 0.02)
        patch.setattr(step_trigger, "pause", triggerer.pause)
        patch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(made.task_states))
        patch.setattr(RuntimeTaskInstance, "get_dagrun_state", staticmethod(made.dag_run_state))
        patch.setattr(RuntimeTaskInstance, "get_dag", staticmethod(made.dag))
        patch.setattr(XCom, "set", made.set_xcom)
        patch.setattr(Variable, "set", made.set_variable)
        patch.setattr(Variable, "get", made.variable)
        patch.setattr(Variable, "delete", made.delete_variable)
        patch.setattr(Variable, "keys", made.variable_keys)
        patch.setattr(XCom, "aget_one", made.read_xcom)
        patch.setattr(XCom, "aset", made.publish)
        patch.setattr(publishing, "SETTLE_SECONDS", 30.0)  # time waits for what polls write
        patch.setattr(publishing.ProgressLog, "publish", made.polled(publishing.ProgressLog.publish))
        patch.setattr(JobPoller, "_delay_after", made.poll_failed(JobPoller._delay_after))
        patch.setattr(
            botocore.client.BaseClient,
            "_make_api_call",
            made.call(botocore.client.BaseClient._make_api_call),
        )
        botocore_once.install(patch)
        moto_once.install(patch)
        patch.setattr(look, "run_preflight", made.preflight(look.run_preflight))
        patch.setattr(files, "_write_once", made.write_file(files._write_once))
        handler = _Timeline(made.timeline)
        logger = logging.getLogger("drs.timeline")
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        forget_clients()
        try:
            if history:
                ensure_table(running.client("dynamodb"), TABLE)
            yield made
        finally:
            for run in made.runs:
                run.triggerer.close()
            logger.removeHandler(handler)
            logger.setLevel(level)
            forget_clients()


def _environment(patch: pytest.MonkeyPatch, made: Stage, *, history: bool) -> None:
    keys = made.simulator.credentials(ACCOUNT)
    connection = {
        "conn_type": "aws",
        "login": keys["aws_access_key_id"],
        "password": keys["aws_secret_access_key"],
        "extra": {
            "region_name": REGION,
            "endpoint_url": made.simulator.url,
            "service_config": {"sts": {"endpoint_url": made.simulator.url}},
            "config_kwargs": {"retries": {"mode": "standard", "total_max_attempts": 2}},
        },
    }
    patch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(connection))
    options = {
        "signing_key": "signing-key-of-tests-0123456789abcdef",
        "deployment_id": "tests",
        "reports_path": made.reports.as_uri(),
        # Where the teams of sample plans are.
        "plans_folder": str(SAMPLE_PLANS),
        "state_path": str(made.reports.parent / "state"),
        "poll_interval_seconds": "0.02",
        "queue_poll_seconds": "300",
    }
    if history:
        options |= {
            "history_connection": "aws_dr",
            "history_account_id": ACCOUNT,
            "history_region": REGION,
        }
    for name, value in options.items():
        patch.setenv(f"AIRFLOW__DRS__{name.upper()}", value)
