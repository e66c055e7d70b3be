"""Terminating drill instances that have outlived their time: the cleanup of their own drill, done later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.events import Event
from drs_provider.core.texts import cause
from drs_provider.exceptions import TaskStoppedError
from drs_provider.orchestration.cleanup.steps import DrillCleanup
from drs_provider.orchestration.sweep.executions import Executions
from drs_provider.orchestration.sweep.instances import LOOK_ERRORS
from drs_provider.rules.sweep.conf import SweepConf
from drs_provider.rules.sweep.instances import OwnerState
from drs_provider.runtime.timeline import emit


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
class Progress:
    """Where a termination stands.

    :param left: what is left, or may be left; empty if nothing is
    :param hopeless: looking again does not help
    """

    left: str = ""
    hopeless: bool = False

    @property
    def done(self) -> bool:
        """Whether it is proven that nothing of the drill is left."""
        return not self.left


@dataclass(frozen=True)
class Doomed:
    """An execution whose instances have all outlived their time.

    :param attempt: the attempt that they are of; those of a later one are young
    """

    plan_name: str | None
    attempt: int


def terminate(
    context: Mapping[str, Any],
    executions: Executions,
    conf: SweepConf,
    execution_id: str,
    doomed: Doomed,
) -> Progress:
    """Take the next step of an execution's cleanup: by the same rules, and with the same proof, as its own cleanup.

    :param doomed: what it was when its instances were looked at
    :raises TaskStoppedError: if the sweep's task was stopped
    """
    try:
        known = executions.find(execution_id, doomed.plan_name)
        if known.open is None or known.owner.state is not OwnerState.OVER:
            return Progress(f"it is left alone now: {known.owner.told}", hopeless=True)
        if known.attempt > doomed.attempt:
            told = (
                f"it is left alone now: it began anew meanwhile (attempt {known.attempt}), {known.owner.told}"
            )
            return Progress(told, hopeless=True)
        execution = known.open(conf.wants)
        targets = DrillCleanup(execution, ScopedState(context, execution_id)).step()
    except TaskStoppedError:
        raise
    except LOOK_ERRORS as error:
        return Progress(cause(str(error)), hopeless=True)
    unfinished = [target for target in targets if not target.done]
    broken = execution.intact_waves()[1]
    if not unfinished and not broken:
        jobs = sorted(job for target in targets for job in target.terminate_jobs)
        instances = sorted(item for target in targets for item in target.instance_ids)
        emit(execution_id, Event.DRILL_SWEPT, instances=instances, jobs=jobs)
        return Progress()
    left = ". ".join([*(target.left() for target in unfinished), *map(str, broken.values())])
    return Progress(left, hopeless=all(target.hopeless for target in unfinished))
