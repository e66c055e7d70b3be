"""Noticing that instances of judged waves were replaced or terminated from outside, before the execution's end.

Asked of EC2 in bulk: when people have judged a drill, when its cleanup begins, and by `finalize`. Once a cleanup has
begun to terminate, nobody can tell any more who did; so what was there when it began is told first, and signed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from drs_provider.core.account import AwsTarget
from drs_provider.core.events import Event
from drs_provider.core.texts import cause
from drs_provider.exceptions import DrsError, EvidenceError
from drs_provider.hooks.aws.errors import AWS_ERRORS, is_transient
from drs_provider.hooks.ec2.ec2_rows import end_reason, instance_exists
from drs_provider.orchestration.wave.end import WaveEnd, outcome_of, told_result
from drs_provider.rules.drs.jobs import JobView, parse_jobs
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.outside_changes import (
    Seen,
    instance_of,
    loss,
    losses,
    with_losses,
    without_ground,
)
from drs_provider.rules.record.schema import ServerRow, WaveResult
from drs_provider.runtime.channels.declared import CLEANUP, INSTANCES_SEEN
from drs_provider.runtime.execution import Execution

log = logging.getLogger(__name__)

Judged = tuple[FrozenWave, WaveResult]


def look(execution: Execution, judged: Iterable[Judged], *, known: Seen | None = None) -> Seen:
    """Look whether the instances of servers that recovered still exist; what is known already is not asked again."""
    seen = known or Seen()
    places: dict[AwsTarget, list[ServerRow]] = {}
    since: dict[AwsTarget, float] = {}
    for wave, result in judged:
        rows = [row for row in result.get("serverStatuses", ()) if _open(row, seen)]
        if rows:
            places.setdefault(wave.target, []).extend(rows)
            began = result.get("startTime", execution.plan.started_at)
            since[wave.target] = min(began, since.get(wave.target, began))
    for target, rows in places.items():
        _look_at(execution, target, rows, seen, since=since[target])
    if seen.lost and places and seen.unproven is None:
        execution.emit(Event.INSTANCES_LOST, instances=dict(sorted(seen.lost.items())))
    return seen


def _open(row: ServerRow, seen: Seen) -> bool:
    instance_id = instance_of(row)
    return instance_id is not None and not seen.covers(instance_id)


def _look_at(
    execution: Execution, target: AwsTarget, rows: Sequence[ServerRow], seen: Seen, *, since: float
) -> None:
    by_id = {str(instance_of(row)): row for row in rows}
    try:
        found = execution.ec2(target).instances(by_id)
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("Whether instances still exist could not be asked: %s", error)
        seen.problem = error
        seen.unchecked |= by_id.keys()
        return
    gone = [key for key in by_id if key not in found or not instance_exists(found[key])]
    seen.there |= by_id.keys() - set(gone)
    if seen.unproven is not None:
        why = f"was there when the cleanup began is not known: {seen.unproven}"
        seen.lost |= {key: cause(f"whether its instance {key} {why}") for key in gone}
    elif gone:
        jobs = _jobs(execution, target, since)
        seen.lost |= {key: cause(loss(by_id[key], jobs, end_reason(found.get(key, {})))) for key in gone}


def _jobs(execution: Execution, target: AwsTarget, since: float) -> Sequence[JobView]:
    try:
        return parse_jobs(execution.drs(target).jobs_since(since))
    except (*AWS_ERRORS, DrsError, ValueError) as error:
        log.warning("Who replaced or terminated instances could not be asked: %s", error)
        return ()


def judged_waves(execution: Execution) -> list[Judged]:
    """Return the waves that told how they ended; what does not verify is left out, and named by `finalize`."""
    states = execution.view.task_states()
    judged: list[Judged] = []
    for wave in execution.intact_waves()[0]:
        try:
            result = told_result(execution, wave, states)
        except EvidenceError as error:
            log.warning("Wave %s is not looked at: %s", wave.number, error)
            continue
        if result:
            judged.append((wave, result))
    return judged


def checked_verdict(execution: Execution, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return people's verdict on a drill as it can stand: what is not there any more was not passed by anybody.

    A verdict that is given again after the cleanup is on what the cleanup saw.
    """
    judged = judged_waves(execution)
    seen = look(execution, judged, known=_seen_by_cleanup(execution))
    stands = without_ground(verdict, losses((result for _, result in judged), seen.lost))
    if seen.problem is not None:
        stands["unchecked"] = (
            f"whether the instances still existed could not be asked: {cause(str(seen.problem))}"
        )
    return stands


def see_before_cleanup(execution: Execution, *, patient: bool) -> bool:
    """Tell what of a drill is there before its cleanup terminates anything; once told, it stays so.

    :param patient: whether to wait for an AWS that cannot answer
    :return: False if AWS could not answer, and nothing may be terminated yet
    """
    try:
        stored = INSTANCES_SEEN.read(execution).value
    except EvidenceError as error:
        log.warning("%s", error)  # left as it is: `finalize` names it with every instance that is gone then
        return True
    before = stored.to_dict() if stored else None
    seen = look(execution, judged_waves(execution), known=stored)
    if patient and seen.problem is not None and is_transient(seen.problem):
        return False
    if seen.to_dict() != before:
        INSTANCES_SEEN.publish(execution, seen)
    return True


def with_outside_changes(
    execution: Execution, ends: Sequence[WaveEnd], waves: Mapping[int, FrozenWave]
) -> tuple[list[WaveEnd], list[str]]:
    """Return the ends of waves as they are when the attempt ends, and what became of lost instances.

    :param waves: by number; one that does not verify is not looked at
    """
    judged = [(waves[end.outcome.number], end.result) for end in ends if end.told]
    seen = look(execution, judged, known=_seen_by_cleanup(execution))
    changed = [_changed(waves[end.outcome.number], end, seen) if end.told else end for end in ends]
    return changed, losses((result for _, result in judged), seen.lost)


def _seen_by_cleanup(execution: Execution) -> Seen:
    """Return what the cleanup saw; its own report stands for executions that it began to clean up without looking.

    The report is no ground beside a look that does not verify: DRS lists for a while what is gone already.
    """
    seen = Seen()
    try:
        seen = INSTANCES_SEEN.read(execution).value or seen
        report = CLEANUP.read(execution).value or {}
    except EvidenceError as error:
        log.warning("What was there when the cleanup began: %s", error)
        return replace(seen, unproven=error)
    found = {*report.get("terminated", ()), *report.get("remaining", ()), *report.get("preProvisioned", ())}
    seen.there |= found - seen.lost.keys()
    return seen


def _changed(wave: FrozenWave, end: WaveEnd, seen: Seen) -> WaveEnd:
    instances = {instance_of(row) for row in end.result.get("serverStatuses", ())}
    result = end.result
    if instances & seen.unchecked:
        result = {**result, "enrichmentIncomplete": True}
    if instances & seen.lost.keys():
        result = with_losses(result, wave, seen.lost)
    if result is end.result:
        return end
    return replace(end, result=result, outcome=outcome_of(wave, result), error=result.get("errorMessage"))
