"""The service quotas of DRS and of EC2's vCPUs, as Service Quotas answers them."""

from __future__ import annotations

from typing import Any

from drs_simulator.engine.errors import DrsError
from drs_simulator.scenario import Quotas

SERVICE_CODE = "drs"
SERVICE_NAMES = {
    SERVICE_CODE: "AWS Elastic Disaster Recovery",
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
}
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
STANDARD_VCPUS = "L-1216C47A"
_OTHER_VCPUS = {
    "L-74FC7D96": "F",
    "L-DB2E81BA": "G and VT",
    "L-417A185B": "P",
    "L-7295265B": "X",
    "L-43DA4232": "High Memory",
    "L-1945791B": "Inf",
    "L-2C3B7624": "Trn",
    "L-6E869C2A": "DL",
    "L-F7808C92": "HPC",
}


def _drs_values(quotas: Quotas) -> list[tuple[str, str, float]]:
    values = [(CODES[key], _NAMES[key], float(getattr(quotas, key))) for key in CODES]
    return [*values, (_ONE_JOB_PER_SERVER, "Concurrent jobs per source server", 1.0)]


def _ec2_values(quotas: Quotas) -> list[tuple[str, str, float]]:
    standard = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
    others = [
        (code, f"Running On-Demand {kind} instances", float(quotas.other_vcpus))
        for code, kind in _OTHER_VCPUS.items()
    ]
    return [(STANDARD_VCPUS, standard, float(quotas.vcpus)), *others]


_VALUES = {SERVICE_CODE: _drs_values, "ec2": _ec2_values}


def quota_list(
    quotas: Quotas, region: str, account_id: str, service: str = SERVICE_CODE
) -> list[dict[str, Any]]:
    """All quotas of a service in the form of Service Quotas."""
    return [
        {
            "ServiceCode": service,
            "ServiceName": SERVICE_NAMES[service],
            "QuotaArn": f"arn:aws:servicequotas:{region}:{account_id}:{service}/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": value,
            "Unit": "None",
            "Adjustable": code not in {CODES["servers_per_job"], _ONE_JOB_PER_SERVER},
            "GlobalQuota": False,
        }
        for code, name, value in _VALUES[service](quotas)
    ]


def answer_quota_call(
    operation: str, params: dict[str, Any], quotas: Quotas, region: str, account_id: str
) -> dict[str, Any]:
    """An answer of Service Quotas about DRS or EC2. DrsError for an unknown quota or operation."""
    service = str(params.get("ServiceCode"))
    applied = quota_list(quotas, region, account_id, service)
    default = quota_list(Quotas(), region, account_id, service)
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
