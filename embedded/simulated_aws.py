"""What the launcher itself asks of the simulated AWS: history table, records, a drill's instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3

from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.table import ensure_table
from embedded.environment import HISTORY_REGION, HISTORY_TABLE, access_key


def client(service: str, simulator_url: str, account: str, region: str) -> Any:
    """Return a boto3 client of the simulated AWS, as the administrator of an account."""
    factory: Any = boto3.client
    return factory(
        service,
        endpoint_url=simulator_url,
        region_name=region,
        aws_access_key_id=access_key(account),
        aws_secret_access_key="simulated",
    )


def create_history_table(simulator_url: str, account: str) -> None:
    """Create the history table, as a deployment's infrastructure code would."""
    ensure_table(client("dynamodb", simulator_url, account, HISTORY_REGION), HISTORY_TABLE)


def stored_record(simulator_url: str, account: str, execution_id: str) -> dict[str, Any] | None:
    """Return an execution record as other systems read it: from the history table; None if it has none."""
    table = client("dynamodb", simulator_url, account, HISTORY_REGION)
    record = DynamoDbHistory(table, HISTORY_TABLE).read(execution_id)
    return None if record is None else dict(record)


def instance_states(simulator_url: str, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the EC2 state of every instance of a record; "terminated" for those EC2 has forgotten."""
    states: dict[str, str] = {}
    for wave in record["waves"]:
        ids = [row["instanceId"] for row in wave["serverStatuses"] if row.get("instanceId")]
        if ids:
            account = wave["accountContext"]["accountId"]
            ec2 = client("ec2", simulator_url, account, wave["region"])
            states |= dict.fromkeys(ids, "terminated") | _states(ec2, ids)
    return states


def _states(ec2: Any, ids: list[str]) -> dict[str, str]:
    # A filter, unlike a list of IDs, is no error for instances that are gone.
    pages = ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": "instance-id", "Values": ids}])
    return {
        instance["InstanceId"]: instance["State"]["Name"]
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    }
