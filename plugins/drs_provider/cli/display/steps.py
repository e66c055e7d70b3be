"""How the steps of an execution look: a line for each, and the commands that answer one."""

from __future__ import annotations

from collections.abc import Sequence

from drs_provider.airflow_rest.texts import command, one_line
from drs_provider.rules.steps.state import StepStatus
from drs_provider.snapshot.model import ExecutionSnapshot, Question, StepSnapshot


def step_commands(snapshot: ExecutionSnapshot, question: Question) -> list[str]:
    """Return the commands that answer what a step asks."""
    of_wave = ("--wave", question.wave_name) if question.wave_name else ()
    where = ("--step", question.step_name, *of_wave)
    words = [option.lower() for option in question.options]
    return [
        command("answer-step", snapshot.name, word, *where, *(("--comment", "…") if word != "retry" else ()))
        for word in words
    ]


def step_lines(place: str, steps: Sequence[StepSnapshot]) -> list[str]:
    """Return a line for each step that has begun."""
    return [
        one_line(f"{place}, step {step.name}: {step.status}" + (f", {step.output}" if step.output else ""))
        for step in steps
    ]


def all_step_lines(snapshot: ExecutionSnapshot) -> list[str]:
    """Return a line for each step that has begun, and for each decision of an emergency approver."""
    of_waves = [
        line for wave in snapshot.waves for line in step_lines(f"wave {wave.number} {wave.name}", wave.steps)
    ]
    around = [line for step in snapshot.around for line in step_lines(step.place, [step])]
    return [*of_waves, *around, *(one_line(f"EMERGENCY, {text}") for text in snapshot.emergencies)]


def accepted_text(snapshot: ExecutionSnapshot) -> str:
    """Return for how many steps a person accepted a failure, on whose word the recovery time rests; else nothing."""
    steps = [step for wave in snapshot.waves for step in wave.steps] + list(snapshot.around)
    accepted = [step.name for step in steps if step.status == StepStatus.ACCEPTED]
    return f"; it rests on accepted failures of {', '.join(accepted)}" if accepted else ""
