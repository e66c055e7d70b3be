"""The history's updates: which paths each one writes, and under which condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider.core.states import (
    LIVE_WAVE,
    TERMINAL_EXECUTION,
    ExecutionStatus,
    WaveStatus,
    allowed_from,
)
from drs_provider.history.expressions import Path, Update
from drs_provider.history.outcome import ExecutionRef
from drs_provider.history.packing import ROW_KINDS, fit_earlier, fit_field
from drs_provider.rules.record.merging import (
    RESULT_FIELDS,
    WAVE_RESULT_FIELDS,
    WRITTEN_ONCE,
    earlier_wave,
)

_COUNTED = {WaveStatus.COMPLETED.value: "completedWaves", WaveStatus.FAILED.value: "failedWaves"}
# Written by the updates themselves, never as a field that a caller gives.
OWN_EXECUTION_FIELDS = frozenset(
    {
        "executionId",
        "planId",
        "status",
        "attempt",
        "attempts",
        "waves",
        "totalWaves",
        "completedWaves",
        "failedWaves",
    }
)
OWN_WAVE_FIELDS = frozenset({"waveNumber", "status", "attempt", "earlierAttempts", *ROW_KINDS.values()})


def refuse_fields(fields: Mapping[str, Any], own: frozenset[str]) -> None:
    """Refuse fields that only the history itself writes.

    :raises ValueError: naming them
    """
    if wrong := sorted(own & fields.keys()):
        raise ValueError(f"these fields cannot be set directly: {', '.join(wrong)}")


def _in_attempt(update: Update, ref: ExecutionRef) -> None:
    update.require(("attempt",), "=", ref.attempt)


def _running(update: Update, ref: ExecutionRef) -> None:
    _in_attempt(update, ref)
    update.require_in(("status",), TERMINAL_EXECUTION, negate=True)


def wave_update(
    ref: ExecutionRef,
    wave_number: int,
    status: WaveStatus | None,
    fields: Mapping[str, Any],
    *,
    polled_at: float | None = None,
    opens: bool = False,
) -> Update:
    """Return the update of a wave within the attempt that runs it.

    :param fields: packed wave fields
    :param polled_at: the fields come from a poll: only a wave that still runs takes them, and none that is
        newer already (a poll never touches the execution's status, trap 6)
    :param opens: the wave must belong to the writer's attempt; else an earlier one is good as well
    """
    wave: Path = ("waves", wave_number - 1)
    update = Update()
    _running(update, ref)
    update.require((*wave, "waveNumber"), "=", wave_number)
    update.require((*wave, "attempt"), "=" if opens else "<=", ref.attempt)
    if status is not None:
        update.require_in((*wave, "status"), allowed_from(status))
        update.set((*wave, "status"), status.value)
    if polled_at is not None:
        update.require_in((*wave, "status"), LIVE_WAVE)
        update.require_absent_or((*wave, "lastPolledTime"), "<=", polled_at)
        update.set(("lastPolledTime",), polled_at)
    for name, value in fields.items():
        write = update.set_once if name in WRITTEN_ONCE else update.set
        write((*wave, name), value)
    for name in _replaced_rows(fields):
        update.remove((*wave, name))
    _count(update, wave_number, status, was=None)
    return update


def wave_rollover_update(
    ref: ExecutionRef,
    wave: Mapping[str, Any],
    status: WaveStatus | None,
    fields: Mapping[str, Any],
    *,
    polled_at: float | None = None,
) -> Update:
    """Return the update with which a later attempt takes over a wave.

    What the wave was goes to ``earlierAttempts``. Whatever its status was may be followed: the clear that
    began the attempt has ended what the earlier one was doing.

    :param wave: the wave as it is stored
    """
    at: Path = ("waves", wave["waveNumber"] - 1)
    update = Update()
    _running(update, ref)
    update.require((*at, "waveNumber"), "=", wave["waveNumber"])
    update.require((*at, "attempt"), "=", wave["attempt"])
    update.require((*at, "status"), "=", wave["status"])
    earlier = [*wave.get("earlierAttempts", ()), earlier_wave(wave)]
    written = dict(fields) | {
        "attempt": ref.attempt,
        "status": (status or WaveStatus.PENDING).value,
        "earlierAttempts": fit_earlier(ref, earlier),
    }
    for name, value in written.items():
        update.set((*at, name), value)
    dropped = {*WAVE_RESULT_FIELDS, ROW_KINDS["checks"], *_replaced_rows(fields)}
    for name in sorted(dropped - written.keys()):
        update.remove((*at, name))
    if polled_at is not None:
        update.set(("lastPolledTime",), polled_at)
    _count(update, wave["waveNumber"], status, was=wave["status"])
    return update


def _replaced_rows(fields: Mapping[str, Any]) -> list[str]:
    # Rows stand either in the wave or in items of their own: one form replaces the other.
    pairs = [*ROW_KINDS.items(), *((counter, kind) for kind, counter in ROW_KINDS.items())]
    return [other for name, other in pairs if name in fields and other not in fields]


def _count(update: Update, wave_number: int, status: WaveStatus | None, *, was: str | None) -> None:
    # The counters move in the same conditional write as the status, so a retry cannot count twice.
    changes = {name: 0 for name in _COUNTED.values()}
    if was in _COUNTED:
        changes[_COUNTED[was]] -= 1
    if status is not None and status.value in _COUNTED:
        changes[_COUNTED[status.value]] += 1
    for name, amount in changes.items():
        if amount:
            update.add((name,), amount)
    if status is WaveStatus.LAUNCHING:
        update.set(("currentWave",), wave_number)


def execution_update(
    ref: ExecutionRef, index: int, status: ExecutionStatus | None, fields: Mapping[str, Any]
) -> Update:
    """Return the update of an execution that runs.

    :param index: where ``attempts`` holds the attempt
    """
    update = Update()
    _running(update, ref)
    update.require(("attempts", index, "attempt"), "=", ref.attempt)
    if status is not None:
        update.require_in(("status",), allowed_from(status))
        update.set(("status",), status.value)
        update.set(("attempts", index, "status"), status.value)
    for name, value in fields.items():
        write = update.set_once if name in WRITTEN_ONCE else update.set
        write((name,), fit_field(name, value))
    return update


def open_attempt_update(
    ref: ExecutionRef,
    stored: Mapping[str, Any],
    opened: Mapping[str, Any],
    header: Mapping[str, Any],
    waves: Sequence[Mapping[str, Any]] = (),
) -> Update:
    """Return the update with which a later attempt opens an execution again.

    :param opened: the stored record after :func:`~drs_provider.rules.record.merging.new_attempt`
    :param header: further fields of the execution
    :param waves: packed waves for a record that has none: what came before was refused before it had a plan
    """
    update = Update()
    update.require(("attempt",), "=", stored["attempt"])
    update.require(("status",), "=", stored["status"])
    update.set(("attempt",), ref.attempt)
    update.set(("status",), opened["status"])
    update.set(("startTime",), opened["startTime"])
    update.append(("attempts",), [opened["attempts"][-1]])
    names = set(header) - OWN_EXECUTION_FIELDS - {"startTime", *RESULT_FIELDS}
    for name in sorted(names):
        update.set((name,), fit_field(name, header[name]))
    if waves:
        update.set(("waves",), list(waves))
        update.set(("totalWaves",), len(waves))
    for name in RESULT_FIELDS:
        update.remove((name,))
    return update


def whole_waves_update(ref: ExecutionRef, waves: Mapping[int, Mapping[str, Any]]) -> Update:
    """Return the update that writes waves as they were in the end, each by its own path.

    :param waves: packed waves by their number
    """
    update = Update()
    _running(update, ref)
    for number, wave in waves.items():
        update.set(("waves", number - 1), wave)
    return update


def finalize_update(ref: ExecutionRef, final: Mapping[str, Any]) -> Update:
    """Return the update that ends the attempt; it writes no wave."""
    update = Update()
    _in_attempt(update, ref)
    update.require_in(("status",), allowed_from(ExecutionStatus(final["status"])))
    for name, value in final.items():
        if name not in {"executionId", "planId", "attempt", "waves"}:
            update.set((name,), fit_field(name, value))
    return update


def report_update(ref: ExecutionRef, index: int, *, uri: str, sha256: str) -> Update:
    """Return the update that notes an attempt's report, once."""
    update = Update()
    update.require(("attempts", index, "attempt"), "=", ref.attempt)
    update.require_absent(("attempts", index, "reportSha256"))
    update.set(("attempts", index, "reportUri"), uri)
    update.set(("attempts", index, "reportSha256"), sha256)
    return update
