"""An export of the reference system as its API gives it, and its other spellings."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

from drs_provider.plan.files.folder import Catalog, load_catalog
from drs_provider.plan_import import ImportOptions, ImportResult, ImportSource, import_plans, parse_account

HUB, BRANCH = "111122223333", "222233334444"
DB = ["s-1111111111111111a", "s-1111111111111111b"]
OPTIONS = ImportOptions(connection="aws_dr", accounts=(parse_account(f"{HUB}=own"),))

EXPORT: dict[str, Any] = {
    "protectionGroups": [
        {
            "groupId": "pg-db",
            "groupName": "ERP Database",
            "region": "eu-west-1",
            "accountId": HUB,
            "sourceServerIds": DB,
        },
        {
            "groupId": "pg-app",
            "groupName": "ERP App",
            "region": "eu-west-1",
            "accountId": HUB,
            "serverSelectionTags": {"App": "erp", "Tier": "app"},
        },
        {
            "groupId": "pg-web",
            "groupName": "ERP Web",
            "region": "eu-central-1",
            "accountId": BRANCH,
            "serverSelectionTags": {"App": "erp", "Tier": "web"},
        },
    ],
    "recoveryPlans": [
        {
            "planId": "5f2c",
            "planName": "ERP three tiers",
            "waves": [
                {"waveNumber": 0, "waveName": "Database", "protectionGroupIds": ["pg-db"]},
                {
                    "waveNumber": 1,
                    "waveName": "Application",
                    "protectionGroupIds": ["pg-app"],
                    "dependsOnWaves": [0],
                    "pauseBeforeWave": True,
                },
                {
                    "waveNumber": 2,
                    "waveName": "Web",
                    "protectionGroupIds": ["pg-web"],
                    "dependsOnWaves": [1],
                    "pauseBeforeWave": False,
                },
            ],
        }
    ],
    "targetAccounts": [
        {
            "accountId": BRANCH,
            "accountName": "Branch",
            "roleArn": f"arn:aws:iam::{BRANCH}:role/DRSOrchestrationRole",
            "externalId": "erp-dr-7f3a",
        }
    ],
}


def export(**changes: Any) -> dict[str, Any]:
    """Return a copy of the export."""
    return {**copy.deepcopy(EXPORT), **changes}


def pascal(data: Any) -> Any:
    """Return the data with keys in PascalCase; tags keep theirs."""
    return _renamed(data, lambda name: name[0].upper() + name[1:])


def snake(data: Any) -> Any:
    """Return the data with keys in snake_case; tags keep theirs."""
    return _renamed(data, lambda name: re.sub(r"([A-Z])", lambda m: f"_{m[1].lower()}", name))


def _renamed(data: Any, rename: Any) -> Any:
    if isinstance(data, list):
        return [_renamed(item, rename) for item in data]
    if isinstance(data, dict):
        return {
            rename(name): value if name == "serverSelectionTags" else _renamed(value, rename)
            for name, value in data.items()
        }
    return data


def typed(value: Any) -> dict[str, Any]:
    """Return a value in DynamoDB's typed form."""
    match value:
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case int() | float():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [typed(item) for item in value]}
    return {"M": {name: typed(item) for name, item in value.items()}}


def typed_item(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as a DynamoDB item."""
    return {name: typed(value) for name, value in record.items()}


def imported(*data: Any, options: ImportOptions = OPTIONS) -> ImportResult:
    """Import data."""
    return import_plans(
        [ImportSource(f"source{number}.json", each) for number, each in enumerate(data, start=1)], options
    )


def loaded(result: ImportResult, folder: Path) -> Catalog:
    """Load the result's files; nothing in them may be wrong."""
    for file in result.files:
        (folder / file.name).write_text(file.text, encoding="utf-8")
    catalog = load_catalog(folder)
    assert catalog.problems == ()
    return catalog
