"""The decision over a wave whose steps decide it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from drs_provider import keys
from drs_provider.core.states import WaveStatus
from drs_provider.core.texts import message
from drs_provider.exceptions import EvidenceError
from drs_provider.orchestration.steps.open import launched
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.merging import recovered
from drs_provider.rules.record.schema import WaveResult, without_empty
from drs_provider.rules.steps.verdict import Ended, after_steps, ready_time, step_row, unmet
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.steps import all_told, task_of


def decided_wave(execution: Execution, wave: FrozenWave) -> WaveResult:
    """Return the result of a wave whose steps have ended: COMPLETED or FAILED, with what each came to.

    :raises EvidenceError: if what it rests on does not verify, or is older than the wave's launch
    """
    result = launched(execution, wave)
    ended = all_told(execution, wave.after, wave)
    before = all_told(execution, wave.before, wave)
    for step, state in ended:
        if state is not None and state.attempt < result["attempt"]:
            raise EvidenceError(
                f"{task_of(step, wave)} was marked as success: it did not run since the wave was launched; clear it"
            )
    rows = after_steps(result["serverStatuses"], ended)
    reasons = [*unmet(wave, result["serverStatuses"], ended), *_failures(execution, wave, ended)]
    text = message(f"wave {wave.number} ({wave.name}) failed: {'; '.join(reasons)}") if reasons else None
    decided = {
        **result,
        "attempt": execution.attempt,
        "status": (WaveStatus.FAILED if reasons else WaveStatus.COMPLETED).value,
        "serverStatuses": rows,
        "serversRecovered": sum(recovered(row) for row in rows),
        "failedServers": [row.get("serverName", row["sourceServerId"]) for row in rows if not recovered(row)],
        "steps": [step_row(step, state) for step, state in [*before, *ended] if state is not None],
        "readyTime": None if reasons else ready_time(result["endTime"], ended),
        "errorMessage": text,
    }
    return cast("WaveResult", without_empty(decided))


def _failures(execution: Execution, wave: FrozenWave, steps: Sequence[Ended]) -> Iterator[str]:
    """Yield why steps failed that did not come to their end: an error of their own."""
    for step, state in steps:
        failure = execution.view.pull(task_of(step, wave), keys.FAILURE)
        if failure and step.on_failure != "continue" and (state is None or not state.over):
            yield failure["message"]
