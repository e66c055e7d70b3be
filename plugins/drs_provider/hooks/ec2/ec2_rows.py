"""EC2 instances as execution records show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drs_provider.core.answers import Members
from drs_provider.core.texts import cause

#: Longest cause of AWS that is kept, in characters.
MAX_RAW = 200
#: EC2 keeps showing a terminated instance for about an hour.
GONE_STATES = frozenset({"shutting-down", "terminated"})


def instance_exists(row: Mapping[str, Any]) -> bool:
    """Tell whether an instance as EC2 describes it is there; a stopped one is."""
    return Members(row).part("State").text("Name") not in GONE_STATES


def end_reason(row: Mapping[str, Any]) -> str:
    """Return EC2's own words about why an instance is not running, or an empty text; the first has the time."""
    instance = Members(row)
    reason = instance.part("StateReason")
    words = (instance.text("StateTransitionReason"), reason.text("Message") or reason.text("Code"))
    return "; ".join(dict.fromkeys(cause(word, MAX_RAW) for word in words if word))


def instance_end(row: Mapping[str, Any]) -> str:
    """Return EC2's own words on why an instance is gone: its state and the causes; empty if it exists."""
    if instance_exists(row):
        return ""
    state, causes = Members(row).part("State").text("Name"), end_reason(row)
    return f"{state} ({causes})" if causes else f"{state}, without a cause"


def status_checks(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the states of an instance's status checks, by ``system``, ``instance`` and ``ebs``, as EC2 names them.

    ``ok``, ``impaired``, ``initializing`` (the first minutes after a start), ``insufficient-data`` or
    ``not-applicable``; a check that EC2 does not tell is absent.
    """
    status = Members(row)
    members = {"system": "SystemStatus", "instance": "InstanceStatus", "ebs": "AttachedEbsStatus"}
    checks = {name: status.part(member).text("Status") for name, member in members.items()}
    return {name: state for name, state in checks.items() if state}


def instance_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record's fields of an instance: ids, addresses, type, launch time (epoch seconds), why it is gone."""
    instance = Members(row)
    fields = {
        "instanceId": instance.text("InstanceId"),
        "privateIp": instance.text("PrivateIpAddress"),
        "hostname": instance.text("PrivateDnsName"),
        "instanceType": instance.text("InstanceType"),
        "launchTime": instance.moment("LaunchTime"),
        "instanceEnd": instance_end(row),
    }
    return {name: value for name, value in fields.items() if value not in (None, "")}
