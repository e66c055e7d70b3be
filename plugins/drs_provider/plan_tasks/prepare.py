"""The first task of an execution: everything that can be wrong is found here, at once, before anything starts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunFacts, RunView
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.events import Event
from drs_provider.core.identity import plan_name_of, role_session_name
from drs_provider.exceptions import (
    EvidenceError,
    ExecutionRefusedError,
    PlanUnavailableError,
    PreflightUnansweredError,
)
from drs_provider.orchestration.prepare.admission import (
    check_initiator,
    check_teams,
    exclusion_reason,
    known_of,
    read_conf,
)
from drs_provider.orchestration.prepare.freezer import Freezer
from drs_provider.plan.conf.overrides import NO_REASON, conf_overrides
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan
from drs_provider.plan.people import People
from drs_provider.rules.concurrency.claims import claim_of
from drs_provider.rules.execution.freezing import RunIdentity, freeze_header, freeze_waves
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave
from drs_provider.runtime.channels.declared import PREPARED
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.execution import (
    DRY_RUN,
    EXCLUDED,
    REFUSED,
    STARTED,
    Execution,
    asked_for_launches,
    execution_id_of,
)
from drs_provider.runtime.expected_duration import expected_of_dry_run, with_expectation
from drs_provider.runtime.notifications import notify, tell_refused_to
from drs_provider.runtime.people import frozen_people, read_people
from drs_provider.runtime.plan_state import keep_preflight, kept_of
from drs_provider.runtime.preconditions import require_end_ahead
from drs_provider.runtime.rto_risk import warn_of_rto
from drs_provider.runtime.timeline import emit, emitted

if TYPE_CHECKING:
    from drs_provider.preflight.run import PreflightResult


class PlanPrepareOperator(BaseOperator):
    """Validates the run configuration, proves identities, runs preflight, freezes and signs the plan.

    A retry or a clear finds the frozen plan of the first time and goes on with it, whatever became of the file.

    :param plan: the plan as its file says now; None if the file no longer loads
    :param plans_folder: where other plans are, whose executions may be at work on the same servers
    :raises ExecutionRefusedError: if conf, initiator or preflight forbid the execution; the message lists every finding
    :raises PlanUnavailableError: if the plan does not load and the execution was not frozen before
    :raises RunUnknownError: if Airflow does not tell which executions run; a retry asks again
    """

    ui_color = "#a8c6fa"

    def __init__(self, *, plan: Plan | None, plans_folder: Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._plan = plan
        self._plans_folder = plans_folder

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Prepare the execution, or refuse it."""
        run = RunFacts.of(context)
        execution_type = str(run.conf.get("execution_type", "DRILL"))
        facts = {"plan": plan_name_of(run.dag_id), "executionType": execution_type, "attempt": run.attempt}
        with emitted(execution_id_of(run), Event.PREPARE_STARTED, Event.PREPARE_ENDED, **facts):
            return self._prepare(context, run, RunView(context))

    def _prepare(self, context: Mapping[str, Any], run: RunFacts, view: RunView) -> dict[str, Any]:
        freezer = Freezer(context, execution_id_of(run))
        # Before anything can fail: without it, cleanup and finalize would take the run for one that never started.
        frozen = freezer.publish_again()
        settings.signing_key()
        if frozen:
            return self._resume(context, run, view)
        if asked_for_launches(view):
            raise EvidenceError(
                "the evidence 'frozen_plan' is missing from prepare's task state, although waves of this run asked for "
                "launches: somebody deleted it. The run starts nothing more: its plan as it is now is another plan. "
                "See to what it launched, and start a new run."
            )
        return self._begin(context, run, view, freezer)

    def _resume(self, context: Mapping[str, Any], run: RunFacts, view: RunView) -> dict[str, Any]:
        view.push(keys.OUTCOME, STARTED)
        require_end_ahead(view)
        execution = Execution.frozen(context)
        PREPARED.publish(execution, execution.attempt)
        if self._plan is None or self._plan.content_hash != execution.plan.plan_hash:
            self.log.warning("The plan's file has changed since; the execution goes on from its frozen plan")
            execution.emit(Event.PLAN_EDITED, frozenHash=execution.plan.plan_hash)
        # Another execution may have begun since; and a claim goes with the XComs of the try before.
        from drs_provider.orchestration.concurrency.claims import claim_again

        claim_again(execution, partial(self._dag_ids, run.dag_id))
        execution.history.started(execution.new_record())
        return {"executionId": execution.plan.execution_id, "attempt": run.attempt}

    def _begin(
        self, context: Mapping[str, Any], run: RunFacts, view: RunView, freezer: Freezer
    ) -> dict[str, Any]:
        if self._plan is None:
            raise PlanUnavailableError(
                f"the plan of {run.dag_id} does not load any more, or Airflow refuses its DAG: correct "
                "what the import errors name, then start again"
            )
        plan = self._plan
        view.push(keys.OUTCOME, REFUSED)
        view.push(keys.RUN_RECORD, {"planName": plan.display_title, "planHash": plan.content_hash})
        tell_refused_to(view, plan, execution_id_of(run))
        if reason := exclusion_reason(plan, run):
            self._exclude(view, reason)
        conf = read_conf(plan, run)
        view.push(keys.RUN_RECORD, known_of(plan, conf))
        people, problem = read_people(self._plans_folder)
        check_teams(plan, people, problem)
        initiated_as = check_initiator(plan, conf, run, people)
        identity = RunIdentity(
            execution_id=execution_id_of(run),
            dag_id=run.dag_id,
            dag_run_id=run.run_id,
            run_after=run.run_after,
            started_at=freezer.started_at(),
            initiated_by=run.initiated_by,
        )
        preflight = self._preflight(plan, conf, identity, view, people, scheduled=run.scheduled)
        if conf.dry_run:
            view.push(keys.EXPECTED, expected_of_dry_run(plan, conf, preflight).model_dump(mode="json"))
            return {"outcome": DRY_RUN, "preflight": preflight.report.to_dict()}
        from drs_provider.orchestration.prepare.simulated import (
            simulated_by,  # boto3 stays out of DAG parsing
        )

        header = freeze_header(
            plan,
            conf,
            identity,
            given_conf=run.conf,
            preflight=preflight.report.summary(),
            overrides=[
                *conf_overrides(conf, plan, by=run.initiated_by),
                *(
                    {**item, "by": run.initiated_by, "why": conf.reason or NO_REASON}
                    for item in preflight.report.overrides()
                ),
            ],
            networks=preflight.drill_networks,
            simulated_by=simulated_by(
                plan.aws_targets(), session_name=role_session_name(identity.execution_id)
            ),
            people=frozen_people(people, plan.named_people),
            initiated_as=initiated_as,
        )
        waves = freeze_waves(plan, conf, preflight.servers, preflight.snapshots, preflight.drill_networks)
        header = with_expectation(header, waves)
        header = self._claim(context, view, conf, header, waves)
        freezer.freeze(header, waves)
        view.push(keys.OUTCOME, STARTED)
        return self._started(Execution.frozen(context))

    @staticmethod
    def _exclude(view: RunView, reason: str) -> NoReturn:
        view.push(keys.OUTCOME, EXCLUDED)
        view.push(keys.EXCLUSION, reason)
        raise AirflowSkipException(reason)

    def _claim(
        self,
        context: Mapping[str, Any],
        view: RunView,
        conf: RunConf,
        header: FrozenPlan,
        waves: Sequence[FrozenWave],
    ) -> FrozenPlan:
        """Claim the servers, and return the header with the drills that were cancelled for them."""
        from drs_provider.orchestration.concurrency.claims import claim_servers, overrides

        run, state = RunFacts.of(context), TaskState(context)
        cancelled = claim_servers(
            view,
            claim_of(header, waves, attempt=run.attempt, now=time.time()),
            partial(self._dag_ids, run.dag_id),
            may_preempt=conf.preempt_drill,
            reason=conf.reason,
        )
        # A try that died after it had cancelled a drill must not forget that.
        told: dict[str, Any] = state.get(keys.PREEMPTED_DRILLS) or {}
        for item in overrides(cancelled, by=run.initiated_by, why=conf.reason):
            told.setdefault(item["subject"], item)
        if not told:
            return header
        state.set(keys.PREEMPTED_DRILLS, told)
        return header.model_copy(update={"overrides": (*header.overrides, *told.values())})

    def _dag_ids(self, own: str) -> set[str]:
        from drs_provider.orchestration.concurrency.claims import known_dag_ids

        return known_dag_ids(own, self._plans_folder)

    def _preflight(
        self,
        plan: Plan,
        conf: RunConf,
        identity: RunIdentity,
        view: RunView,
        people: People,
        *,
        scheduled: bool,
    ) -> PreflightResult:
        from drs_provider.orchestration.look import looked_at  # boto3 stays out of DAG parsing

        known = kept_of(identity.dag_id)
        result = looked_at(
            plan,
            conf,
            identity.execution_id,
            initiated_by=identity.initiated_by,
            known=known.instances,
            still_runs=view.another_goes_on,
            people=people,
        )
        if conf.dry_run or result.report.blocking:
            from drs_provider.orchestration.concurrency.findings import with_other_executions

            dag_ids = self._dag_ids(identity.dag_id)
            result = with_other_executions(result, plan, conf, identity, view, dag_ids)
        from drs_provider.orchestration.prepare.runbook import with_runbook

        result = with_runbook(result, plan, conf, identity.execution_id, people)
        report = result.report
        view.push(keys.PREFLIGHT, report.to_dict())
        if conf.dry_run:
            view.push(keys.OUTCOME, DRY_RUN)
        self.log.info("Preflight of %s:\n%s", plan.name, report.text())
        emit(
            identity.execution_id,
            Event.PREFLIGHT,
            blocking=len(report.blocking),
            warnings=len(report.warnings),
        )
        seen = keep_preflight(
            known, plan, conf, result, execution_id=identity.execution_id, run_id=identity.dag_run_id
        )
        if seen.skip_reason and scheduled:
            self._exclude(view, seen.skip_reason)
        if report.blocking:
            view.push(keys.RUN_RECORD, {**known_of(plan, conf), "preflight": report.summary()})
            # Throttling or an expired session is no reason to refuse a recovery for good: Airflow tries again.
            refusal = PreflightUnansweredError if report.may_pass else ExecutionRefusedError
            raise refusal(f"preflight refuses the execution:\n{report.text()}")
        return result

    @staticmethod
    def _started(execution: Execution) -> dict[str, Any]:
        plan = execution.plan
        PREPARED.publish(execution, execution.attempt)
        execution.history.started(execution.new_record())
        execution.emit(
            Event.EXECUTION_STARTED, executionType=str(plan.execution_type), waves=len(plan.selected_waves)
        )
        waves = len(plan.selected_waves)
        summary = f"{plan.execution_type} {plan.plan_title} has started: {waves} waves"
        notify(execution, "start", f"{summary}, expected: {execution.expected.text()}")
        warn_of_rto(execution)
        return {"executionId": plan.execution_id, "attempt": execution.attempt}
