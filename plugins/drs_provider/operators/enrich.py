"""Read the instance data of a wave, decide it, and only then mark it COMPLETED or FAILED."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from drs_provider.exceptions import WaveFailedError
from drs_provider.orchestration.wave_result import gather, judge, wave_result
from drs_provider.plan.watch import WaveWatch
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.failures import tells_failure
from drs_provider.runtime.notifications import notify
from drs_provider.runtime.watching import open_watch
from drs_provider.runtime.wave_results import push_result


class DrsEnrichOperator(BaseOperator):
    """Completes a wave: bulk reads of recovery instances and EC2 instances, the verdict, the record.

    :param wave_number: 1-based number of the wave
    :raises WaveFailedError: if the wave's criteria are not met, or if its jobs have not ended
    """

    ui_color = "#bcd4e6"

    def __init__(self, *, wave_number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wave_number = wave_number

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Enrich and decide the wave."""
        execution = Execution.open(context)
        watch = open_watch(execution, execution.wave(self.wave_number))
        started = execution.now()
        execution.emit("enrichmentStarted", waveNumber=self.wave_number)
        result = self._result(execution, watch)
        execution.emit(
            "waveCompleted" if result["status"] == "COMPLETED" else "waveFailed",
            waveNumber=self.wave_number,
            status=result["status"],
            serversRecovered=result["serversRecovered"],
            serversTotal=result["serversTotal"],
            enrichmentSeconds=round(execution.now() - started, 3),
        )
        push_result(execution.view, result)
        execution.history.wave_ended(result)
        if result["status"] != "COMPLETED":
            notify(execution, "wave_failed", result["errorMessage"], waveNumber=self.wave_number)
            raise WaveFailedError(result["errorMessage"])
        return {name: result[name] for name in ("status", "serversRecovered", "serversTotal")}

    def _result(self, execution: Execution, watch: WaveWatch) -> dict[str, Any]:
        wave = watch.wave
        evidence = gather(execution, watch)
        verdict = judge(watch, evidence, now=execution.now())
        status, error = "COMPLETED", None
        if not verdict.decided:
            # Only a task that was marked as success by hand leads here: the state is evidence, the colour is not.
            status = "FAILED"
            error = f"wave {wave.number} ({wave.name}) has not ended: {'; '.join(verdict.reasons)}"
        elif not verdict.met:
            status = "FAILED"
            error = f"wave {wave.number} ({wave.name}) failed: {'; '.join(verdict.reasons)}"
        return wave_result(execution, watch, evidence, verdict, status=status, error=error)
