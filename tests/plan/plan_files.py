"""Plan files for tests: a valid plan as data, and a folder to write files into."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from drs_provider.plan.files.folder import Catalog, load_catalog
from drs_provider.plan.model import Plan

SAMPLE_FOLDER = Path(__file__).parents[2] / "dags" / "plans"

MAIN = {"account_id": "111122223333", "region": "eu-west-1", "connection": "aws_dr", "own_account": True}
BRANCH = {
    "account_id": "222233334444",
    "region": "eu-central-1",
    "connection": "aws_dr",
    "role": "DRSOrchestrationRole",
    "external_id": "erp-dr-7f3a",
}
DB_1, DB_2 = "s-1111111111111111a", "s-1111111111111111b"

_PLAN: dict[str, Any] = {
    "schema_version": 1,
    "name": "erp",
    "title": "ERP",
    "owner": "erp-operations",
    "business_function": "order entry",
    "criticality": 1,
    "priority": 10,
    "tags": {"CostCenter": "4711"},
    "targets": {"main": MAIN, "branch": BRANCH},
    "network": {"drill": {"allowed_vpcs": ["vpc-0d5111aa"]}},
    "protection_groups": {
        "erp_db": {"target": "main", "servers": [DB_1, DB_2]},
        "erp_app": {"target": "main", "tags": {"App": "erp", "Tier": "app"}},
        "erp_web": {"target": "branch", "tags": {"App": "erp", "Tier": "web"}, "allow_empty": True},
    },
    "objectives": {"rto_minutes": 120, "rpo_minutes": 15, "drill_every_days": 90},
    "recovery": {"initiators": ["dr-lead"], "approvers": ["dr-approver-1", "dr-approver-2"]},
    "waves": [
        {"name": "database", "groups": ["erp_db"], "timeout_minutes": 80, "queue_timeout_minutes": 50},
        {
            "name": "application",
            "groups": ["erp_app"],
            "depends_on": ["database"],
            "optional": {"tags": {"Role": "batch"}},
            "min_launched": "80%",
            "post_launch": {"drill": "ignore", "recovery": "require", "timeout_minutes": 20},
            "gate": {
                "message": "Check the database first.",
                "approvers": ["dr-approver-1"],
                "two_people": "recovery",
                "timeout_minutes": 45,
                "on_timeout": "approve",
            },
        },
        {"name": "web", "groups": ["erp_web"], "depends_on": ["database"]},
    ],
    "schedule": {
        "cron": "0 3 * * 6",
        "timezone": "Europe/Berlin",
        "exclude": [{"from": "2026-12-19", "to": "2027-01-06", "reason": "year-end freeze"}],
    },
    "drill": {
        "hold": {"timeout_minutes": 240, "on_timeout": "cleanup"},
        "cleanup": "terminate",
        "max_age_hours": 12,
    },
    "notifications": [
        {
            "events": ["start", "rto_missed"],
            "notifier": "airflow.providers.amazon.aws.notifications.sns.SnsNotifier",
            "args": {"message": "{{ drs.summary }}", "subject": None},
        }
    ],
}


def plan_data() -> dict[str, Any]:
    """Return a plan that uses every field; callers may change it."""
    return copy.deepcopy(_PLAN)


def small_plan(name: str = "wiki", **fields: Any) -> dict[str, Any]:
    """Return the least plan, with further fields."""
    return {
        "name": name,
        "targets": {"main": dict(MAIN)},
        "protection_groups": {"all": {"target": "main", "tags": {"App": name}}},
        "waves": [{"name": "everything", "groups": ["all"]}],
        **fields,
    }


def make_plan(data: dict[str, Any] | None = None) -> Plan:
    """Return a validated plan."""
    return Plan.model_validate(plan_data() if data is None else data)


def write(folder: Path, name: str, content: dict[str, Any] | str) -> Path:
    """Write a plan file from data or from text."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return path


def told(catalog: Catalog) -> list[str]:
    """Return ``path: message`` of all problems."""
    return [f"{problem.path}: {problem.message}" for problem in catalog.problems]


def load_one(folder: Path, content: dict[str, Any] | str) -> Catalog:
    """Return the catalog of a folder with this one file."""
    write(folder, "plan.yaml", content)
    return load_catalog(folder)
