"""Decide a wave by its steps, when they have ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from drs_provider import keys
from drs_provider.core.events import Event
from drs_provider.exceptions import WaveFailedError
from drs_provider.runtime.channels.declared import WAVE_RESULT
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.notifications import notify
from drs_provider.runtime.preconditions import require_end_ahead
from drs_provider.runtime.rto_risk import warn_of_rto


class PlanDecideOperator(BaseOperator):
    """Completes a wave with steps after its launches: status, record and signed result, by what the steps came to.

    :param wave_number: 1-based number of the wave
    :raises WaveFailedError: if the wave's criteria are not met
    """

    ui_color = "#bcd4e6"

    def __init__(self, *, wave_number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wave_number = wave_number

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Decide the wave."""
        from drs_provider.orchestration.steps.decide import decided_wave  # boto3 stays out of DAG parsing

        execution = Execution.open(context)
        require_end_ahead(execution.view, keys.FINALIZE)
        result = decided_wave(execution, execution.wave(self.wave_number))
        return tell_wave_end(execution, result)


def tell_wave_end(execution: Execution, result: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """Publish and record how a wave ended.

    :raises WaveFailedError: if it failed
    """
    number = result["waveNumber"]
    execution.emit(
        Event.WAVE_COMPLETED if result["status"] == "COMPLETED" else Event.WAVE_FAILED,
        waveNumber=number,
        status=result["status"],
        serversRecovered=result["serversRecovered"],
        serversTotal=result["serversTotal"],
        **facts,
    )
    WAVE_RESULT.publish(execution, result, wave=number)  # type: ignore[arg-type]
    execution.history.wave_ended(result)
    if result["status"] != "COMPLETED":
        notify(execution, "wave_failed", result["errorMessage"], waveNumber=number)
        raise WaveFailedError(result["errorMessage"])
    warn_of_rto(execution, ended=number)
    return {name: result[name] for name in ("status", "serversRecovered", "serversTotal")}
