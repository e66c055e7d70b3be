"""The script of a runbook: what the plan says, as shell variables, before a part that is the same in all of them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from drs_provider.core.identity import TAG_ATTEMPT, job_tags, role_session_name
from drs_provider.core.quotas import DrsQuotas
from drs_provider.core.texts import visible
from drs_provider.core.times import format_time
from drs_provider.partitions import role_arn
from drs_provider.plan.steps.base import Place
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenServer, FrozenWave
from drs_provider.runbook.resolved import AROUND, Runbook
from drs_provider.runbook.steps import Instruction, instruction

#: Jobs that began before a runbook was written may still run when it is used.
_EARLIER_JOBS_SECONDS = 24 * 3600
_LATEST = "latest"


def script(runbook: Runbook) -> str:
    """Return the script: POSIX shell, which needs nothing but the ``aws`` command line.

    :raises DrsIdentityError: if a target's Region is in no partition that is known
    """
    return "\n".join([*_head(runbook), *_waves(runbook), *_servers(runbook), *_steps(runbook)]) + _body()


@cache
def _body() -> str:
    return (files("drs_provider.runbook") / "templates" / "body.sh").read_text(encoding="utf-8")


def instructions(runbook: Runbook, number: int, place: Place) -> tuple[Instruction, ...]:
    """Return the steps of a place.

    :param number: of a wave, or :data:`AROUND`
    """
    values = _values(runbook, number)
    return tuple(instruction(step, place, values) for step in runbook.steps.get((number, place), ()))


def _values(runbook: Runbook, number: int) -> dict[str, str]:
    plan, wave = runbook.plan, runbook.wave(number or runbook.stages[0][0])
    known = {
        "account_id": wave.target.account_id,
        "region": wave.target.region,
        "execution_id": plan.execution_id,
        "execution_type": str(plan.execution_type),
    }
    return known if number == AROUND else {**known, "wave_name": wave.name}


def _head(runbook: Runbook) -> Iterator[str]:
    plan, written = runbook.plan, format_time(runbook.written_at)
    yield "#!/bin/sh"
    yield f"# {plan.execution_type} of {_line(plan.plan_title)} ({plan.plan_name}), without Airflow. Written {written}."
    yield "# It asks before it starts anything; sh THIS-FILE --help tells more, sh THIS-FILE --check starts nothing."
    yield "# shellcheck disable=SC2016,SC2034,SC2317,SC2329 # texts are data; plans differ in what they use"
    yield "set -uf"
    since = datetime.fromtimestamp(runbook.written_at - _EARLIER_JOBS_SECONDS, UTC)
    facts = {
        "PLAN": plan.plan_name,
        "TITLE": _line(plan.plan_title),
        "TYPE": str(plan.execution_type),
        "EXECUTION": plan.execution_id,
        "SESSION": role_session_name(plan.execution_id),
        "WRITTEN": written,
        "JOBS_FROM": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "BATCH": str(DrsQuotas().batch_size),
        "INITIATORS": _lines(runbook.initiators),
        "SAME": _lines(sorted(f"{one} = {other}" for one, other in runbook.same_person)),
        "NETWORK": _line(runbook.network),
        # Stages in order; waves with a comma between them can be recovered at the same time.
        "STAGES": " ".join(",".join(map(str, stage)) for stage in runbook.stages),
    }
    for name, value in facts.items():
        yield f"{name}={shlex.quote(value)}"


def _waves(runbook: Runbook) -> Iterator[str]:
    targets = list(dict.fromkeys(wave.target for wave in runbook.waves))
    yield "wave() {"
    yield "    case $1 in"
    for stage in runbook.stages:
        for number in stage:
            yield f"    {number})"
            wave = runbook.wave(number)
            yield f"        TARGET={targets.index(wave.target)}"
            yield from (f"        {line}" for line in _wave(runbook.plan, wave))
            yield "        ;;"
    yield "    esac"
    yield "}"


def _wave(plan: FrozenPlan, wave: FrozenWave) -> Iterator[str]:
    target, gate = wave.target, wave.gate
    tags = job_tags(plan.execution_id, plan.execution_type, plan.plan_name, wave.number, 1, plan.tags)
    del tags[TAG_ATTEMPT]  # the script closes the object with it
    facts = {
        "NAME": wave.name,
        "ACCOUNT": target.account_id,
        "REGION": target.region,
        "ROLE_ARN": role_arn(target) or "",
        "EXTERNAL_ID": target.external_id or "",
        "LEAST": str(wave.min_launched),
        "TIMEOUT": str(wave.timeout_seconds),
        "QUEUE": str(wave.queue_timeout_seconds),
        "POST_LAUNCH": _flag(wave.post_launch_required),
        "GATE": _flag(gate.armed_by is not None),
        "PEOPLE": str(gate.people),
        "OTHERS": _flag(gate.exclude_initiator),
        "APPROVERS": _lines(gate.approvers),
        "EMERGENCY": _lines(gate.emergency_approvers),
        "MESSAGE": visible(gate.message),
        "TAGS": json.dumps(tags, ensure_ascii=False).removesuffix("}"),
    }
    for name, value in facts.items():
        yield f"{name}={shlex.quote(value)}"


def _servers(runbook: Runbook) -> Iterator[str]:
    """Yield a function that prints a wave's servers: id, point in time, weight, name."""
    yield "servers() {"
    yield "    case $1 in"
    for stage in runbook.stages:
        for number in stage:
            yield f"    {number}) cat <<'END' ;;"
            yield from map(_server, runbook.wave(number).servers)
            yield "END"
    yield "    esac"
    yield "}"


def _server(server: FrozenServer) -> str:
    weight = "CRITICAL" if server.critical else "OPTIONAL"
    name = _line(server.name) or server.source_server_id
    return f"{server.source_server_id} {server.snapshot_id or _LATEST} {weight} {name}"


def _steps(runbook: Runbook) -> Iterator[str]:
    cases: list[str] = []
    for number, place in runbook.steps:
        cases.append(f"    '{number} {place}')")
        for position, step in enumerate(instructions(runbook, number, place), start=1):
            name = f"{place}_{number}_{position}"
            yield from _functions(name, number, step)
            words = [shlex.quote(step.name), f"run_{name}" if step.command else "''", shlex.quote(step.text)]
            if step.is_check:
                cases.append(f"        check {' '.join(words)} {_flag(step.required)}")
            else:
                cases.append(f"        action {' '.join(words)}")
        cases.append("        ;;")
    yield "steps() {"
    yield '    case "$1 $2" in'
    yield from cases
    yield "    esac"
    yield "}"


def _functions(name: str, number: int, step: Instruction) -> Iterator[str]:
    if not step.command:
        return
    if step.for_each:
        yield f"one_{name}() {{ {step.command}; }}"
        yield f"run_{name}() {{ each {number} one_{name}; }}"
    else:
        yield f"run_{name}() {{ {step.command}; }}"


def _flag(value: bool) -> str:
    return "yes" if value else "no"


def _line(text: str) -> str:
    """Return a text of people or of AWS on one line, without what could move a terminal's cursor."""
    return "".join(each for each in " ".join(visible(text).split()) if each.isprintable())


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(map(_line, texts))
