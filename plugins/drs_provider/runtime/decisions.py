"""What a person's decision rests on: it holds for as long as nothing of that has happened anew.

Airflow deletes what a task told only when the task begins again. So a gate that was cleared, and marked as success
before it began, still shows the decision of an attempt before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drs_provider import keys
from drs_provider.exceptions import EvidenceError, GateClosedError
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.gate import DecisionInputs, GateDecision
from drs_provider.runtime.channels.channel import fingerprint
from drs_provider.runtime.channels.declared import GATE_DECISION
from drs_provider.runtime.execution import Execution


def basis_of(execution: Execution, wave_numbers: Iterable[int]) -> DecisionInputs:
    """Return what is there now: the last run of `prepare`, and the results of some waves."""
    view = execution.view
    refs = {ref.number: ref for ref in execution.plan.waves}
    states = view.task_states()
    basis: DecisionInputs = {keys.PREPARE: fingerprint(view.pull(keys.PREPARE, keys.PREPARED))}
    for number in sorted(wave_numbers):
        end = keys.wave_end_task_id(refs[number])
        # A wave that was left out is told by its first task; what its last one told is older then.
        start = keys.wave_task_id(number, refs[number].name, keys.START_RECOVERY)
        told_by = end if states.get(end) == "success" else start
        basis[f"wave {number}"] = fingerprint(view.pull(told_by, keys.WAVE_RESULT))
    return basis


def decision_of(
    execution: Execution, task_id: str, wave_number: int, based_on_waves: Iterable[int]
) -> GateDecision:
    """Return the decision that a gate told.

    :param wave_number: the wave behind the gate, 0 for the drill's hold
    :param based_on_waves: numbers of the waves whose results it was made on
    :raises EvidenceError: if it does not verify, or if it was made on other facts than those of now
    """
    decision = GATE_DECISION.read(execution, wave=wave_number, task_id=task_id).required()
    if newer := _differing(decision.get("basis", {}), basis_of(execution, based_on_waves)):
        raise EvidenceError(
            f"evidence {GATE_DECISION.purpose!r} of {task_id} is of attempt {decision['attempt']}: "
            f"{', '.join(newer)} ran again since, and {task_id} did not. Clear {task_id} and everything behind it, so "
            "that it asks again."
        )
    return decision


def gate_decision(execution: Execution, wave: FrozenWave) -> str:
    """Return what the gate before a wave decided: ``approve``, ``skip`` or ``unarmed``.

    :raises EvidenceError: as :func:`decision_of`
    :raises GateClosedError: if it was rejected
    """
    gate_id = keys.gate_task_id(wave.number)
    decision = decision_of(execution, gate_id, wave.number, wave.depends_on)["decision"]
    if decision == "reject":
        raise GateClosedError(f"{gate_id} was rejected; clear the gate as well to ask again")
    return decision


def _differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
