"""What a step begins, what it waits for, and what it is told: once for each subject, found again after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from drs_provider.exceptions import DrsError, OutcomeUnknownError
from drs_provider.hooks.aws.errors import AWS_ERRORS, is_outcome_unknown, is_transient
from drs_provider.orchestration.steps.actions import Action, open_action
from drs_provider.orchestration.steps.ends import stopped
from drs_provider.orchestration.steps.open import launched, recovered_addresses
from drs_provider.orchestration.steps.run import StepRun
from drs_provider.rules.steps.results import Look
from drs_provider.rules.steps.state import UNKNOWN_OUTCOME


def to_wait_for(run: StepRun) -> list[str]:
    """Begin what is open, as far as it may be; return the subjects to wait for.

    :raises ClientError: or another error that may pass by itself
    """
    if run.step.is_check:
        return run.state.keys_in("open")
    action = open_action(run.step, run.step.target, run.execution.execution_id, wave_facts(run))
    for key in run.state.keys_in("starting"):
        _find(run, action, key)
    if run.execution.now() >= (run.state.deadline or 0):
        for key in run.state.keys_in("open"):
            run.took(key, "failed", "timed out: not begun, since those before it took all of the time")
        run.keep()
    while (free := run.step.parallel - len(run.state.keys_in("started"))) > 0:
        if not (some := run.state.keys_in("open")[:free]):
            break
        for key in some:
            _start(run, action, key)
    return run.state.keys_in("started")


def _find(run: StepRun, action: Action, key: str) -> None:
    """Look for what a try that was lost may have begun."""
    try:
        found = action.find(run.subjects[key], run.state.subjects[key]["token"])
    except OutcomeUnknownError as error:
        run.took(key, UNKNOWN_OUTCOME, str(error))
    else:
        if found is None:
            run.state.subjects[key]["state"] = "open"
        else:
            _take(run, key, found)
    run.keep()


def _start(run: StepRun, action: Action, key: str) -> None:
    run.starting(key)
    try:
        _take(run, key, action.start(run.subjects[key], run.state.subjects[key]["token"]))
    except OutcomeUnknownError as error:
        run.took(key, UNKNOWN_OUTCOME, str(error))
    except (*AWS_ERRORS, DrsError) as error:
        if is_transient(error):
            if not is_outcome_unknown(error):
                run.state.subjects[key]["state"] = "open"  # nothing has begun
                run.keep()
            raise
        run.took(key, "failed", str(error))
    run.keep()


def _take(run: StepRun, key: str, look: Look) -> None:
    state = "started" if look.state == "waiting" else look.state
    run.state.took(key, state, look.output, at=run.execution.now(), handle=look.handle)


def trigger_arguments(run: StepRun, waited: list[str]) -> dict[str, Any]:
    """Return the arguments of the trigger that waits for subjects."""
    step = run.step.model_dump(mode="json")
    if step["networks"] is not None:
        step["networks"] = [*step["networks"], *recovered_addresses(run.execution)]
    kept = run.state.subjects
    return {
        "step": step,
        "subjects": [asdict(run.subjects[key]) for key in waited],
        "target": run.step.target.to_dict() if run.step.target else None,
        "execution_id": run.execution.execution_id,
        "deadline": run.state.deadline,
        "handles": {key: kept[key]["handle"] for key in waited if "handle" in kept[key]},
    }


def take_results(run: StepRun, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep what a trigger saw; what is not over in time is stopped, and what cannot be stopped may still happen."""
    for key, result in results.items():
        if run.state.subjects.get(key, {}).get("state") not in ("open", "started"):
            continue
        handle, output = result.get("handle"), result["output"]
        run.state.took(key, result["state"], output, at=result["at"], handle=handle)
        late = result.get("timed_out") and not run.step.is_check
        if late and handle and (still := stopped(run.execution, run.step, handle)):
            run.took(key, UNKNOWN_OUTCOME, f"{output}; {still}")
    run.keep()


def next_inner(run: StepRun) -> str | None:
    """Return the subject that an inner operator is to be run for next, or None; from now on it may have begun."""
    for key in run.state.keys_in("starting", "started"):
        text = f"the task was stopped while {run.step.kind} ran: whether it ended is not known"
        run.took(key, UNKNOWN_OUTCOME, text)
        run.keep()
    for key in run.state.keys_in("open"):
        run.starting(key)
        return key
    return None


def wave_facts(run: StepRun) -> dict[str, Any]:
    """Return what other DAGs and inner operators are given of the wave."""
    plan = run.execution.plan
    facts: dict[str, Any] = {
        "executionId": plan.execution_id,
        "executionType": str(plan.execution_type),
        "planName": plan.plan_name,
    }
    if run.wave is not None:
        facts |= {"waveName": run.wave.name, "waveNumber": run.wave.number}
        if run.step.place == "after":
            facts |= launched(run.execution, run.wave)
    return facts
