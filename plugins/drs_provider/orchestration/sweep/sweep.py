"""A sweep: orphaned records, then drill instances that have outlived their time, then their termination if wanted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from drs_provider import settings
from drs_provider.airflow_api.run import RunView
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.events import Event
from drs_provider.core.texts import cause
from drs_provider.exceptions import DrsFailError, TaskStoppedError
from drs_provider.history.store import DynamoDbHistory
from drs_provider.orchestration.cleanup.steps import DrillCleanup
from drs_provider.orchestration.sweep.executions import Executions
from drs_provider.orchestration.sweep.instances import InstanceSweep, finding, to_terminate
from drs_provider.orchestration.sweep.records import AWS_ERRORS, RecordSweep, open_history
from drs_provider.orchestration.sweep.scope import LOOK_ERRORS, sweep_scope
from drs_provider.rules.sweep.conf import SweepConf
from drs_provider.rules.sweep.instances import OwnerState, TerminationPolicy
from drs_provider.rules.sweep.report import SweepReport
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)

TERMINATING, TERMINATED = "terminating", "terminated"


class ScopedState(TaskState):
    """The running task's store, with a part of its own for one execution."""

    def __init__(self, context: Mapping[str, Any], scope: str) -> None:
        super().__init__(context)
        self._scope = scope

    def get(self, key: str, default: Any = None) -> Any:
        """Return a stored value or the default."""
        return super().get(f"{self._scope}/{key}", default)

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        super().set(f"{self._scope}/{key}", value)


@dataclass(frozen=True)
class TerminationTarget:
    """An execution whose instances have all outlived their time.

    :param attempt: the attempt that they are of; those of a later one are young
    """

    plan_name: str | None
    attempt: int


@dataclass(frozen=True)
class Progress:
    """Where a termination stands.

    :param left: what is left, or may be left; empty if it is proven that nothing of the drill is
    :param needs_operator: looking again does not help
    """

    left: str = ""
    needs_operator: bool = True


@dataclass
class SweepState:
    """Where a sweep stands.

    :param terminations: executions whose instances are being terminated, by id
    """

    report: SweepReport
    terminations: dict[str, TerminationTarget] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        terminations = {execution_id: asdict(item) for execution_id, item in self.terminations.items()}
        return {"report": self.report.to_dict(), "terminations": terminations}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SweepState:
        """Read :meth:`to_dict`'s data."""
        terminations = {key: TerminationTarget(**item) for key, item in data["terminations"].items()}
        return cls(SweepReport.from_dict(data["report"]), terminations)


