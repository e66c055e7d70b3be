"""The service quotas of DRS, as Service Quotas answers them."""

from __future__ import annotations

from typing import Any

from drs_provider.simulator.engine.errors import DrsError
from drs_provider.simulator.scenario import Quotas

SERVICE_CODE = "drs"
SERVICE_NAME = "AWS Elastic Disaster Recovery"
CODES = {
    "jobs": "L-D88FAC3A",
    "servers_per_job": "L-B827C881",
    "servers_in_jobs": "L-05AFA8C6",
    "source_servers": "L-E28BE5E0",
    "replicating_servers": "L-C1D14A2B",
    "launch_actions": "L-0588D03B",
    "source_networks": "L-4B0323BD",
}
_ONE_JOB_PER_SERVER = "L-DD6D028C"
_NAMES = {
    "jobs": "Concurrent jobs in progress",
    "servers_per_job": "Max number of source servers in a single job",
    "servers_in_jobs": "Max number of source servers in all jobs",
    "source_servers": "Max source servers per AWS account",
    "replicating_servers": "Max number of replicating source servers per AWS account",
    "launch_actions": "Max launch actions",
    "source_networks": "Max number of source networks",
}


def quota_list(quotas: Quotas, region: str, account_id: str) -> list[dict[str, Any]]:
    """All DRS quotas in the form of Service Quotas."""
    values = [(CODES[key], _NAMES[key], float(getattr(quotas, key))) for key in CODES]
    values.append((_ONE_JOB_PER_SERVER, "Concurrent jobs per source server", 1.0))
    return [
        {
            "ServiceCode": SERVICE_CODE,
            "ServiceName": SERVICE_NAME,
            "QuotaArn": f"arn:aws:servicequotas:{region}:{account_id}:{SERVICE_CODE}/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": value,
            "Unit": "None",
            "Adjustable": code not in {CODES["servers_per_job"], _ONE_JOB_PER_SERVER},
            "GlobalQuota": False,
        }
        for code, name, value in values
    ]


def answer_quota_call(
    operation: str, params: dict[str, Any], quotas: Quotas, region: str, account_id: str
) -> dict[str, Any]:
    """An answer of Service Quotas about DRS. DrsError for an unknown quota or operation."""
    applied = quota_list(quotas, region, account_id)
    default = quota_list(Quotas(), region, account_id)
    if operation == "ListServiceQuotas":
        return {"Quotas": applied}
    if operation == "ListAWSDefaultServiceQuotas":
        return {"Quotas": default}
    if operation in {"GetServiceQuota", "GetAWSDefaultServiceQuota"}:
        chosen = applied if operation == "GetServiceQuota" else default
        for quota in chosen:
            if quota["QuotaCode"] == params.get("QuotaCode"):
                return {"Quota": quota}
        raise DrsError("NoSuchResourceException", "The specified quota does not exist.")
    raise DrsError(
        "UnknownOperationException", f"The simulator does not implement servicequotas:{operation}."
    )
