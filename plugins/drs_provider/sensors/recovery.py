"""Wait for a wave's DRS jobs, deferred, until every server is decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseSensorOperator, Context

from drs_provider import keys, settings
from drs_provider.plan.frozen import FrozenWave
from drs_provider.plan.verdict import WaveVerdict
from drs_provider.plan.watch import WaveWatch
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.failures import tells_failure
from drs_provider.runtime.watching import open_watch

if TYPE_CHECKING:
    from drs_provider.triggers.recovery import DrsRecoveryTrigger


class DrsRecoverySensor(BaseSensorOperator):
    """Waits until all jobs of a wave are COMPLETED and every server is final, or the wave's time is over.

    Deferred by default: the wait holds no worker, and all waits of one account and Region share their polls. Its end
    is a verdict, not a failure: `enrich` decides the wave, so that what was launched is recorded whatever failed. An
    event of the trigger only says "look again"; the verdict is made from what DRS says then.

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
        if not self.deferrable:
            return super().execute(cast("Context", context))
        execution, wave, watch = self._open(context)
        return self._look(execution, wave, watch)

    @tells_failure
    def look_again(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
        """Resume from the trigger: look at DRS, and end or defer again."""
        execution, wave, watch = self._open(context)
        if event.get("status") == "error":
            # The wave is not lost because it could not be watched for a while; its deadline bounds the tries.
            self.log.warning("The trigger gave up: %s", event.get("message"))
        watch.remember(event.get("memory", {}))
        return self._look(execution, wave, watch)

    def poke(self, context: Mapping[str, Any]) -> bool:
        """Look once; the wave's deadline ends the wait."""
        execution, _, watch = self._open(context)
        verdict = self._verdict(execution, watch)
        if verdict.decided:
            self._tell(execution, watch, verdict)
        return verdict.decided

    def _open(self, context: Mapping[str, Any]) -> tuple[Execution, FrozenWave, WaveWatch]:
        execution = Execution.open(context)
        wave = execution.wave(self.wave_number)
        return execution, wave, open_watch(execution, wave)

    def _look(self, execution: Execution, wave: FrozenWave, watch: WaveWatch) -> Any:
        verdict = self._verdict(execution, watch)
        if verdict.decided:
            return self._tell(execution, watch, verdict)
        return self.defer(trigger=self._trigger(execution, wave, watch), method_name="look_again")

    @staticmethod
    def _verdict(execution: Execution, watch: WaveWatch) -> WaveVerdict:
        from drs_provider.orchestration.wave_result import gather, judge  # boto3 stays out of DAG parsing

        return judge(watch, gather(execution, watch), now=execution.now())

    def _trigger(self, execution: Execution, wave: FrozenWave, watch: WaveWatch) -> DrsRecoveryTrigger:
        from drs_provider.triggers.recovery import DrsRecoveryTrigger

        started = execution.view.pull(
            keys.wave_task_id(wave.number, wave.name, keys.START_RECOVERY), keys.RECOVERY_JOBS
        )
        return DrsRecoveryTrigger(
            wave=wave.model_dump(mode="json"),
            started=started,
            memory=watch.memory(),
            execution_id=execution.plan.execution_id,
            plan_id=execution.plan.plan_name,
            execution_type=str(execution.plan.execution_type),
            attempt=execution.attempt,
            total_waves=len(execution.plan.waves),
            poll_interval_seconds=settings.get_seconds("poll_interval_seconds"),
        )

    def _tell(self, execution: Execution, watch: WaveWatch, verdict: WaveVerdict) -> dict[str, Any]:
        execution.view.push(keys.WATCH_MEMORY, watch.memory())
        execution.emit(
            "jobsEnded",
            waveNumber=self.wave_number,
            recovered=verdict.recovered,
            servers=len(verdict.servers),
        )
        for reason in verdict.reasons:
            self.log.warning("Wave %s: %s", self.wave_number, reason)
        return {"met": verdict.met, "recovered": verdict.recovered, "servers": len(verdict.servers)}
