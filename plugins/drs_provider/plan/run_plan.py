"""What the block that runs a plan is asked for: the plan, and its run configuration in the form that callers give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from drs_provider.plan.conf.parsing import ConfForm
from drs_provider.plan.fields import Slug


class RunPlanForm(ConfForm):
    """A plan and a run configuration; what only the plan knows, such as its waves, `prepare` checks."""

    plan: Slug = Field(description="Name of the plan; its DAG is drs_<name>.")


#: Keys of the run configuration that a caller gives
CONF_KEYS = tuple(ConfForm.model_fields)


def as_conf(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run configuration of a block's arguments: what was given, as JSON data."""
    return {name: _plain(given[name]) for name in CONF_KEYS if given.get(name) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
