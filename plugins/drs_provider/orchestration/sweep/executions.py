"""What a sweep knows of executions: what became of their runs, and how one that is over is opened.

That is done from its run or, if that is gone, from its record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from drs_provider import settings
from drs_provider.airflow_api.other_runs import (
    FoundRun,
    OtherRunView,
    find_run,
    run_ids,
    task_states,
)
from drs_provider.airflow_api.run import RunFacts, RunView
from drs_provider.core.account import AwsTarget
from drs_provider.core.evidence import binding
from drs_provider.core.identity import dag_id_of
from drs_provider.core.states import ExecutionType
from drs_provider.exceptions import EvidenceError
from drs_provider.history.store import DynamoDbHistory
from drs_provider.orchestration.sweep.scope import SweepScope
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.schema import ExecutionRecord, WaveRow
from drs_provider.rules.sweep.instances import DEFAULT_MAX_AGE_SECONDS, SECONDS_PER_HOUR, Owner, OwnerState
from drs_provider.rules.sweep.records import (
    NO_OWN_ID,
    UNRECOGNIZED_RECORD_ERRORS,
    RunOutcome,
    is_end_of,
    is_of_deployment,
    recorded_plan,
    recorded_wave,
    run_outcome,
)
from drs_provider.runtime.channels.declared import CLEANUP, EXECUTION_END, FROZEN_PLAN
from drs_provider.runtime.channels.party import OtherRun, Run
from drs_provider.runtime.execution import FrozenExecution, execution_id_of


@dataclass(frozen=True)
class RunOf:
    """The DAG run of a record.

    :param told: the end that its `finalize` told, if it is one, and proven
    :param unproven: why what it told does not count
    """

    outcome: RunOutcome
    found: FoundRun | None = None
    told: ExecutionRecord | None = None
    unproven: str = ""


def run_of(record: Mapping[str, Any], view: RunView) -> RunOf:
    """Tell what became of a record's run.

    :raises RunUnknownError: if Airflow does not tell
    """
    dag_id, run_id = record["dagId"], record["dagRunId"]
    found = _find_own(dag_id, run_id, record["executionId"])
    if found is None:
        return RunOf(RunOutcome.GONE)
    if (outcome := _outcome(found)) is not RunOutcome.OVER:
        return RunOf(outcome, found)
    try:
        end = EXECUTION_END.read(Run(OtherRun(view, dag_id, run_id)))
    except EvidenceError as error:
        return RunOf(outcome, found, unproven=str(error))
    told = end.value
    if told is None or end.binding != binding(told["executionId"], attempt=told["attempt"]):
        return RunOf(outcome, found)
    return RunOf(outcome, found, told if is_end_of(told, record, run_state=found.state) else None)


def _find_own(dag_id: str, run_id: str, execution_id: str) -> FoundRun | None:
    """Return an execution's run, or None; one that was made again under the same name is another execution."""
    found = find_run(dag_id, run_id)
    return found if found and execution_id_of(found.facts) == execution_id else None


def _outcome(run: FoundRun) -> RunOutcome:
    return run_outcome(run.state, task_states(run.facts.dag_id, run.facts.run_id))


@dataclass
class SweptExecution(FrozenExecution):
    """An execution that is over, as far as its instances go.

    :param of_record: its waves by its record, if its run is gone; else the run's signed ones count
    :param wanted: the targets that the sweep looks at
    """

    of_record: tuple[FrozenWave, ...] | None = None
    wanted: Callable[[AwsTarget], bool] = field(default=lambda target: True)

    def intact_waves(self) -> tuple[list[FrozenWave], dict[int, EvidenceError]]:
        """Return the waves in the targets that the sweep looks at, and what is wrong with those that do not verify."""
        known, broken = super().intact_waves() if self.of_record is None else (self.of_record, {})
        return [wave for wave in known if self.wanted(wave.target)], broken


@dataclass(frozen=True)
class KnownExecution:
    """An execution that an instance's tags name.

    :param open: opens it for termination; None if it must not be
    :param attempt: its newest attempt, as far as that is known
    """

    owner: Owner
    open: Callable[[], SweptExecution] | None = None
    attempt: int = 0


@contextmanager
def _of_this_provider() -> Iterator[None]:
    """Let a record of another system be evidence that does not verify."""
    try:
        yield
    except UNRECOGNIZED_RECORD_ERRORS as error:
        raise EvidenceError(
            f"its record cannot be read as one of this provider: {type(error).__name__}: {error}"
        ) from error


