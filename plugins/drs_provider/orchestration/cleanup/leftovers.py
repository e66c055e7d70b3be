"""What is left of a drill at the end of an attempt: proven, kept on purpose, or left, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drs_provider import keys
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.texts import message, named
from drs_provider.exceptions import EvidenceError
from drs_provider.orchestration.cleanup.steps import DrillCleanup
from drs_provider.orchestration.cleanup.target import TargetState
from drs_provider.orchestration.launch.instances import Told
from drs_provider.orchestration.wave.end import WaveEnd
from drs_provider.rules.record.schema import CleanupReport, LeftRow, WaveResult
from drs_provider.runtime.channels.declared import CLEANUP, GATE_DECISION, WAVE_RESULT
from drs_provider.runtime.execution import Execution

INCOMPLETE, KEPT = "incomplete", "kept"


@dataclass(frozen=True)
class DrillEnd:
    """What is left of a drill.

    :param report: the record's ``cleanup``, or None
    :param problem: why the execution did not end well although its waves may have, or None
    """

    report: CleanupReport | None = None
    problem: str | None = None


def kept_reason(execution: Execution) -> str | None:
    """Return why the execution's instances stay, if they stay on purpose."""
    if not execution.plan.is_drill:
        return "a RECOVERY keeps its instances"
    if execution.plan.cleanup == "keep":
        return "the drill keeps its instances, as plan or run configuration say"
    held = execution.view.task_states().get(keys.HOLD_DRILL) == "success"
    if held and execution.plan.hold.on_timeout == "keep":
        # One that does not verify keeps nothing; finalize ends the run by it.
        decision = GATE_DECISION.believed(
            execution, "The drill's verdict keeps nothing", wave=0, task_id=keys.HOLD_DRILL
        )
        if decision and decision["verdict"]["timedOut"]:
            return "nobody judged the drill in time, and the plan keeps its instances then"
    return None


def recorded_instances(execution: Execution, results: Iterable[WaveResult] | None = None) -> dict[str, Told]:
    """Return the EC2 instances that wave results name, by target name, job and server.

    :param results: default: what `enrich` wrote of each wave; one that was changed is left out, and so is one of a
        wave whose frozen form was
    """
    waves = {wave.number: wave for wave in execution.intact_waves()[0]}
    found: dict[str, Told] = {}
    for result in _results(execution) if results is None else results:
        if result["waveNumber"] not in waves:
            continue
        target = waves[result["waveNumber"]].target.name
        for row in result.get("serverStatuses", ()):
            instance = row.get("instanceId") or row.get("recoveryInstanceId")
            if instance:
                of_job = found.setdefault(target, {}).setdefault(row.get("recoveryJobId", ""), {})
                of_job[row["sourceServerId"]] = instance
    return found


def _results(execution: Execution) -> Iterable[WaveResult]:
    for ref in execution.plan.selected_waves:
        enrich = keys.wave_task_id(ref.number, ref.name, keys.ENRICH)
        doubt = f"The result of wave {ref.number} does not verify"
        if result := WAVE_RESULT.believed(execution, doubt, wave=ref.number, task_id=enrich):
            yield result


def drill_end(execution: Execution, ends: Sequence[WaveEnd]) -> DrillEnd:
    """Return what is left of a drill; DRS and EC2 are asked if this attempt's cleanup published no result."""
    cause, report = None, None
    try:
        report = CLEANUP.read(execution).value
    except EvidenceError as error:
        cause = f"cleanup: {error}"
    launches = [end for end in ends if end.launched or end.result.get("jobs")]
    launched_in = max((end.result["attempt"] for end in launches), default=0)
    if report and (report["attempt"] < launched_in or _kept_no_more(execution, report)):
        report = None  # of an attempt before: it was marked as success, and did not run
    if report and report["action"] != INCOMPLETE:
        # A cleanup's last word. A failure beside it is of a try that Airflow had replaced while it still ran.
        return DrillEnd(report)
    failure = execution.view.pull(keys.CLEANUP_DRILL, keys.FAILURE)
    if failure:
        cause = f"cleanup failed: {failure['message']}"
    if not execution.plan.is_drill:
        return DrillEnd(report, cause)
    if report:
        return DrillEnd(report, cause or f"cleanup is not complete; left: {left_text(report['left'])}")
    if cause is None and (reason := kept_reason(execution)):
        return DrillEnd({"action": KEPT, "reason": reason, "attempt": execution.attempt})
    return _looked(execution, ends, cause or f"cleanup did not run: {_did_not_run(execution)}")


def _kept_no_more(execution: Execution, report: CleanupReport) -> bool:
    """Whether an attempt before kept the instances for a reason that does not hold in this one."""
    earlier = report["action"] == KEPT and report["attempt"] < execution.attempt
    return earlier and kept_reason(execution) is None


def _did_not_run(execution: Execution) -> str:
    state = execution.view.task_states().get(keys.CLEANUP_DRILL)
    if state == "success":
        return f"{keys.CLEANUP_DRILL} was marked as success"
    if state == "failed":
        return f"{keys.CLEANUP_DRILL} was killed, or marked as failed"
    return f"{keys.CLEANUP_DRILL} is {state or 'not in the DAG any more'}"


def _looked(execution: Execution, ends: Sequence[WaveEnd], cause: str) -> DrillEnd:
    """Look for the drill's instances, and terminate nothing: that is the cleanup's task."""
    recorded = recorded_instances(execution, [end.result for end in ends])
    cleanup = DrillCleanup(execution, TaskState(execution.context), recorded=recorded, terminates=False)
    targets = cleanup.step()
    rows = left_rows(targets)
    report: CleanupReport = {"action": INCOMPLETE, "reason": message(cause), "attempt": execution.attempt}
    if not rows:
        if not any(target.instance_ids or target.recorded for target in targets):
            # Nothing was launched, so nothing had to be cleaned up.
            return DrillEnd({**report, "action": "none"})
        return DrillEnd(report, f"{cause}; DRS and EC2 have none of the drill's instances any more")
    problem = (
        f"{cause}; the drill's instances may still exist: {left_text(rows)}. Clear {keys.CLEANUP_DRILL}, with "
        "downstream: it terminates them"
    )
    return DrillEnd({**report, "left": rows}, problem)


def left_rows(targets: Sequence[TargetState]) -> list[LeftRow]:
    """Return what is left as records carry it, one row for each account and Region."""
    return [target.left_row() for target in targets if not target.done]


def left_text(rows: Iterable[LeftRow]) -> str:
    """Return what is left in words: the first instances of each account and Region, and why."""
    return ". ".join(
        f"account {row['accountId']}, Region {row['region']}: "
        f"{'instances ' + named(row['instances']) + ', ' if row['instances'] else ''}{row['why']}"
        for row in rows
    )
