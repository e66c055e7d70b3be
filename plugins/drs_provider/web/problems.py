"""What is wrong with an execution: what, AWS's cause, and what to do next, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drs_provider.core.states import WaveStatus
from drs_provider.core.texts import grouped, named
from drs_provider.snapshot.model import ExecutionSnapshot, StepSnapshot
from drs_provider.snapshot.server_rows import Row

Problem = dict[str, Any]

_RETRY = "Fix the cause, then retry what failed"
_BAD_STEPS = ("FAILED", "ASKING")


def problems(
    snapshot: ExecutionSnapshot, servers: Mapping[int, Sequence[Row]], unhealthy: Sequence[str]
) -> list[Problem]:
    """Return what is wrong.

    :param servers: rows by wave
    :param unhealthy: Airflow's components that executions need and that are not healthy
    """
    return [
        *_of_airflow(snapshot, unhealthy),
        *_of_execution(snapshot),
        *_of_waves(snapshot, servers),
        *_of_steps(snapshot.around),
        *_left(snapshot),
        *_of_report(snapshot),
    ]


def _of_airflow(snapshot: ExecutionSnapshot, unhealthy: Sequence[str]) -> Iterator[Problem]:
    if unhealthy and not snapshot.ended:
        yield {
            "what": f"Airflow's {', '.join(unhealthy)} is not healthy",
            "cause": "its last heartbeat is too old",
            "next": "Start it again: the execution goes on by itself; jobs in DRS go on meanwhile",
        }


def _of_execution(snapshot: ExecutionSnapshot) -> Iterator[Problem]:
    if snapshot.message:
        began = any(wave.status not in (WaveStatus.PENDING, WaveStatus.SKIPPED) for wave in snapshot.waves)
        yield {
            "what": f"The execution is {snapshot.status}"
            if snapshot.ended
            else "The execution did not start",
            "cause": snapshot.message,
            "next": f"{_RETRY}, or start a new execution"
            if began
            else "Fix the cause and start a new execution",
            **({"act": "retry"} if began and snapshot.ended else {}),
        }


def _of_waves(snapshot: ExecutionSnapshot, servers: Mapping[int, Sequence[Row]]) -> Iterator[Problem]:
    for wave in snapshot.waves:
        name = f"wave {wave.number} {wave.name}"
        if wave.status == WaveStatus.FAILED:
            yield {
                "what": f"{name[0].upper()}{name[1:]} failed",
                "cause": wave.note,
                "next": _RETRY,
                "act": "retry",
            }
        causes = [
            (str(row.get("serverName") or row["sourceServerId"]), str(row["error"]))
            for row in servers.get(wave.number, ())
            if row.get("error")
        ]
        for cause, names in grouped(causes).items():
            if wave.status == WaveStatus.FAILED and cause in wave.note:
                continue  # the wave's own line says it
            count = f"{len(names)} servers" if len(names) > 1 else "1 server"
            yield {
                "what": f"{count} of {name} not recovered: {named(names)}",
                "cause": cause,
                "next": _RETRY
                if wave.status in (WaveStatus.FAILED, WaveStatus.COMPLETED)
                else "The wave goes on with the others; retry them when it has ended",
            }
        yield from _of_steps(wave.steps, f" of {name}")


def _of_steps(steps: Sequence[StepSnapshot], where: str = "") -> Iterator[Problem]:
    for step in steps:
        if step.status in _BAD_STEPS:
            asks = step.status == "ASKING"
            yield {
                "what": f"Step {step.name}{where} {'asks what to do' if asks else 'failed'}",
                "cause": step.output,
                "next": "Answer it" if asks else _RETRY,
                **({"act": "answer_step"} if asks else {}),
            }


def _left(snapshot: ExecutionSnapshot) -> Iterator[Problem]:
    for row in snapshot.left:
        instances = [str(each) for each in row.get("instances", ())]
        yield {
            "what": f"Instances of the drill are left in {row.get('accountId')} {row.get('region')}: "
            f"{named(instances) or 'unknown ones'}",
            "cause": str(row.get("why", "")),
            "next": "Fix the cause, then clean up again",
            "act": "clean_up",
        }


def _of_report(snapshot: ExecutionSnapshot) -> Iterator[Problem]:
    if snapshot.report_error:
        yield {
            "what": "The report was not written",
            "cause": snapshot.report_error,
            "next": "The record of the execution has everything: fix the cause, and clear the task finalize",
        }
