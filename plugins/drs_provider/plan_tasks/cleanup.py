"""Terminate what a drill launched, and prove it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunView
from drs_provider.airflow_api.state_store import KeptState
from drs_provider.core.events import Event
from drs_provider.exceptions import CleanupIncompleteError
from drs_provider.rules.record.schema import CleanupReport
from drs_provider.runtime.channels.declared import CLEANUP, TERMINATED
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.execution import Execution, never_started
from drs_provider.runtime.outages import pause

if TYPE_CHECKING:
    from drs_provider.orchestration.cleanup.target import TargetState

#: A terminate job takes minutes. A job that still launches may first use up its wave's time.
MAX_SECONDS = 2 * 3600


class PlanCleanupOperator(BaseOperator):
    """Terminates the drill's own instances, after waiting for jobs that still launch, and watches them go.

    Only instances whose ``jobID`` is a job of this execution and whose ``isDrill`` is true are touched, and none that
    a server was launched into and that existed before. The proof is
    EC2's own word that they are gone. A RECOVERY, a drill that keeps its instances, and a run that never started
    have nothing to clean.

    :raises CleanupIncompleteError: if instances are left; the message names them
    """

    ui_color = "#d9d2e9"

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> Any:
        """Clean up, or tell why there is nothing to clean."""
        if never_started(RunView(context)):
            return {"action": "none", "reason": "the run never started"}
        return self._clean(Execution.frozen(context))

    @tells_failure
    def look_again(self, context: Mapping[str, Any], event: Any = None) -> Any:
        """Go on after a wait for jobs."""
        return self._clean(Execution.frozen(context))

    def _clean(self, execution: Execution) -> Any:
        # boto3 stays out of DAG parsing
        from drs_provider.orchestration.cleanup.leftovers import kept_reason, left_rows, recorded_instances
        from drs_provider.orchestration.cleanup.steps import DrillCleanup
        from drs_provider.orchestration.cleanup.target import people_must_act
        from drs_provider.orchestration.end.outside_changes import see_before_cleanup

        if reason := kept_reason(execution):
            return self._tell(
                execution, {"action": "none" if not execution.plan.is_drill else "kept", "reason": reason}
            )
        state = KeptState(execution.context)
        now = execution.now()
        since = state.once(f"{keys.CLEANUP_SINCE}_{execution.attempt}", now)
        if since == now:
            execution.emit(Event.CLEANUP_STARTED)
        patient = now - since <= settings.get_seconds("outage_minutes") * 60
        if not see_before_cleanup(execution, patient=patient):
            return pause(self, settings.get_seconds("poll_interval_seconds"))
        targets = DrillCleanup(execution, state, recorded=recorded_instances(execution)).step()
        unfinished = [target for target in targets if not target.done]
        waves, broken = execution.intact_waves()
        if not unfinished and not broken:
            return self._tell(execution, self._report(targets))
        longest = MAX_SECONDS + max((wave.timeout_seconds for wave in waves), default=0)
        waited = execution.now() - since
        refused = f"{keys.CLEANUP_REFUSED}_{execution.attempt}"
        if waited <= longest and not people_must_act(unfinished, state, refused, now=execution.now()):
            return pause(self, settings.get_seconds("poll_interval_seconds"))
        self._tell(
            execution, {**self._report(targets), "action": "incomplete", "left": left_rows(unfinished)}
        )
        left = ". ".join([*(target.left() for target in unfinished), *self._unknown(execution, broken)])
        raise CleanupIncompleteError(
            f"the drill's cleanup is not complete after {round(waited / 60)} minutes; left: {left}. Terminate "
            "these recovery instances in DRS (none that is pre-provisioned; in EC2 those that DRS does not list), or "
            "fix the cause; then clear this task, with downstream, to look again."
        )

    @staticmethod
    def _unknown(execution: Execution, broken: Mapping[int, Exception]) -> list[str]:
        return [
            f"{error} What this wave launched was not looked for: see in DRS for jobs with the tags ExecutionId "
            f"{execution.plan.execution_id} and WaveNumber {number}"
            for number, error in broken.items()
        ]

    @staticmethod
    def _report(targets: list[TargetState]) -> CleanupReport:
        remaining = sorted(item for target in targets for item in target.step.remaining)
        before = sorted(item for target in targets for item in target.pre_provisioned)
        known = sorted(item for target in targets for item in target.instance_ids)
        gone = [item for item in known if item not in {*remaining, *before}]
        return {
            "action": TERMINATED,
            "instances": len(known),
            "terminated": gone,
            "remaining": remaining,
            **({"preProvisioned": before} if before else {}),
            "jobs": sorted(job for target in targets for job in target.terminate_jobs),
        }

    @staticmethod
    def _tell(execution: Execution, report: CleanupReport) -> CleanupReport:
        CLEANUP.publish(execution, {**report, "attempt": execution.attempt})
        execution.emit(Event.DRILL_CLEANED_UP, **report)
        return report
