"""Operations on how a server is launched."""

from __future__ import annotations

from typing import Any

from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import LaunchConfiguration
from drs_simulator.engine.errors import access_denied, conflict, invalid, not_found
from drs_simulator.engine.machines import MachineError
from drs_simulator.engine.op_servers import find_server
from drs_simulator.engine.pages import answer, page
from drs_simulator.engine.rights import UPDATE_LAUNCH_CONFIGURATION, lacking
from drs_simulator.engine.views import launch_action_views, launch_configuration_view

_FIELDS = {
    "name": "name",
    "launchDisposition": "disposition",
    "targetInstanceTypeRightSizingMethod": "right_sizing",
    "copyPrivateIp": "copy_private_ip",
    "copyTags": "copy_tags",
    "postLaunchEnabled": "post_launch",
    "recoveryMode": "recovery_mode",
}


def get_launch_configuration(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """A server's launch configuration."""
    return launch_configuration_view(find_server(call, params["sourceServerID"]))


def update_launch_configuration(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Change what is named, keep the rest; refused while the server is in a job."""
    server = find_server(call, params["sourceServerID"])
    lack = lacking(UPDATE_LAUNCH_CONFIGURATION, call.caller)
    if lack is not None:
        raise access_denied(call.caller.arn, lack[0].action, "*")
    if server.busy_with:
        raise conflict("The source server is being processed by a job.", server.server_id, "SourceServer")
    _check_launch_into(call, params)
    _update(server.launch, params)
    return launch_configuration_view(server)


def _check_launch_into(call: Call, params: dict[str, Any]) -> None:
    into = (params.get("launchIntoInstanceProperties") or {}).get("launchIntoEC2InstanceID")
    if not into or call.world.scenario.launch_into_checked == "launch":
        return
    try:
        call.world.machines.require_launch_into(call.state.place, into)
    except MachineError as error:
        field = ("launchIntoInstanceProperties.launchIntoEC2InstanceID", str(error))
        raise invalid(str(error), field) from error


def _update(config: LaunchConfiguration, params: dict[str, Any]) -> None:
    for member, field in _FIELDS.items():
        if member in params:
            setattr(config, field, params[member])
    if "osByol" in (params.get("licensing") or {}):
        config.os_byol = bool(params["licensing"]["osByol"])
    if "launchIntoInstanceProperties" in params:
        into = params["launchIntoInstanceProperties"].get("launchIntoEC2InstanceID")
        config.into_instance_id = into or None


def list_launch_actions(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """A server's post-launch actions. The templates of an account (lct-...) are not simulated."""
    resource_id = params["resourceId"]
    server = call.state.servers.get(resource_id)
    if server is None:
        raise not_found("Resource", resource_id)
    wanted = set((params.get("filters") or {}).get("actionIds") or ())
    actions = [a for a in launch_action_views(server) if not wanted or a["actionId"] in wanted]
    chosen, token = page(
        actions,
        lambda a: [a["order"], a["name"]],
        params,
        default_size=call.state.page_size,
        name=resource_id,
    )
    return answer("items", chosen, token)
