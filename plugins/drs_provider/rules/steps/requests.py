"""What AWS is asked in the name of a step: the same from a worker and from the triggerer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

WINDOWS: Final = "Windows"
SHELL, POWERSHELL = "AWS-RunShellScript", "AWS-RunPowerShellScript"

TOKEN_TAG: Final = "drs-step-"
"""Begins the key of the tag by which an execution of a runbook is found again: SSM filters by keys of tags only."""

_LONGEST_COMMAND_SECONDS: Final = 172_800
"""Of the parameter `executionTimeout` of both documents."""
_DELIVERY_SECONDS: Final = 60


def send_command(
    instance_id: str, lines: Sequence[str], *, platform: str, seconds: float, comment: str
) -> dict[str, Any]:
    """Return the request of SendCommand for one instance.

    :param platform: PlatformType of SSM: Linux, Windows or MacOS
    :param seconds: how long the command may run
    :param comment: at most 100 characters
    """
    timeout = max(1, min(int(seconds), _LONGEST_COMMAND_SECONDS))
    return {
        "InstanceIds": [instance_id],
        "DocumentName": POWERSHELL if platform == WINDOWS else SHELL,
        "Parameters": {"commands": list(lines), "executionTimeout": [str(timeout)]},
        "TimeoutSeconds": _DELIVERY_SECONDS,
        "Comment": comment[:100],
    }


def instance_information(instance_ids: Sequence[str]) -> dict[str, Any]:
    """Return the request of DescribeInstanceInformation: whom SSM reaches, and what they run."""
    return {"Filters": [{"Key": "InstanceIds", "Values": list(instance_ids)}]}


def start_automation(settings: Mapping[str, Any], token: str, execution_id: str) -> dict[str, Any]:
    """Return the request of StartAutomationExecution."""
    return {
        "DocumentName": settings["document"],
        "Parameters": {name: list(values) for name, values in settings.get("parameters", {}).items()},
        "ClientToken": token,
        "Tags": [{"Key": token_tag(token), "Value": execution_id}],
    }


def token_tag(token: str) -> str:
    """Return the key of the tag that carries a token."""
    return f"{TOKEN_TAG}{token}"


def change_record(settings: Mapping[str, Any], comment: str) -> dict[str, Any]:
    """Return the request of ChangeResourceRecordSets, which sets one record whatever it was."""
    record: dict[str, Any] = {"Name": settings["record"], "Type": settings["type"]}
    if alias := settings.get("alias"):
        record["AliasTarget"] = {
            "HostedZoneId": alias["hosted_zone"],
            "DNSName": alias["dns_name"],
            "EvaluateTargetHealth": bool(alias.get("evaluate_health")),
        }
    else:
        record["TTL"] = int(settings["ttl_seconds"])
        record["ResourceRecords"] = [{"Value": value} for value in settings["values"]]
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
    return {"HostedZoneId": settings["hosted_zone"], "ChangeBatch": {"Comment": comment, "Changes": changes}}


def run_handle(dag_id: str, run_id: str) -> str:
    """Return the handle of a DAG run; neither id has a slash, run ids of ours at least."""
    return f"{dag_id}/{run_id}"


def run_of_handle(handle: str) -> tuple[str, str]:
    """Return DAG id and run id."""
    dag_id, _, run_id = handle.rpartition("/")
    return dag_id, run_id
