"""What AWS's answers say about the work of a step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from drs_provider.rules.steps.results import Look

Row = Mapping[str, Any]

MAX_OUTPUT: Final = 400
"""Characters of an output that a record keeps."""

_COMMAND_GOES_ON = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})
_AUTOMATION_WELL = frozenset({"Success", "CompletedWithSuccess"})
_AUTOMATION_OVER = frozenset(
    {"TimedOut", "Cancelled", "Failed", "Rejected", "CompletedWithFailure", "Exited"}
    | {"ChangeCalendarOverrideRejected"}
)


def short(text: str) -> str:
    """Return an output on one line, as long as a record keeps it: its end, where commands tell what went wrong."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_OUTPUT else f"…{line[1 - MAX_OUTPUT :]}"


def command_look(row: Row, handle: str, *, exit_code: int = 0, output_match: str | None = None) -> Look:
    """Return what a command of Run Command came to (GetCommandInvocation)."""
    status = str(row.get("Status", ""))
    if status in _COMMAND_GOES_ON:
        return Look("waiting", f"the command is {status}", handle)
    output, errors = (str(row.get(f"Standard{name}Content") or "") for name in ("Output", "Error"))
    shown = short(f"{output}\n{errors}")
    code = row.get("ResponseCode", -1)
    if status not in ("Success", "Failed") or code == -1:
        details = row.get("StatusDetails") or status
        return Look("failed", short(f"the command ended {details}: {shown}"), handle)
    if code != exit_code:
        return Look("failed", short(f"exit code {code}: {shown}"), handle)
    if output_match and not re.search(output_match, output):
        return Look("failed", short(f"no match of {output_match!r} in the output: {shown}"), handle)
    return Look("passed", shown, handle)


def automation_look(row: Row, handle: str) -> Look:
    """Return what an execution of a runbook came to (GetAutomationExecution)."""
    status = str(row.get("AutomationExecutionStatus", ""))
    if status in _AUTOMATION_WELL:
        return Look("passed", short(f"{status} {row.get('Outputs') or ''}"), handle)
    if status in _AUTOMATION_OVER:
        return Look("failed", short(f"{handle} ended {status}: {row.get('FailureMessage') or ''}"), handle)
    return Look("waiting", f"{handle} is {status}", handle)


def dns_look(change: Row, handle: str) -> Look:
    """Return what a change of Route 53 came to (GetChange)."""
    status = str(change.get("Status", ""))
    return Look("passed" if status == "INSYNC" else "waiting", f"change {handle} is {status}", handle)


def run_look(dag_id: str, run_id: str, state: str | None) -> Look:
    """Return what the run of a DAG came to; None: there is no such run any more."""
    shown = f"run {run_id} of {dag_id} " + (f"is {state}" if state else "is gone")
    ends: dict[str | None, Literal["passed", "failed"]] = {
        "success": "passed",
        "failed": "failed",
        None: "failed",
    }
    return Look(ends.get(state, "waiting"), shown, f"{dag_id}/{run_id}")


def alarms_look(found: Mapping[str, tuple[str, str]], wanted: Sequence[str], state: str) -> Look:
    """Return whether alarms are in a state.

    :param found: name → state and its reason
    """
    others = []
    for name in wanted:
        if name not in found:
            others.append(f"{name} does not exist")
        elif found[name][0] != state:
            others.append(f"{name} is {found[name][0]}: {found[name][1]}")
    return Look("waiting", short("; ".join(others))) if others else Look("passed", f"{len(wanted)} × {state}")


def status_look(checks: Mapping[str, str] | None) -> Look:
    """Return what EC2's instance and system status checks say (None: EC2 tells nothing of the instance).

    An impaired instance is waited for, too: the output says so, and some recover by themselves.
    """
    states = [(checks or {}).get(name, "not told") for name in ("instance", "system")]
    shown = f"instance {states[0]}, system {states[1]}"
    return Look("passed" if states == ["ok", "ok"] else "waiting", shown)


def told_look(answer: Any) -> Look:
    """Return what the probe told; anything else than its form is no answer of a probe."""
    if isinstance(answer, Mapping) and answer.get("state") in ("passed", "waiting", "failed"):
        return Look(answer["state"], short(str(answer.get("output", ""))))
    return Look("failed", short(f"the function is no probe (docs/steps.md): it answered {answer!r}"))
