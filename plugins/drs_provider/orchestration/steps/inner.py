"""Operators of installed providers as steps: only those that the installation allows."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from airflow.sdk import BaseOperator

from drs_provider import settings
from drs_provider.exceptions import DrsConfigurationError, DrsFailError
from drs_provider.plan.steps.placeholders import filled
from drs_provider.rules.execution.frozen import FrozenStep
from drs_provider.rules.steps.results import Subject


def operator_class(path: str) -> type[BaseOperator]:
    """Return the class of an operator that plans may use.

    :raises DrsConfigurationError: if ``[drs] step_operators`` does not list it, or it cannot be imported
    """
    if path not in settings.step_operators():
        raise DrsConfigurationError(
            f"operator {path} is not in [drs] step_operators. Add it there if plans may run it, or remove the step"
        )
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DrsConfigurationError(
            f"operator {path} cannot be imported: {error}. Install its provider, or correct the path"
        ) from error
    if not (isinstance(found, type) and issubclass(found, BaseOperator)):
        raise DrsConfigurationError(f"{path} is no operator. Correct the path")
    return found


def operator_problem(path: str) -> str:
    """Return why plans cannot run an operator, empty if they can."""
    try:
        operator_class(path)
    except DrsConfigurationError as error:
        return str(error)
    return ""


def build_operator(step: FrozenStep, subject: Subject, wave_facts: Mapping[str, Any]) -> BaseOperator:
    """Return the operator of a step, its arguments filled.

    It belongs to no DAG; what it reads of the context is the step's. ``params["drs"]`` has what is known of the wave.

    :raises DrsConfigurationError: as :func:`operator_class`
    :raises DrsFailError: if it does not take its arguments
    """
    path = step.settings["operator"]
    made = operator_class(path)
    arguments: dict[str, Any] = filled(step.settings.get("arguments", {}), subject.values)
    params = {**arguments.pop("params", {}), "drs": dict(wave_facts)}
    try:
        return made(task_id=step.name, params=params, **arguments)
    except Exception as error:
        raise DrsFailError(f"operator {path} does not take the step's arguments: {error}") from error
