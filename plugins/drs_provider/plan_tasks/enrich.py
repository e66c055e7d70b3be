"""Read the instance data of a wave, decide it, and only then mark it COMPLETED or FAILED."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from drs_provider import settings
from drs_provider.airflow_api.run import RunView
from drs_provider.core.events import Event
from drs_provider.core.states import WaveStatus
from drs_provider.plan_tasks.decide import tell_wave_end
from drs_provider.rules.record.schema import WaveResult
from drs_provider.runtime.channels.declared import WAVE_RESULT
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.outages import pause, waits_out_outages
from drs_provider.runtime.preconditions import require_end_ahead
from drs_provider.runtime.watch import open_watch


class PlanEnrichOperator(BaseOperator):
    """Completes a wave: bulk reads of recovery instances and EC2 instances, the verdict, the record.

    Steps after the launches decide the wave if it has any: it stays POLLING then, and `decide` completes it.

    :param wave_number: 1-based number of the wave
    :raises WaveFailedError: if the wave's criteria are not met, or if its jobs have not ended
    """

    ui_color = "#bcd4e6"

    def __init__(self, *, wave_number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wave_number = wave_number

    @tells_failure
    @waits_out_outages
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Enrich and decide the wave."""
        require_end_ahead(RunView(context))
        return self._complete(context)

    @tells_failure
    @waits_out_outages
    def look_again(self, context: Mapping[str, Any], event: Any = None) -> dict[str, Any]:
        """Try again after AWS could not be reached."""
        return self._complete(context)

    def _complete(self, context: Mapping[str, Any]) -> dict[str, Any]:
        # boto3 stays out of DAG parsing
        from drs_provider.orchestration.wave.result import UndecidedWaveError, completed_wave

        execution = Execution.open(context)
        watch = open_watch(execution, execution.wave(self.wave_number))
        started = execution.now()
        execution.emit(Event.ENRICHMENT_STARTED, waveNumber=self.wave_number)
        try:
            result = completed_wave(execution, watch, look_again=True)
        except UndecidedWaveError as error:
            self.log.info("Wave %s is not decided yet: %s", self.wave_number, error)
            pause(self, settings.get_seconds("poll_interval_seconds"))
        seconds = round(execution.now() - started, 3)
        execution.emit(
            Event.ENRICHMENT_ENDED,
            waveNumber=self.wave_number,
            seconds=seconds,
            complete=not result.get("enrichmentIncomplete", False),
        )
        if impaired := result.get("impairedServers"):
            execution.emit(Event.STATUS_CHECKS_IMPAIRED, waveNumber=self.wave_number, servers=impaired)
        if watch.wave.decided_by_steps and result["status"] == WaveStatus.COMPLETED:
            return self._leave_to_steps(execution, result)
        return tell_wave_end(execution, result, enrichmentSeconds=seconds)

    def _leave_to_steps(self, execution: Execution, result: WaveResult) -> dict[str, Any]:
        """Publish what was launched; the wave stays POLLING until its steps have ended."""
        launched: WaveResult = {**result, "status": WaveStatus.POLLING.value}
        WAVE_RESULT.publish(execution, launched, wave=self.wave_number)
        execution.history.wave_launched(launched)
        return {name: launched[name] for name in ("status", "serversRecovered", "serversTotal")}