@dataclass
class Executions:
    """Finds executions by their ids: in Airflow's runs, and in the history table.

    :param wanted: the targets that the sweep looks at
    :param runs: those of DAGs that were asked for so far, by DAG and execution id
    """

    context: Mapping[str, Any]
    scope: SweepScope
    history: DynamoDbHistory | None
    wanted: Callable[[AwsTarget], bool]
    runs: dict[str, dict[str, FoundRun]] = field(default_factory=dict)

    def find(self, execution_id: str, plan_name: str | None) -> KnownExecution:
        """Return what is known of an execution.

        :param plan_name: its plan, as the job's tag says
        :raises RunUnknownError: if Airflow does not tell
        :raises DrsError: or an error of botocore, if the history table cannot be read
        :raises EvidenceError: if its frozen plan, or what its cleanup told, does not verify, or its record is none that
            this provider writes
        """
        with _of_this_provider():
            record = self.history.read(execution_id) if self.history else None
            ours = record is not None and is_of_deployment(record, settings.get("deployment_id"))
        run = self._run(execution_id, plan_name, record if ours else None)
        if run is not None:
            return self._of_run(run)
        if record is not None and ours:
            return self._of_record(record)
        told = "its execution is in no run of this Airflow" + (
            ", and its record is another deployment's" if record is not None else ", and has no record"
        )
        return KnownExecution(Owner(OwnerState.UNPROVEN, self._max_age(plan_name), told=told))

    def _run(
        self, execution_id: str, plan_name: str | None, record: ExecutionRecord | None
    ) -> FoundRun | None:
        if record is not None:
            return _find_own(record["dagId"], record["dagRunId"], execution_id)
        return self._runs_of(dag_id_of(plan_name)).get(execution_id) if plan_name else None

    def _runs_of(self, dag_id: str) -> dict[str, FoundRun]:
        if dag_id not in self.runs:
            found = [find_run(dag_id, run_id) for run_id in run_ids(dag_id)]
            self.runs[dag_id] = {execution_id_of(run.facts): run for run in found if run is not None}
        return self.runs[dag_id]

    def _of_run(self, run: FoundRun) -> KnownExecution:
        facts = run.facts
        view = self._other(facts, lambda: _is_over_still(facts))
        plan = FROZEN_PLAN.read(Run(view, execution_id_of(facts))).required()
        over = _outcome(run) is RunOutcome.OVER
        told = f"its run {facts.run_id} of {facts.dag_id} is {'over' if over else 'not over'}"
        state = OwnerState.OVER if over else OwnerState.RUNS
        cleanup = CLEANUP.read(FrozenExecution(self.context, facts, view, plan)).value
        kept = plan.cleanup == "keep" or _was_kept(cleanup)
        owner = Owner(state, plan.max_age_seconds, kept, told)
        opened = partial(SweptExecution, self.context, facts, view, plan, wanted=self.wanted)
        return KnownExecution(owner, opened if over and plan.is_drill else None, facts.attempt)

    @_of_this_provider()
    def _of_record(self, record: ExecutionRecord) -> KnownExecution:
        told = f"its run {record['dagRunId']} of {record['dagId']} is gone"
        if not settings.has_own_deployment_id():
            told += f", or another Airflow's: {NO_OWN_ID}"
            return KnownExecution(Owner(OwnerState.UNPROVEN, self._max_age(record["planId"]), told=told))
        plan = self.scope.plans.get(record["planId"])
        asked = record.get("conf", {}).get("cleanup") or (plan.drill.cleanup if plan else None)
        kept = _was_kept(record.get("cleanup")) or asked == "keep"
        owner = Owner(OwnerState.OVER, self._max_age(record["planId"]), kept, told)
        if record["executionType"] != ExecutionType.DRILL:
            return KnownExecution(owner)
        return KnownExecution(owner, partial(self._recorded, record), record["attempt"])

    @_of_this_provider()
    def _recorded(self, record: ExecutionRecord) -> SweptExecution:
        facts = RunFacts(
            dag_id=record["dagId"],
            run_id=record["dagRunId"],
            run_after=record["triggerTime"],
            attempt=record["attempt"],
            started_at=None,
            initiated_by=record.get("initiatedBy", ""),
            scheduled=False,
            backfilled=False,
            conf={},
        )
        run = (facts.dag_id, facts.run_id, record["executionId"])
        view = self._other(facts, lambda: _find_own(*run) is None)
        plan = recorded_plan(record, max_age_seconds=self._max_age(record["planId"]))
        waves = tuple(self._wave(record, wave) for wave in record["waves"] if wave.get("serverStatuses"))
        return SweptExecution(self.context, facts, view, plan, of_record=waves, wanted=self.wanted)

    def _wave(self, record: ExecutionRecord, wave: WaveRow) -> FrozenWave:
        account_id = wave.get("accountContext", {}).get("accountId", "")
        target = self.scope.target_at(account_id, wave.get("region", ""), plan_name=record["planId"])
        if target is None:
            raise EvidenceError(f"no known plan has a target in account {account_id}, {wave.get('region')}")
        return recorded_wave(wave, target)

    def _other(self, facts: RunFacts, still_so: Callable[[], bool]) -> OtherRunView:
        return OtherRunView(self.context, facts.dag_id, facts.run_id, still_so)

    def _max_age(self, plan_name: str | None) -> float:
        plan = self.scope.plans.get(plan_name or "")
        return plan.drill.max_age_hours * SECONDS_PER_HOUR if plan else DEFAULT_MAX_AGE_SECONDS


def _was_kept(cleanup: Mapping[str, Any] | None) -> bool:
    return (cleanup or {}).get("action") == "kept"


def _is_over_still(facts: RunFacts) -> bool:
    """Whether a run is over, with nothing of it that may still act, and was not begun anew since."""
    found = find_run(facts.dag_id, facts.run_id)
    return found is not None and found.facts.attempt == facts.attempt and _outcome(found) is RunOutcome.OVER
