"""The run configuration as DAG params: the trigger form in the UI and the schema for REST callers."""

from __future__ import annotations

from typing import Any, Final

from drs_provider.plan.conf.rules import ALL_WAVES
from drs_provider.plan.model import Plan

_WHAT: Final = "What to run"
_RECOVERY: Final = "Only for a RECOVERY"
_DRILL: Final = "Only for a DRILL"
_AUDIT: Final = "For the record"
_SAFETY: Final = "Checks and overrides"

_OPTIONAL_TEXT: Final = {"type": ["string", "null"], "maxLength": 250}
_SERVER_PATTERN: Final = "^s-[0-9a-zA-Z]{17}$"


def params_schema(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return name → keyword arguments for Airflow's ``Param``, in the order of the form.

    Each value holds ``default``, ``description``, and JSON Schema keywords (``title``, ``section``, …).
    The form and Airflow's REST API check types by it; what belongs together is checked by
    ``parse_run_conf``.
    """
    names = [wave.name for wave in plan.waves]
    parts = (
        _what_params(names),
        _recovery_params(plan),
        _drill_params(plan),
        _safety_params(),
        _audit_params(),
    )
    return {name: spec for part in parts for name, spec in part.items()}


def _what_params(names: list[str]) -> dict[str, dict[str, Any]]:
    return {
        "execution_type": {
            "default": "DRILL",
            "title": "Execution type",
            "description": "A DRILL launches test instances and removes them; a RECOVERY is the failover.",
            "section": _WHAT,
            "type": "string",
            "enum": ["DRILL", "RECOVERY"],
        },
        "waves": {
            "default": [],
            "title": "Waves",
            "description": "Part of the plan; empty runs all waves. Waves left out count as met.",
            "section": _WHAT,
            "type": ["array", "null"],
            "items": {"type": "string", "enum": names},
            "uniqueItems": True,
            "examples": names,
        },
        "pause_before": {
            "default": [],
            "title": "Pause before",
            "description": "Waves that wait for an approval, in addition to the plan's own gates.",
            "section": _WHAT,
            "type": ["array", "string", "null"],
            "items": {"type": "string", "enum": [*names, ALL_WAVES]},
            "uniqueItems": True,
            "examples": [*names, ALL_WAVES],
        },
        "snapshots": {
            "default": "latest",
            "title": "Point in time",
            "description": "`latest`; a time with zone, for the newest snapshot not after it; "
            'or a map of servers to snapshots: {"s-…": "pit-…"}.',
            "section": _WHAT,
            "type": ["string", "object", "null"],
            "maxLength": 64,
            "propertyNames": {"pattern": _SERVER_PATTERN},
            "additionalProperties": {"type": "string", "pattern": "^pit-[0-9a-zA-Z]{17}$"},
        },
        "dry_run": {
            "default": False,
            "title": "Dry run",
            "description": "Preflight only: nothing is launched and no execution record is written.",
            "section": _WHAT,
            "type": "boolean",
        },
    }


def _recovery_params(plan: Plan) -> dict[str, dict[str, Any]]:
    return {
        "confirm_plan": {
            "default": None,
            "title": "Confirm the plan",
            "description": f"For a RECOVERY: type the plan's name, {plan.name}.",
            "section": _RECOVERY,
            **_OPTIONAL_TEXT,
        },
        "incident_time": {
            "default": None,
            "title": "Incident time",
            "description": "When the disaster began; the RTO counts from it, else from the trigger.",
            "section": _RECOVERY,
            "type": ["string", "null"],
            "format": "date-time",
        },
        "source_state": {
            "default": "unknown",
            "title": "State of the source",
            "description": "Needed when replication shows that the source is alive: lost, or fenced off?",
            "section": _RECOVERY,
            "type": "string",
            "enum": ["unknown", "lost", "fenced"],
        },
        "preempt_drill": {
            "default": False,
            "title": "Pre-empt a drill",
            "description": "Cancel a drill that holds servers of this RECOVERY, instead of being refused.",
            "section": _RECOVERY,
            "type": "boolean",
        },
    }


def _drill_params(plan: Plan) -> dict[str, dict[str, Any]]:
    return {
        "skip_gates": {
            "default": False,
            "title": "Unattended",
            "description": "No gates and no hold; the drill's verdict is then “not verified”.",
            "section": _DRILL,
            "type": "boolean",
        },
        "cleanup": {
            "default": plan.drill.cleanup,
            "title": "Drill instances afterwards",
            "description": "Terminate the drill's instances at its end, or keep them.",
            "section": _DRILL,
            "type": "string",
            "enum": ["terminate", "keep"],
        },
        "failed_back": {
            "default": None,
            "title": "Failed back",
            "description": "Why you know that the plan has failed back: instances of its RECOVERY that run on "
            "outside of DRS then no longer count.",
            "section": _DRILL,
            "type": ["string", "null"],
            "maxLength": 1000,
        },
    }


def _safety_params() -> dict[str, dict[str, Any]]:
    return {
        "preflight": {
            "default": "enforce",
            "title": "Preflight",
            "description": "`warn` lets the findings pass that may be overridden; each is recorded.",
            "section": _SAFETY,
            "type": "string",
            "enum": ["enforce", "warn"],
        },
        "replace_live_instances": {
            "default": [],
            "title": "Replace live instances",
            "description": "Server IDs whose live recovery instances may be destroyed; needs an approval.",
            "section": _SAFETY,
            "type": ["array", "null"],
            "items": {"type": "string", "pattern": _SERVER_PATTERN},
            "uniqueItems": True,
        },
    }


def _audit_params() -> dict[str, dict[str, Any]]:
    return {
        "reason": {
            "default": None,
            "title": "Reason",
            "description": "Why this execution runs.",
            "section": _AUDIT,
            "type": ["string", "null"],
            "maxLength": 1000,
            "format": "multiline",
        },
        "ticket": {
            "default": None,
            "title": "Ticket",
            "description": "Number of the change or incident.",
            "section": _AUDIT,
            **_OPTIONAL_TEXT,
        },
        "initiated_by": {
            "default": None,
            "title": "Requested by",
            "description": "On whose behalf; the authenticated user is recorded in any case.",
            "section": _AUDIT,
            **_OPTIONAL_TEXT,
        },
    }
