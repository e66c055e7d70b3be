"""EC2 instances as execution records show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drs_provider.plan.answers import Members

#: EC2 keeps showing a terminated instance for about an hour.
GONE_STATES = frozenset({"shutting-down", "terminated"})


def instance_exists(row: Mapping[str, Any]) -> bool:
    """Tell whether an instance as EC2 describes it is there; a stopped one is."""
    return Members(row).part("State").text("Name") not in GONE_STATES


def end_reason(row: Mapping[str, Any]) -> str:
    """Return EC2's own words about why an instance is not running, or an empty text; the first has the time."""
    words = (row.get("StateTransitionReason"), (row.get("StateReason") or {}).get("Message"))
    return "; ".join(dict.fromkeys(word for word in words if word))


def instance_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record's fields of an instance: ids, addresses, type and launch time (epoch seconds)."""
    launch_time = row.get("LaunchTime")
    fields = {
        "instanceId": row.get("InstanceId"),
        "privateIp": row.get("PrivateIpAddress"),
        "hostname": row.get("PrivateDnsName") or None,
        "instanceType": row.get("InstanceType"),
        "launchTime": launch_time.timestamp() if launch_time else None,
    }
    return {name: value for name, value in fields.items() if value is not None}
