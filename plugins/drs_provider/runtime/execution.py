"""The execution that a running task belongs to, opened from its frozen plan."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from airflow.sdk.exceptions import AirflowSkipException

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunFacts, RunReader, RunView
from drs_provider.core.account import AwsTarget
from drs_provider.core.events import Event
from drs_provider.core.identity import execution_id, role_session_name
from drs_provider.exceptions import EvidenceError, PreemptedError
from drs_provider.history.outcome import ExecutionRef
from drs_provider.rules.concurrency.preemption import Preemption
from drs_provider.rules.execution.expectation import Expectation
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave
from drs_provider.rules.record.estimate import estimate
from drs_provider.rules.record.execution_record import initial_record
from drs_provider.rules.record.schema import ExecutionRecord
from drs_provider.runtime.channels.declared import FROZEN_PLAN, FROZEN_WAVE, PREEMPTION
from drs_provider.runtime.channels.party import Run
from drs_provider.runtime.history import RunHistory
from drs_provider.runtime.timeline import emit

# Operators import this module, and parsing a DAG must not load boto3.
if TYPE_CHECKING:
    from drs_provider.hooks.drs.drs_api import DrsApi
    from drs_provider.hooks.ec2.ec2_api import Ec2Api
    from drs_provider.hooks.iam_api import IamApi
    from drs_provider.hooks.step_resources import StepResourcesApi

STARTED = "started"
DRY_RUN = "dry_run"
EXCLUDED = "excluded"
REFUSED = "refused"


def execution_id_of(run: RunFacts) -> str:
    """Return the execution ID of a DAG run: the same for its retries and clears, and for no other run."""
    return execution_id(settings.get("deployment_id"), run.dag_id, run.run_id, run.run_after)


def ended_without_execution(view: RunView) -> str | None:
    """Return DRY_RUN or EXCLUDED if `prepare` ended so.

    A run that left traces has started, whatever its outcome says: XComs can be edited.
    """
    outcome = view.pull(keys.PREPARE, keys.OUTCOME)
    if outcome not in (DRY_RUN, EXCLUDED) or _left_traces(view):
        return None
    return str(outcome)


def never_started(view: RunView) -> bool:
    """Tell whether `prepare` ended without an execution: stopped, refused, or only looked.

    If `prepare` succeeded and its frozen plan is missing, somebody removed it, or marked the task as success.
    """
    if _left_traces(view):
        return False
    return ended_without_execution(view) is not None or view.task_states().get(keys.PREPARE) != "success"


def _left_traces(view: RunView) -> bool:
    """Whether there is a frozen plan, or a wave that asked for launches in whatever attempt."""
    return view.pull(keys.PREPARE, keys.FROZEN_PLAN) is not None or asked_for_launches(view)


def asked_for_launches(view: RunView) -> bool:
    """Tell whether a wave has asked for launches, in whatever attempt."""
    starts = [task_id for task_id in view.task_states() if task_id.endswith(f".{keys.START_RECOVERY}")]
    return any(view.pull(task_id, keys.START_INTENTS) is not None for task_id in starts)


@dataclass(frozen=True)
class AwsAccess:
    """AWS calls of an execution, all from the one client factory, under the execution's session name.

    The account of a target is proven before its first call.
    """

    execution_id: str

    @property
    def session_name(self) -> str:
        """Role session name of every call."""
        return role_session_name(self.execution_id)

    def drs(self, target: AwsTarget) -> DrsApi:
        """Return the DRS calls in a target."""
        from drs_provider.hooks.aws.clients import aws_clients
        from drs_provider.hooks.drs.drs_api import DrsApi

        return DrsApi(aws_clients(target, session_name=self.session_name))

    def ec2(self, target: AwsTarget) -> Ec2Api:
        """Return the EC2 calls in a target."""
        from drs_provider.hooks.aws.clients import aws_clients
        from drs_provider.hooks.ec2.ec2_api import Ec2Api

        return Ec2Api(aws_clients(target, session_name=self.session_name))

    def iam(self, target: AwsTarget) -> IamApi:
        """Return the IAM calls in a target."""
        from drs_provider.hooks.aws.clients import aws_clients
        from drs_provider.hooks.iam_api import IamApi

        return IamApi(aws_clients(target, session_name=self.session_name))

    def step_resources(self, target: AwsTarget) -> StepResourcesApi:
        """Return what steps name in a target."""
        from drs_provider.hooks.aws.clients import aws_clients
        from drs_provider.hooks.step_resources import StepResourcesApi

        return StepResourcesApi(aws_clients(target, session_name=self.session_name))


@dataclass
class FrozenExecution:
    """An execution as a running task reads it; it may be one of another run, to which nothing can be told.

    :param plan: header of the frozen plan, its signature verified
    """

    context: Mapping[str, Any]
    run: RunFacts
    view: RunReader
    plan: FrozenPlan
    _waves: dict[int, FrozenWave] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def open(cls, context: Mapping[str, Any]) -> Self:
        """Open the execution of a task that follows `prepare`.

        :raises AirflowSkipException: if the run is only a dry run, or falls into an exclusion window
        :raises EvidenceError: if the frozen plan is missing or does not verify
        :raises PreemptedError: if a RECOVERY has cancelled this drill
        """
        if reason := ended_without_execution(RunView(context)):
            raise AirflowSkipException(f"nothing to do: the run is {reason.replace('_', ' ')}")
        execution = cls.frozen(context)
        execution.require_not_preempted()
        return execution

    @classmethod
    def frozen(cls, context: Mapping[str, Any]) -> Self:
        """Open the execution whatever `prepare`'s outcome says.

        :raises EvidenceError: if the frozen plan is missing or does not verify
        """
        run, view = RunFacts.of(context), RunView(context)
        told = FROZEN_PLAN.read(Run(view, execution_id_of(run), context=context))
        return cls(context, run, view, told.required())

    @property
    def attempt(self) -> int:
        """1-based attempt that this task runs in."""
        return self.run.attempt

    @property
    def execution_id(self) -> str:
        """Its ID: what everything that its tasks tell is bound to."""
        return self.plan.execution_id

    @property
    def plan_hash(self) -> str:
        """Content hash of the frozen plan."""
        return self.plan.plan_hash

    def wave(self, number: int) -> FrozenWave:
        """Return a frozen wave by its 1-based number; it never changes, so it is read and verified once.

        :raises EvidenceError: if it is missing or does not verify
        """
        if number not in self._waves:
            self._waves[number] = FROZEN_WAVE.read(self, wave=number).required()
        return self._waves[number]

    def waves(self) -> list[FrozenWave]:
        """Return all frozen waves by number.

        :raises EvidenceError: if one of them is missing or does not verify
        """
        return [self.wave(ref.number) for ref in sorted(self.plan.waves, key=lambda ref: ref.number)]

    def intact_waves(self) -> tuple[list[FrozenWave], dict[int, EvidenceError]]:
        """Return the frozen waves that verify, and what is wrong with each of the others.

        For tasks that only end things: one wave that was changed must not keep them from the others.
        """
        intact, broken = [], {}
        for ref in sorted(self.plan.waves, key=lambda ref: ref.number):
            try:
                intact.append(self.wave(ref.number))
            except EvidenceError as error:
                broken[ref.number] = EvidenceError(f"wave {ref.number} ({ref.name}): {error}")
        return intact, broken

    def preemption(self) -> Preemption | None:
        """Return the notice with which a RECOVERY ended this attempt, or None; a RECOVERY takes no notice of any.

        Asked for anew each time: it is looked for again right before a launch.

        :raises EvidenceError: if there is one that does not verify
        """
        if not self.plan.is_drill:
            return None
        found = PREEMPTION.read(self).value
        return found if found and found.ends(self.attempt, run_began=self.run.started_at) else None

    def require_not_preempted(self) -> None:
        """Go on only if no RECOVERY has cancelled this drill.

        :raises PreemptedError: naming the RECOVERY
        :raises EvidenceError: if there is a notice that does not verify
        """
        if found := self.preemption():
            raise PreemptedError(found.message())

    def drs(self, target: AwsTarget) -> DrsApi:
        """Return the DRS calls in a target."""
        return AwsAccess(self.execution_id).drs(target)

    def ec2(self, target: AwsTarget) -> Ec2Api:
        """Return the EC2 calls in a target."""
        return AwsAccess(self.execution_id).ec2(target)

    @cached_property
    def history(self) -> RunHistory:
        """The execution's record in the history table (a no-op if the history is switched off)."""
        ref = ExecutionRef(self.plan.execution_id, self.plan.plan_name, self.attempt)
        return RunHistory.of(ref, self.new_record)

    @cached_property
    def expected(self) -> Expectation:
        """How long the execution is expected to take, as it was frozen."""
        return self.plan.expected or estimate(self.plan.execution_type, self.intact_waves()[0])

    def new_record(self) -> ExecutionRecord:
        """Return the record of this attempt as it begins; of a wave that does not verify it has the header's facts."""
        waves, _ = self.intact_waves()
        return initial_record(
            self.plan,
            waves,
            attempt=self.attempt,
            expected_duration_seconds=self.expected.seconds,
            expected_duration_source=self.expected.source,
            now=self.started_at,
        )

    @property
    def started_at(self) -> float:
        """When this attempt began, in epoch seconds."""
        first = self.attempt == 1 or self.run.started_at is None
        return self.plan.started_at if first else self.run.started_at or self.plan.started_at

    def emit(self, event: Event, **facts: Any) -> None:
        """Log a timeline event of this execution."""
        emit(self.plan.execution_id, event, attempt=self.attempt, **facts)

    def now(self) -> float:
        """Return the time, in epoch seconds."""
        return time.time()


@dataclass
class Execution(FrozenExecution):
    """A running task's view of its own execution, in which it can tell the other tasks something."""

    view: RunView
