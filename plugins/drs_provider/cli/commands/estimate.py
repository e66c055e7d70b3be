"""The verb that tells how long the next execution of a plan will take."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.plans import Plans
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.commands.plans import loaded_plan
from drs_provider.cli.display.output import Output
from drs_provider.core.identity import dag_id_of
from drs_provider.core.states import ExecutionType
from drs_provider.core.times import format_duration
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan
from drs_provider.rules.execution.expectation import Expectation, Range, WaveExpectation
from drs_provider.rules.execution.freezing import ResolvedServer, freeze_steps, freeze_waves
from drs_provider.rules.record.estimate import estimate as estimated
from drs_provider.snapshot.expected import foreseen

_COLUMNS = {
    "wave": "wave",
    "critical": "on the critical path",
    "range": "takes",
    "phases": "phases",
    "basis": "from",
}


def estimate(arguments: argparse.Namespace) -> ExitCode:
    """Tell what is expected of a plan's next execution, and what if a wave took longer."""
    output = Output(arguments.output)
    expected, basis = _of_file(arguments, output) if arguments.profile else _of_runs(arguments, output)
    factors = dict(arguments.wave_factor or ())
    for number in factors:
        if expected.wave(number) is None:
            known = ", ".join(f"{wave.number} {wave.name}" for wave in expected.waves)
            raise RefusedError(
                f"no wave {number} runs in it", f"the waves are {known or 'none'}", ExitCode.REFUSED_INPUT
            )
    then = expected.what_if(factors) if factors else expected
    if not output.for_people:
        row = {**then.to_row(), "planId": arguments.plan, "toldBy": basis}
        if factors:
            row["withoutFactors"] = expected.to_row()
        output.data(row)
        return ExitCode.OK
    _show(then, expected if factors else None, basis, output)
    return ExitCode.OK


def _of_runs(arguments: argparse.Namespace, output: Output) -> tuple[Expectation, str]:
    with Api(login_of(arguments)) as api:
        Plans(api).dag(arguments.plan)
        told = foreseen(api, dag_id_of(arguments.plan), arguments.execution_type)
    if told is None:
        output.note("no run of the plan has told anything yet: its file and the documented times count")
        return _of_file(arguments, output)
    return told.expectation, f"{told.execution_type} {told.run_id}"


def _of_file(arguments: argparse.Namespace, output: Output) -> tuple[Expectation, str]:
    plan = loaded_plan(arguments).plan
    unknown = [name for name, group in plan.protection_groups.items() if group.tags is not None]
    if unknown:
        output.note(
            f"how many servers {', '.join(unknown)} have, tags decide in DRS: counted as one each; "
            f"a dry run tells: airflow drs preflight {plan.name}"
        )
    kind = ExecutionType(arguments.execution_type)
    conf = RunConf(execution_type=kind.value, confirm_plan=None if kind.is_drill else plan.name)
    waves = freeze_waves(plan, conf, _listed(plan))
    after_last = freeze_steps(plan.after_last, "after_last", kind, None, ())
    return estimated(kind, waves, after_last=after_last), "the plan's file"


def _listed(plan: Plan) -> Mapping[str, list[ResolvedServer]]:
    return {
        name: [ResolvedServer(server, server) for server in group.servers]
        if group.tags is None
        else [ResolvedServer(f"one of {name}", name)]
        for name, group in plan.protection_groups.items()
    }


def _show(expected: Expectation, before: Expectation | None, basis: str, output: Output) -> None:
    output.say(one_line(f"{expected.text()}, without waiting for people; told by {basis}"), style="bold")
    if before is not None:
        output.say(one_line(f"instead of {before.text()}"))
    output.rows(_COLUMNS, [_row(wave, expected) for wave in expected.waves])
    if expected.after is not None:
        output.say(f"steps behind all waves: {_range(expected.after.range)}")


def _row(wave: WaveExpectation, expected: Expectation) -> dict[str, Any]:
    phases = [f"{phase.name} {format_duration(phase.seconds)}" for phase in wave.phases if phase.seconds]
    runs = f" ({wave.executions})" if wave.executions else ""
    return {
        "wave": f"{wave.number} {wave.name}",
        "critical": "yes" if wave.number in expected.critical_path else None,
        "range": _range(wave.range),
        "phases": ", ".join(phases),
        "basis": f"{wave.basis}{runs}",
    }


def _range(found: Range) -> str:
    low, seconds, high = (format_duration(each) for each in found)
    return f"{seconds} ({low} to {high})"
