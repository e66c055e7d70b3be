"""What a plan is, as JSON in its DAG: for the recovery page, which knows no plan files."""

from __future__ import annotations

import json
from typing import Any

from drs_provider.plan.model import Plan, Wave


def outline(plan: Plan) -> str:
    """Return the plan's outline, which ``prepare`` carries as its documentation in JSON.

    A wave's ``servers`` is null where tags decide over them when the run starts.
    """
    facts = {
        "planId": plan.name,
        "businessFunction": plan.business_function,
        "objectives": plan.objectives.model_dump(mode="json", exclude_none=True),
        "initiators": list(plan.recovery.initiators),
        "waves": [_wave(plan, number, wave) for number, wave in enumerate(plan.waves, start=1)],
    }
    return json.dumps(facts, separators=(",", ":"))


def _wave(plan: Plan, number: int, wave: Wave) -> dict[str, Any]:
    listed = plan.listed_servers([wave])
    return {
        "number": number,
        "name": wave.name,
        "servers": None if listed is None else len(listed),
        "gate": wave.gate is not None,
        "dependsOn": [plan.wave_number(name) for name in plan.dependencies(wave.name)],
        "postLaunch": {kind: wave.post_launch.required(kind) for kind in ("DRILL", "RECOVERY")},
    }
