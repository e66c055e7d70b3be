"""SSM, Lambda, Route 53 and CloudWatch's alarms over simulated time; moto answers all else of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from moto.cloudwatch.models import cloudwatch_backends
from moto.route53.models import route53_backends

from drs_simulator.adapter.wire import WireRequest, WireResponse, render_error
from drs_simulator.engine.entities import Caller, Place
from drs_simulator.engine.errors import DrsError
from drs_simulator.engine.services.automations import AWS_DOCUMENTS
from drs_simulator.engine.world import World

Forward = Callable[[], WireResponse]
_FUNCTION = re.compile(r"/functions/([^/]+)(/invocations|/configuration)?$")
_MOTOS_CHANGE = "C2682N5HXP0BZ4"


def seed_services(world: World) -> None:
    """Make a scenario's alarms and hosted zones in moto's backends."""
    services = world.scenario.services
    for account_id, account in world.scenario.accounts.items():
        for zone_id, name in services.hosted_zones.items():
            zones = route53_backends[account_id]["aws"]
            zone = zones.create_hosted_zone(name, private_zone=False)
            del zones.zones[zone.resource_id]
            zone.resource_id = zone_id
            zones.zones[zone_id] = zone
        for region in account.regions:
            for alarm in services.alarms:
                _alarms(account_id, region).put_metric_alarm(
                    name=alarm.name,
                    namespace="Simulated",
                    metric_name=alarm.name,
                    comparison_operator="GreaterThanThreshold",
                    evaluation_periods=1,
                    period=60,
                    threshold=0.0,
                    statistic="Sum",
                    description="",
                    dimensions=[],
                    alarm_actions=[],
                )


def answer_other_service(
    world: World, request: WireRequest, caller: Caller, forward: Forward
) -> WireResponse | None:
    """Answer what a scenario decides; None for everything that is moto's."""
    place = Place(caller.account_id, request.region)
    if request.service == "cloudwatch":
        _set_alarms(world, place)
        return None
    service = {"ssm": _ssm, "lambda": _lambda, "route53": _route53}.get(request.service)
    if service is None:
        return None
    try:
        return service(world, request, caller, forward)
    except DrsError as error:
        return render_error(request, error)


def _alarms(account_id: str, region: str) -> Any:
    return cloudwatch_backends[account_id][region]


def _set_alarms(world: World, place: Place) -> None:
    age = world.now - world.started_at
    backend = _alarms(place.account_id, place.region)
    for alarm in world.scenario.services.alarms:
        over = [change for change in alarm.states if change.after <= age]
        if over and alarm.name in backend.alarms:
            latest = max(over, key=lambda change: change.after)
            if backend.alarms[alarm.name].state_value != latest.state:
                backend.set_alarm_state(alarm.name, latest.reason, None, latest.state)


def _ssm(world: World, request: WireRequest, caller: Caller, forward: Forward) -> WireResponse | None:
    del forward
    place = Place(caller.account_id, request.region)
    operations: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "SendCommand": lambda body: world.commands.send(place, body),
        "GetCommandInvocation": lambda body: world.commands.invocation(place, body),
        "ListCommandInvocations": lambda body: world.commands.invocations(place, body),
        "ListCommands": lambda body: world.commands.commands(place, body),
        "CancelCommand": lambda body: world.commands.cancel(place, body),
        "DescribeInstanceInformation": lambda body: world.commands.information(place, body),
        "StartAutomationExecution": lambda body: world.automations.start(place, caller.arn, body),
        "GetAutomationExecution": lambda body: world.automations.get(place, body),
        "DescribeAutomationExecutions": lambda body: world.automations.list(place, body),
        "StopAutomationExecution": lambda body: world.automations.stop(place, body),
    }
    body = json.loads(request.body or b"{}")
    if request.operation in operations:
        return _json(operations[request.operation](body), "application/x-amz-json-1.1")
    if request.operation == "DescribeDocument" and (kind := world.automations.document_type(body["Name"])):
        owner = "Amazon" if body["Name"] in AWS_DOCUMENTS else caller.account_id
        document = {"Name": body["Name"], "DocumentType": kind, "Owner": owner, "Status": "Active"}
        return _json({"Document": document}, "application/x-amz-json-1.1")
    return None


def _lambda(world: World, request: WireRequest, caller: Caller, forward: Forward) -> WireResponse | None:
    del forward
    match = _FUNCTION.search(request.path)
    if match is None:
        return None
    name = unquote(match[1]).rpartition(":function:")[2]
    if not world.functions.knows(name):
        return None
    if match[2] == "/invocations":
        returned = world.functions.invoke(name, request.body.decode("utf-8", "replace"))
        response = _json(returned.value, "application/json")
        response.headers["x-amz-executed-version"] = "$LATEST"
        if returned.failed:
            response.headers["x-amz-function-error"] = "Unhandled"
        return response
    arn = f"arn:aws:lambda:{request.region}:{caller.account_id}:function:{name}"
    configuration = {"FunctionName": name, "FunctionArn": arn, "State": "Active", "Timeout": 30}
    shown = configuration if match[2] else {"Configuration": configuration}
    return _json(shown, "application/json") if request.method == "GET" else None


def _route53(world: World, request: WireRequest, caller: Caller, forward: Forward) -> WireResponse | None:
    del caller
    if request.operation == "GetChange":
        change_id = request.path.rpartition("/")[2]
        status = world.dns_changes.status(change_id)
        if status is None:
            return render_error(
                request, DrsError("NoSuchChange", f"A change with the ID {change_id} does not exist."), 404
            )
        return _spoken(forward(), change_id, status)
    if request.operation == "ChangeResourceRecordSets":
        response = forward()
        if response.status != 200:
            return response
        change_id = world.dns_changes.made()
        return _spoken(response, change_id, world.dns_changes.status(change_id) or "")
    return None


def _spoken(response: WireResponse, change_id: str, status: str) -> WireResponse:
    """Moto's answer, with the change's own id and status."""
    text = response.body.decode().replace(_MOTOS_CHANGE, change_id)
    response.body = text.replace("<Status>INSYNC</Status>", f"<Status>{status}</Status>").encode()
    return response


def _json(body: Any, content_type: str) -> WireResponse:
    return WireResponse(200, {"Content-Type": content_type}, json.dumps(body).encode())
