"""What Airflow's provider manager reads of this distribution."""

from __future__ import annotations

from typing import Any

from drs_provider import __version__
from drs_provider.options import OPTIONS

# Of distributions called apache-airflow…, Airflow takes only what lies in its own namespace: no command line, no links.
PACKAGE_NAME = "airflow-provider-drs"
INTEGRATION = "AWS Elastic Disaster Recovery"


def get_provider_info() -> dict[str, Any]:
    """Return the provider info, valid against ``airflow/provider_info.schema.json``."""
    return {
        "package-name": PACKAGE_NAME,
        "name": "AWS Elastic Disaster Recovery",
        "description": "Recovery plans for AWS Elastic Disaster Recovery (DRS) as Airflow DAGs.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://aws.amazon.com/disaster-recovery/",
                "tags": ["aws"],
            }
        ],
        "hooks": [_modules("hooks.drs_hook")],
        "operators": [
            _modules(
                "operators.start_recovery",
                "operators.enrich_recovery",
                "operators.run_plan",
                "operators.terminate_recovery_instances",
                "operators.doctor",
                "operators.evidence",
                "operators.readiness",
                "operators.sweep",
            )
        ],
        "sensors": [_modules("sensors.job")],
        "triggers": [
            _modules(
                "triggers.doctor", "triggers.gate", "triggers.jobs", "triggers.recovery", "triggers.run_end"
            )
        ],
        "cli": ["drs_provider.cli.definition.get_drs_cli_commands"],
        "extra-links": ["drs_provider.links.DrsJobsLink", "drs_provider.links.DrsReportLink"],
        "config": {"drs": {"description": "AWS Elastic Disaster Recovery.", "options": _options()}},
    }


def _modules(*names: str) -> dict[str, Any]:
    return {
        "integration-name": INTEGRATION,
        "python-modules": [f"drs_provider.{name}" for name in names],
    }


def _options() -> dict[str, Any]:
    return {
        name: {
            "description": option.description,
            "version_added": "0.1.0",
            "type": option.type,
            "example": option.example,
            "default": option.default,
            "sensitive": option.sensitive,
        }
        for name, option in OPTIONS.items()
    }
