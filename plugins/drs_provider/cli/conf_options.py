"""The run configuration as options: one for each parameter of a plan's trigger form, from the same schema."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from airflow.cli.cli_config import Arg

from drs_provider.airflow_rest.texts import text_or_map
from drs_provider.plan.conf.form import params_schema
from drs_provider.plan.conf.parsing import clean_conf
from drs_provider.plan.model import Plan
from drs_provider.rules.sweep.conf import sweep_params

Schema = Mapping[str, Mapping[str, Any]]

EXECUTION_TYPE: Final = "execution_type"
DRY_RUN: Final = "dry_run"
_DEST: Final = "conf_"
_ONLY_FOR: Final = {"DRILL": "Only for a RECOVERY", "RECOVERY": "Only for a DRILL"}
# Options know no plan: names in texts and enumerations of the schema must not come from one.
_TEMPLATE: Final = {
    "name": "plan",
    "targets": {
        "main": {"account_id": "0" * 12, "region": "eu-west-1", "connection": "aws", "own_account": True}
    },
    "protection_groups": {"all": {"target": "main", "tags": {"a": "b"}}},
    "waves": [{"name": "wave", "groups": ["all"]}],
}


@cache
def schema() -> Schema:
    """Return the parameters of any plan by name."""
    return params_schema(Plan.model_validate(_TEMPLATE))


@cache
def runbook_schema() -> Schema:
    """Return the parameters that a runbook is made with, by name."""
    return {name: schema()[name] for name in ("waves", "pause_before", "snapshots")}


@cache
def sweep_schema() -> Schema:
    """Return the parameters of a sweep by name."""
    return sweep_params()


def conf_args(execution_type: str | None, *, without: tuple[str, ...] = ()) -> tuple[Arg, ...]:
    """Return the options for executions of a type; None for a verb that has the type as an option.

    :param without: parameters that the verb sets itself
    """
    hidden = _ONLY_FOR.get(execution_type or "")
    wanted = {
        name: spec
        for name, spec in schema().items()
        if name not in (EXECUTION_TYPE, *without) and spec.get("section") != hidden
    }
    return option_args(wanted)


def option_args(parameters: Schema) -> tuple[Arg, ...]:
    """Return an option for each parameter of a run's configuration."""
    return tuple(_arg(name, spec) for name, spec in parameters.items())


def given_conf(arguments: argparse.Namespace, parameters: Schema | None = None) -> dict[str, Any]:
    """Return the parameters that were given; the others keep the plan's and the form's defaults.

    :param parameters: those of an execution if left out
    """
    values = {name: getattr(arguments, _DEST + name, None) for name in parameters or schema()}
    return clean_conf({name: value for name, value in values.items() if value is not None})


def _arg(name: str, spec: Mapping[str, Any]) -> Arg:
    flag, dest = f"--{name.replace('_', '-')}", _DEST + name
    types = spec["type"] if isinstance(spec["type"], list) else [spec["type"]]
    text = _help(name, spec)
    if types == ["boolean"]:
        return Arg((flag,), help=text, dest=dest, action="store_true", default=None)
    if "array" in types:
        return Arg((flag,), help=text, dest=dest, action="extend", type=_names, metavar="NAME[,NAME…]")
    if "object" in types:
        return Arg((flag,), help=text, dest=dest, type=_text_or_map, metavar="VALUE")
    if "enum" in spec:
        return Arg((flag,), help=text, dest=dest, choices=tuple(spec["enum"]))
    return Arg((flag,), help=text, dest=dest, metavar="TIME" if spec.get("format") == "date-time" else "TEXT")


_OTHER_HELP: Final = {
    "confirm_plan": "The plan's name, for programs; on a terminal you are asked to type it.",
    "pause_before": "Waves that wait for an approval, in addition to the plan's own gates; or all.",
    "snapshots": "Point in time: latest; a time with zone, for the newest snapshot not after it; or "
    "s-…=pit-…[,s-…=pit-…].",
    "incident_time": "When the disaster began (2026-03-01T14:30:00Z); the RTO counts from it, else from the "
    "trigger.",
}


def _help(name: str, spec: Mapping[str, Any]) -> str:
    text = _OTHER_HELP.get(name, str(spec["description"]))
    # Brackets are markup to the formatter of Airflow's help.
    return re.sub(r"\[(\w+)\] ", r"\1.", text.replace("`", "")).replace("%", "%%")


def _names(text: str) -> list[str]:
    names = [each.strip() for each in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} has an empty name")
    return names


def _text_or_map(text: str) -> Any:
    try:
        return text_or_map(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
