"""Operations on recovery instances."""

from __future__ import annotations

from typing import Any

from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import RecoveryInstance
from drs_simulator.engine.errors import conflict, invalid, not_found
from drs_simulator.engine.pages import answer, page
from drs_simulator.engine.views import recovery_instance_view


def describe_recovery_instances(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Recovery instances by id or source server; no filter means all."""
    filters = params.get("filters") or {}
    ids, server_ids = filters.get("recoveryInstanceIDs"), filters.get("sourceServerIDs")
    every = call.state.instances
    found = [every[i] for i in set(ids) if i in every] if ids else list(every.values())
    if server_ids:
        wanted = set(server_ids)
        found = [instance for instance in found if instance.server_id in wanted]
    found.sort(key=lambda instance: instance.instance_id)
    chosen, token = page(
        found, lambda i: i.instance_id, params, default_size=call.state.page_size, name="instances"
    )
    machines = call.world.machines
    return answer("items", [recovery_instance_view(call.state, i, machines, call.now) for i in chosen], token)


def disconnect_recovery_instance(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Stop DRS's agent on the instance; needed before the object can be deleted."""
    instance_id = params["recoveryInstanceID"]
    instance = call.state.instances.get(instance_id)
    if instance is None:
        raise not_found("RecoveryInstance", instance_id)
    _check_free(call, instance)
    if not instance.connected:
        raise conflict("The recovery instance is already disconnected.", instance_id, "RecoveryInstance")
    instance.connected = False
    return {}


def delete_recovery_instance(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Forget a disconnected recovery instance; its EC2 instance stays."""
    instance_id = params["recoveryInstanceID"]
    instance = call.state.instances.get(instance_id)
    if instance is None:
        # Assumed: the operation declares no 404.
        raise invalid(f"Recovery instance {instance_id} not found", ("recoveryInstanceID", "unknown id"))
    _check_free(call, instance)
    gone = call.world.machines.state(call.state.place, instance_id) in {"TERMINATED", "NOT_FOUND"}
    if instance.connected and not gone:
        raise conflict("Disconnect the recovery instance first.", instance_id, "RecoveryInstance")
    del call.state.instances[instance_id]
    server = call.state.servers.get(instance.server_id)
    if server is not None and server.recovery_instance_id == instance_id:
        server.recovery_instance_id = None
    return {}


def _check_free(call: Call, instance: RecoveryInstance) -> None:
    server = call.state.servers.get(instance.server_id)
    if server is not None and server.busy_with:
        raise conflict(
            "The recovery instance is being processed by a job.", instance.instance_id, "RecoveryInstance"
        )
