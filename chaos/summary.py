"""What a campaign tells: a table for people, JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.campaign import Result
from chaos.facts import RunFacts
from chaos.spec import Fault
from drs_provider.core.times import format_duration


def outcome(run: RunFacts) -> str:
    """Return how an execution ended, over all of its attempts."""
    ends = [str((attempt.record or {}).get("status", "no record")) for attempt in run.attempts]
    return " > ".join([*ends, *(["HANGS"] if run.hangs else [])])


def line(run: RunFacts) -> str:
    """Return one line about an execution that has ended."""
    faults = ", ".join(strike.fault for strike in run.spec.strikes)
    waves = len(run.spec.waves)
    return f"{run.spec.plan} {run.spec.execution_type} of {waves} waves: {outcome(run)} ({faults})"


def to_dict(result: Result, log_of: Callable[[RunFacts], Path]) -> dict[str, Any]:
    """Return everything of a campaign as plain data.

    :param log_of: folder of an execution's task logs
    """
    bad = {violation.plan for violation in result.violations}
    return {
        "seed": result.seed,
        "runs": len(result.runs),
        "elapsedSeconds": round(result.elapsed_seconds, 1),
        "outcomes": dict(Counter(outcome(run) for run in result.runs)),
        "faults": {
            fault.value: {
                "injected": result.tally.injected[fault],
                "struck": result.tally.struck[fault],
            }
            for fault in Fault
        },
        "componentsEndedByThemselves": result.deaths,
        "componentsStartedAnew": result.anew,
        "historyCompared": sum(run.last is not None and not run.last.table_down for run in result.runs),
        "blockRuns": dict(Counter(run.state for run in result.blocks)),
        "blockKills": result.block_kills,
        "launchJobs": len(result.world.launches()),
        "terminateJobs": len(result.world.terminations()),
        "violations": [
            {**violation.to_dict(), "repeat": repeat(violation.plan)} for violation in result.violations
        ],
        "executions": [
            {
                "plan": run.spec.plan,
                "seed": run.spec.seed,
                "executionId": run.execution_id,
                "outcome": outcome(run),
                "faults": [strike.fault.value for strike in run.spec.strikes],
                **({"taskLogs": str(log_of(run))} if run.spec.plan in bad else {}),
            }
            for run in result.runs
        ],
    }


def repeat(plan: str) -> str:
    """Return the command that repeats one execution."""
    seed = plan.rpartition("_")[2]
    return f"make chaos N=1 SEED={seed}" if seed else "make chaos with the same N and SEED"


def show(summary: dict[str, Any], output: Console) -> None:
    """Print the summary of a campaign."""
    table = Table(title=f"chaos: {summary['runs']} executions, seed {summary['seed']}")
    for title, justify in (("fault", "left"), ("executions", "right"), ("took effect", "right")):
        table.add_column(title, justify="right" if justify == "right" else "left", no_wrap=True)
    for name, counts in summary["faults"].items():
        table.add_row(name, str(counts["injected"]), str(counts["struck"]))
    output.print(table)
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(summary["outcomes"].items()))
    lines = [
        f"outcomes: {outcomes}",
        f"{summary['launchJobs']} launch jobs, {summary['terminateJobs']} terminate jobs",
        f"history and record compared for {summary['historyCompared']} of {summary['runs']} executions",
    ]
    if summary["blockRuns"]:
        ended = ", ".join(f"{count} {state}" for state, count in sorted(summary["blockRuns"].items()))
        lines.append(f"runs of building blocks: {ended}; {summary['blockKills']} of their processes killed")
    if summary["componentsEndedByThemselves"]:
        ended = ", ".join(f"{name} {count}" for name, count in summary["componentsEndedByThemselves"].items())
        lines.append(f"components of Airflow that ended by themselves and were started again: {ended}")
    logs = {each["plan"]: each.get("taskLogs", "") for each in summary["executions"]}
    for violation in summary["violations"]:
        lines.append(
            f"VIOLATION of {violation['rule']} by {violation['plan'] or '?'}: {violation['message']}"
        )
        lines.append(f"    task logs: {logs.get(violation['plan'], '')}; repeat: {violation['repeat']}")
    lines.append(f"{len(summary['violations'])} violations in {format_duration(summary['elapsedSeconds'])}")
    for text in lines:
        output.print(text, markup=False, highlight=False, soft_wrap=True)
