"""Wait for a wave's DRS jobs, deferred, until every server is decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, cast

from airflow.sdk import BaseSensorOperator, Context

from drs_provider import keys, settings
from drs_provider.airflow_api.listeners import has_listeners
from drs_provider.airflow_api.run import RunView
from drs_provider.core.events import Event
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.verdict import WaveVerdict
from drs_provider.rules.wave.watch import JobsToFollow, WaveWatch
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.outages import (
    PAUSE_SECONDS,
    RESUME_METHOD,
    Outage,
    pause,
    tried,
    waits_out_outages,
)
from drs_provider.runtime.preconditions import require_end_ahead
from drs_provider.runtime.watch import open_watch, required_jobs

if TYPE_CHECKING:
    from drs_provider.triggers.recovery import DrsRecoveryTrigger


class PlanWaitSensor(BaseSensorOperator):
    """Waits until all jobs of a wave are COMPLETED and every server is final, or the wave's time is over.

    Deferred by default: the wait holds no worker, and all waits of one account and Region share their polls. Its end
    is a verdict, not a failure: `enrich` decides the wave, so that what was launched is recorded whatever failed. If
    every server is recovered, the trigger ends this task itself: no worker has to start only to say so. Any other event
    of the trigger only says "look again"; the verdict is made from what DRS says then.

    :param wave_number: 1-based number of the wave
    :param deferrable: wait in the triggerer; otherwise in the worker, by poking
    """

    ui_color = "#e6f1f2"

    def __init__(self, *, wave_number: int, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.soft_fail or self.never_fail:
            raise ValueError(f"{self.task_id}: a wave that failed softly would let the next one start")
        self.wave_number = wave_number
        self.deferrable = deferrable

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> Any:
        """Defer, unless the wave is decided already; without the triggerer, poke until it is."""
        require_end_ahead(RunView(context))
        if not self.deferrable:
            return super().execute(cast("Context", context))
        return self.look_again(context)

    @tells_failure
    @waits_out_outages
    def look_again(self, context: Mapping[str, Any], event: Any = None) -> Any:
        """Resume from the trigger, or after a pause: look at DRS, and end or defer again.

        :param event: the trigger's event; after a pause it says nothing
        """
        return self._look(context, event if isinstance(event, Mapping) else None)

    def poke(self, context: Mapping[str, Any]) -> bool:
        """Look once; the wave's deadline ends the wait."""
        execution, _, _, watch = self._open(context)
        verdict = tried(context, lambda: self._verdict(execution, watch))
        if isinstance(verdict, Outage):
            return False
        if verdict.decided:
            self._tell(execution, verdict)
        return verdict.decided

    def _open(self, context: Mapping[str, Any]) -> tuple[Execution, FrozenWave, JobsToFollow, WaveWatch]:
        execution = Execution.open(context)
        wave = execution.wave(self.wave_number)
        started = required_jobs(execution, wave)
        return execution, wave, started, open_watch(execution, wave, started)

    def _look(self, context: Mapping[str, Any], event: Mapping[str, Any] | None) -> Any:
        execution, wave, started, watch = self._open(context)
        if event is not None:
            watch.remember(event.get("memory", {}))
        verdict = self._verdict(execution, watch)
        if verdict.decided:
            return self._tell(execution, verdict)
        if event is not None:
            self._pause_after(event)
        return self.defer(trigger=self._trigger(execution, wave, started, watch), method_name=RESUME_METHOD)

    def _pause_after(self, event: Mapping[str, Any]) -> NoReturn:
        """Wait before the next trigger: it may say at once what the last one said, because it sees less than we do."""
        seconds = settings.get_seconds("poll_interval_seconds")
        if event.get("status") == "error":
            # The wave is not lost because it could not be watched for a while; its deadline bounds the tries.
            self.log.warning("The trigger gave up: %s", event.get("message"))
            seconds = max(seconds, PAUSE_SECONDS)
        pause(self, seconds)

    @staticmethod
    def _verdict(execution: Execution, watch: WaveWatch) -> WaveVerdict:
        from drs_provider.orchestration.wave.result import gather, judge  # boto3 stays out of DAG parsing

        try:
            return judge(watch, gather(execution, watch), now=execution.now())
        finally:
            # What grace periods count from: `enrich` asks for it, and so does the next look of ours.
            execution.view.push(keys.WATCH_MEMORY, watch.memory())

    def _trigger(
        self, execution: Execution, wave: FrozenWave, started: JobsToFollow, watch: WaveWatch
    ) -> DrsRecoveryTrigger:
        from drs_provider.triggers.recovery import DrsRecoveryTrigger

        return DrsRecoveryTrigger(
            wave=wave.model_dump(mode="json"),
            started=started,
            memory=watch.memory(),
            execution_id=execution.plan.execution_id,
            plan_id=execution.plan.plan_name,
            execution_type=str(execution.plan.execution_type),
            attempt=execution.attempt,
            poll_interval_seconds=settings.get_seconds("poll_interval_seconds"),
            may_end_task=not has_listeners(),
        )

    def _tell(self, execution: Execution, verdict: WaveVerdict) -> dict[str, Any]:
        execution.emit(Event.JOBS_ENDED, waveNumber=self.wave_number, **verdict.counts)
        for reason in verdict.reasons:
            self.log.warning("Wave %s: %s", self.wave_number, reason)
        return {"met": verdict.met, **verdict.counts}
