"""Run a recovery plan from any DAG, and wait for its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowRuntimeError

from drs_provider import keys
from drs_provider.airflow_api.dag_runs import is_paused, trigger_run
from drs_provider.airflow_api.other_runs import FoundRun, find_run
from drs_provider.core.identity import dag_id_of
from drs_provider.core.states import ExecutionStatus
from drs_provider.core.task_states import RUN_OVER
from drs_provider.exceptions import DrsError, ExecutionFailedError, ExecutionRefusedError
from drs_provider.plan.blocks import BlockError, check_arguments, read_arguments
from drs_provider.plan.run_plan import CONF_KEYS, RunPlanForm, as_conf
from drs_provider.runtime.block import Block
from drs_provider.runtime.block_task import default_deferrable
from drs_provider.runtime.execution import DRY_RUN

#: Statuses of an execution that ended well
ENDED_WELL: Final = (ExecutionStatus.COMPLETED, ExecutionStatus.PARTIAL)
SUCCESS: Final = "success"
#: Of keys of the run configuration that mean something else to an operator
ARGUMENT_OF: Final = {"dry_run": "preflight_only"}


class DrsRunPlanOperator(BaseOperator):
    """Start an execution of a recovery plan, wait for its end, and return its record.

    The execution is a run of the plan's DAG, as if a person had started it: its own first task checks and refuses
    everything. Its run id follows from this task instance, so that retries and clears of this task find the same run
    and wait on; a plan is never run twice by one task instance. The run belongs to the user who started this DAG's
    run: a RECOVERY needs such a person, whom the plan's ``recovery.initiators`` must name.

    Neither a plan file nor a ``[drs]`` option nor the signing key is needed where this task runs. Ending this task does
    not end the execution.

    :param plan: name of the plan
    :param execution_type: ``DRILL`` or ``RECOVERY``
    :param confirm_plan: for a RECOVERY: the plan's name once more
    :param waves: names of the waves to run; all, if left out
    :param pause_before: waves that wait for an approval in addition, or ``all``
    :param snapshots: ``latest``, an ISO 8601 time (the newest point in time not after it), or server -> ``pit-…``
    :param incident_time: when the disaster began, ISO 8601; the RTO counts from it, else from the run's start
    :param source_state: of a RECOVERY: ``lost`` or ``fenced``; needed if replication shows that a source is alive
    :param preempt_drill: cancel a drill that holds servers of this RECOVERY
    :param skip_gates: of a DRILL: no gates, no hold
    :param cleanup: of a DRILL: ``terminate`` or ``keep`` its instances; the plan's own, if left out
    :param failed_back: of a DRILL: why the plan has failed back, though instances of its RECOVERY run on outside of DRS
    :param preflight: ``enforce``, or ``warn`` for the findings that may be overridden
    :param replace_live_instances: servers whose live recovery instances may be destroyed, after an approval
    :param preflight_only: a dry run: nothing is launched; the result is preflight's report
    :param reason: why the execution runs
    :param ticket: number of the change or incident
    :param initiated_by: on whose behalf; the user who started this DAG's run is recorded in any case
    :param deferrable: wait in the triggerer instead of in the worker
    :param poll_interval_seconds: between two looks at the run's state
    :raises BlockError: when the DAG loads, if an argument that is known then is wrong
    :raises ExecutionRefusedError: if arguments or initiator forbid it, there is no such plan, its DAG is paused, or
        this task instance has started a run with other arguments before
    :raises ExecutionFailedError: if the execution did not end well; the message has its status and reason
    """

    template_fields: Sequence[str] = ("plan", *(ARGUMENT_OF.get(key, key) for key in CONF_KEYS))
    ui_color = "#a8c6fa"

    def __init__(
        self,
        *,
        plan: str,
        execution_type: str = "DRILL",
        confirm_plan: str | None = None,
        waves: Sequence[str] | None = None,
        pause_before: Sequence[str] | str | None = None,
        snapshots: str | Mapping[str, str] | None = None,
        incident_time: str | None = None,
        source_state: str | None = None,
        preempt_drill: bool | None = None,
        skip_gates: bool | None = None,
        cleanup: str | None = None,
        failed_back: str | None = None,
        preflight: str | None = None,
        replace_live_instances: Sequence[str] | None = None,
        preflight_only: bool | None = None,
        reason: str | None = None,
        ticket: str | None = None,
        initiated_by: str | None = None,
        deferrable: bool | None = None,
        poll_interval_seconds: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.execution_type = execution_type
        self.confirm_plan = confirm_plan
        self.waves = waves
        self.pause_before = pause_before
        self.snapshots = snapshots
        self.incident_time = incident_time
        self.source_state = source_state
        self.preempt_drill = preempt_drill
        self.skip_gates = skip_gates
        self.cleanup = cleanup
        self.failed_back = failed_back
        self.preflight = preflight
        self.replace_live_instances = replace_live_instances
        self.preflight_only = preflight_only
        self.reason = reason
        self.ticket = ticket
        self.initiated_by = initiated_by
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.poll_interval_seconds = poll_interval_seconds
        check_arguments(RunPlanForm, self._given(), block=self._called)

    def execute(self, context: Any) -> Any:
        """Start the execution, or find the one that this task instance has started, and wait for it."""
        conf = self._conf()
        block = Block.of(context)
        dag_id, run_id = dag_id_of(self.plan), f"drs__{block.execution_id}"
        run = find_run(dag_id, run_id)
        # A run that is gone was deleted by somebody: another one would be a second execution.
        if run is None and block.state.get(keys.PLAN_RUN) is None:
            self._start(block, dag_id, run_id, conf)
            run = find_run(dag_id, run_id)
        if run is not None and run.facts.conf != conf:
            raise ExecutionRefusedError(
                f"{self._called} has started run {run_id} of {dag_id} before, with another configuration (it differs "
                f"in {', '.join(_differences(run.facts.conf, conf))}). It starts no second one: trigger a new run of "
                "this DAG, or give it the same arguments again"
            )
        started = {"dagId": dag_id, "dagRunId": run_id}
        block.state.set(keys.PLAN_RUN, started)
        block.view.push(keys.PLAN_RUN, started)
        return self._wait(block, dag_id, run_id, run)

    def look_again(self, context: Any, event: Any = None) -> Any:
        """Resume when the run is over, or gone."""
        del event
        block = Block.of(context)
        dag_id, run_id = dag_id_of(self.plan), f"drs__{block.execution_id}"
        return self._wait(block, dag_id, run_id, find_run(dag_id, run_id))

    def _given(self) -> dict[str, Any]:
        given = {key: getattr(self, ARGUMENT_OF.get(key, key)) for key in ("plan", *CONF_KEYS)}
        return {key: value for key, value in given.items() if value is not None}

    @property
    def _called(self) -> str:
        return f"{type(self).__name__} {self.task_id}"

    def _conf(self) -> dict[str, Any]:
        """Return the run configuration, as far as it can be checked without the plan.

        :raises ExecutionRefusedError: with everything that is wrong
        """
        try:
            read_arguments(RunPlanForm, self._given(), block=self._called)
        except BlockError as error:
            raise ExecutionRefusedError(f"nothing was started:\n{error}") from error
        return as_conf(self._given())

    def _start(self, block: Block, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        if conf["execution_type"] == "RECOVERY" and not block.started_by_a_person:
            raise ExecutionRefusedError(
                f"{self._called} starts no RECOVERY: no person is known to have started this run (run type "
                f"{block.run.run_type}); trigger this DAG by hand or through REST"
            )
        paused = is_paused(dag_id)
        if paused is None:
            raise ExecutionRefusedError(f"there is no plan {self.plan}: Airflow has no DAG {dag_id}")
        if paused:
            raise ExecutionRefusedError(
                f"DAG {dag_id} is paused: its run would never begin. Unpause it, then clear"
            )
        block.view.require_running()
        try:
            made = trigger_run(dag_id, run_id, conf, f"started by task {block.name}, run {block.run.run_id}")
        except AirflowRuntimeError as error:
            # If it was made all the same, the next try finds it by its id.
            raise DrsError(f"Airflow does not start plan {self.plan}: {error}") from error
        self.log.info("Run %s of %s %s", run_id, dag_id, "was triggered" if made else "is there already")

    def _wait(self, block: Block, dag_id: str, run_id: str, run: FoundRun | None) -> Any:
        while run is not None and run.state not in RUN_OVER:
            if self.deferrable:
                from drs_provider.triggers.run_end import DrsRunEndTrigger

                interval = self.poll_interval_seconds
                trigger = DrsRunEndTrigger(dag_id=dag_id, run_id=run_id, poll_interval_seconds=interval)
                self.defer(trigger=trigger, method_name="look_again")
            time.sleep(self.poll_interval_seconds)
            run = find_run(dag_id, run_id)
        if run is None:
            raise ExecutionFailedError(
                f"run {run_id} of {dag_id} is gone: somebody deleted it. This task starts no other one. What became of "
                "its execution is in the history and in DRS; see to what it launched"
            )
        return self._result(block, dag_id, run_id, run)

    def _result(self, block: Block, dag_id: str, run_id: str, run: FoundRun) -> Any:
        record = block.view.pull_from(dag_id, run_id, keys.FINALIZE, keys.EXECUTION_RECORD)
        record = record if isinstance(record, dict) and record.get("attempt") == run.facts.attempt else None
        if run.state == SUCCESS:
            outcome = block.view.pull_from(dag_id, run_id, keys.PREPARE, keys.OUTCOME)
            if record is None and outcome == DRY_RUN:
                report = block.view.pull_from(dag_id, run_id, keys.PREPARE, keys.PREFLIGHT)
                return {"outcome": outcome, "preflight": report}
            if record is not None and record.get("status") in ENDED_WELL:
                return record
        status = record.get("status") if record else f"run {run.state}, without a record of its end"
        reason = (record or {}).get("errorMessage") or "see the run"
        raise ExecutionFailedError(
            f"plan {self.plan}: {status}: {reason}. To go on with it, clear what failed in run {run_id} of {dag_id}, "
            "which keeps what it has launched; then clear this task, which waits for it again"
        )


def _differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