class Sweep:
    """The sweep of one task.

    :param plans_folder: where the plans are
    """

    def __init__(self, context: Mapping[str, Any], plans_folder: Path, conf: SweepConf) -> None:
        self._context = context
        self._conf = conf
        self._scope = sweep_scope(plans_folder, settings.state_path())

    def look(self, now: float) -> SweepState:
        """Look at everything and close orphaned records; terminate nothing yet.

        :raises DrsFailError: if no target fits the configuration
        """
        self._check_targets()
        policy = TerminationPolicy(always=settings.get_bool("sweep_terminate"), asked=self._conf.terminate)
        report = SweepReport(
            swept_at=now,
            deployment_id=settings.get("deployment_id"),
            dry_run=self._conf.dry_run,
            terminate=policy.always or policy.asked,
            notes=list(self._scope.notes),
            failures=list(self._scope.failures),
        )
        history = self._history(report)
        if history is not None:
            report.history = True
            RecordSweep(history, self._scope, RunView(self._context), report, now=now).run()
        elif not report.history and not any(self._scope.places()):
            report.failures.append(
                "nothing was looked at: no plan names an account, and there is no history table. Set [drs] "
                "plans_folder or the history_* options, or switch the sweeper off: [drs] sweep_schedule = off"
            )
        executions = self._executions(history)
        judged = InstanceSweep(self._scope, self._conf, executions, report, now=now).run()
        chosen = to_terminate(judged, policy)
        action = "would terminate" if self._conf.dry_run else TERMINATING
        for item in judged:
            if item.kind is not None:
                done = action if item.instance.execution_id in chosen else "left"
                report.findings.append(finding(item, item.kind, done, now=now))
        if self._conf.dry_run:
            return SweepState(report)
        seen = {
            item.instance.execution_id: TerminationTarget(item.instance.plan_name, item.execution.attempt)
            for item in judged
            if item.execution is not None
        }
        return SweepState(report, {execution_id: seen[execution_id] for execution_id in sorted(chosen)})

    def step(self, state: SweepState, *, last: bool) -> None:
        """Take the next step of all terminations; what is done, or cannot be done, is in the report.

        :param last: whether time is over: what is left then is a failure
        :raises TaskStoppedError: if the sweep's task was stopped
        """
        executions = self._executions(self._history(None))
        for execution_id, item in list(state.terminations.items()):
            progress = self._terminate(executions, execution_id, item)
            if not progress.left:
                _mark(state.report, execution_id, TERMINATED)
            elif progress.needs_operator or last:
                state.report.failures.append(
                    f"drill instances of execution {execution_id} ({item.plan_name}) are not all terminated: "
                    f"{progress.left}. Terminate these recovery instances in DRS, or fix the cause and sweep again"
                )
            else:
                log.info("Execution %s: %s", execution_id, progress.left)
                continue
            del state.terminations[execution_id]
        state.report.complete = not state.terminations

    def _terminate(self, executions: Executions, execution_id: str, seen: TerminationTarget) -> Progress:
        """Take the next step of an execution's cleanup: by the same rules, and with the same proof, as its own.

        :param seen: what it was when its instances were looked at
        """
        try:
            known = executions.find(execution_id, seen.plan_name)
            if known.open is None or known.owner.state is not OwnerState.OVER:
                return Progress(f"it is left alone now: {known.owner.told}")
            if known.attempt > seen.attempt:
                began = f"it began anew meanwhile (attempt {known.attempt})"
                return Progress(f"it is left alone now: {began}, {known.owner.told}")
            execution = known.open()
            targets = DrillCleanup(execution, ScopedState(self._context, execution_id)).step()
        except TaskStoppedError:
            raise
        except LOOK_ERRORS as error:
            return Progress(cause(str(error)))
        unfinished = [target for target in targets if not target.done]
        left = [*(target.left() for target in unfinished), *map(str, execution.intact_waves()[1].values())]
        if not left:
            jobs = sorted(job for target in targets for job in target.terminate_jobs)
            instances = sorted(item for target in targets for item in target.instance_ids)
            emit(execution_id, Event.DRILL_SWEPT, instances=instances, jobs=jobs)
        return Progress(". ".join(left), needs_operator=all(target.needs_operator for target in unfinished))

    def _executions(self, history: DynamoDbHistory | None) -> Executions:
        return Executions(self._context, self._scope, history, self._conf.wants)

    @staticmethod
    def _history(report: SweepReport | None) -> DynamoDbHistory | None:
        try:
            return open_history()
        except AWS_ERRORS as error:
            if report is not None:
                report.history = True
                report.failures.append(f"the history table cannot be reached: {error}")
            return None

    def _check_targets(self) -> None:
        places = list(self._scope.places())
        if self._conf.targets and not any(self._conf.wants(target) for ways in places for target in ways):
            known = ", ".join(f"{ways[0].account_id}/{ways[0].region}" for ways in places) or "none"
            raise DrsFailError(
                f"no plan has a target that fits {', '.join(self._conf.targets)}; known are {known}"
            )


def _mark(report: SweepReport, execution_id: str, action: str) -> None:
    report.findings = [
        replace(item, action=action)
        if item.execution_id == execution_id and item.action == TERMINATING
        else item
        for item in report.findings
    ]
