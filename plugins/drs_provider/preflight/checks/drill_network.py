"""Where a drill would launch: DRS isolates nothing, drill and recovery share one launch configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from botocore.exceptions import ClientError

from drs_provider.hooks.ec2_api import LaunchNetworks, Subnet
from drs_provider.hooks.errors import error_code
from drs_provider.plan.model import DrillNetwork
from drs_provider.preflight.aws import Row, each
from drs_provider.preflight.findings import Finding, Severity
from drs_provider.preflight.scope import RunScope, TargetScope
from drs_provider.preflight.source_server import SourceServer

_FIX_TEMPLATE = (
    "Correct the servers' launch templates in DRS (launch settings), or network.drill in the plan. Or start "
    "with preflight: warn, if you know what the drill will meet there."
)


def isolation_is_planned(run: RunScope) -> Iterator[Finding]:
    """Yield a warning for a drill whose plan does not say where drills may launch."""
    if run.kind.is_drill and run.plan.network is None:
        yield Finding(
            "drill_network_not_planned",
            Severity.WARN,
            "plan",
            "the plan has no network.drill, so nothing checks where this drill launches: DRS isolates "
            "nothing by itself, and a drill may join production's network",
            "Add network.drill with the VPCs, subnets or security groups that drills may use.",
        )


def launch_into(scope: TargetScope) -> Iterator[Finding]:
    """Yield a finding for servers that launch into an existing instance: a drill would overwrite it."""
    for server, settings in _settings(scope):
        into = settings.get("launchIntoInstanceProperties") or {}
        instance = into.get("launchIntoEC2InstanceID")
        if instance:
            yield Finding(
                "launch_into_instance",
                Severity.BLOCK,
                scope.subject,
                "servers are set to launch into a pre-provisioned instance, which a drill would overwrite",
                "Remove the launch-into instance from the servers' launch settings before a drill.",
                servers=(server.ref(f"instance {instance}"),),
            )


def drill_network(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings for servers that the drill would launch outside the plan's drill network."""
    if scope.run.plan.network is None:
        return
    allowed = scope.run.plan.network.drill
    templates: dict[str, list[SourceServer]] = {}
    for server, settings in _settings(scope):
        templates.setdefault(str(settings.get("ec2LaunchTemplateID") or ""), []).append(server)
    for server in templates.pop("", []):
        yield _unknown(scope, [server], "DRS names no launch template")
    networks: dict[str, LaunchNetworks] = {}
    for template, answer in each(templates, partial(_network_of, scope)).items():
        if isinstance(answer, LaunchNetworks):
            networks[template] = answer
        else:
            yield _unknown(scope, templates[template], answer)
    subnets = _subnets_of(scope, allowed, networks.values())
    for template, network in networks.items():
        for reason, detail in _violations(allowed, network, subnets):
            yield _outside(scope, templates[template], reason, f"{detail}, template {template}")


def _settings(scope: TargetScope) -> Iterator[tuple[SourceServer, Row]]:
    answers = scope.reads.launch_configurations(server.source_server_id for server in scope.servers)
    for server in scope.servers:
        yield server, answers[server.source_server_id]


def _network_of(scope: TargetScope, template: str) -> LaunchNetworks | str:
    """Return the networks of a template, or why that template has none; other errors are raised."""
    try:
        return scope.reads.ec2.launch_template_networks(template)
    except ClientError as error:
        if not error_code(error).startswith("InvalidLaunchTemplate"):
            raise
        return f"EC2 refuses launch template {template}: {error_code(error)}"
    except ValueError as error:
        return str(error)


def _subnets_of(
    scope: TargetScope, allowed: DrillNetwork, networks: Iterable[LaunchNetworks]
) -> Mapping[str, Subnet]:
    """Return the subnets that templates name, where their VPC matters."""
    named = dict.fromkeys(subnet for network in networks for subnet in network.subnet_ids)
    return scope.reads.ec2.subnets(named) if allowed.allowed_vpcs and named else {}


def _violations(
    allowed: DrillNetwork, network: LaunchNetworks, subnets: Mapping[str, Subnet]
) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, with what) for a template; all lists of the plan must hold."""
    if network.unresolved:
        yield "launch templates leave open where servers are launched", "; ".join(network.unresolved)
    if not network.subnet_ids:
        yield "launch templates name no subnet, so that EC2 would choose one of the default VPC", "no subnet"
    for subnet in network.subnet_ids:
        yield from _subnet_violations(allowed, subnet, subnets)
    if allowed.allowed_security_groups:
        yield from _security_group_violations(allowed, network)


def _subnet_violations(
    allowed: DrillNetwork, subnet: str, subnets: Mapping[str, Subnet]
) -> Iterator[tuple[str, str]]:
    if allowed.allowed_subnets and subnet not in allowed.allowed_subnets:
        yield "launch templates point to subnets that the plan does not allow for drills", subnet
    if not allowed.allowed_vpcs:
        return
    if subnet not in subnets:
        yield "launch templates point to subnets that EC2 does not know", subnet
    elif subnets[subnet].vpc_id not in allowed.allowed_vpcs:
        detail = f"{subnets[subnet].vpc_id} ({subnet})"
        yield "launch templates point to VPCs that the plan does not allow for drills", detail


def _security_group_violations(allowed: DrillNetwork, network: LaunchNetworks) -> Iterator[tuple[str, str]]:
    if not network.security_group_ids:
        yield (
            "launch templates name no security group, so that EC2 would take the VPC's default group",
            "no security group",
        )
    strangers = [
        group for group in network.security_group_ids if group not in allowed.allowed_security_groups
    ]
    if strangers:
        yield (
            "launch templates name security groups that the plan does not allow for drills",
            ", ".join(strangers),
        )


def _outside(scope: TargetScope, servers: list[SourceServer], reason: str, detail: str) -> Finding:
    return Finding(
        "outside_drill_network",
        Severity.BLOCK,
        scope.subject,
        reason,
        _FIX_TEMPLATE,
        overridable=True,
        servers=tuple(server.ref(detail) for server in servers),
    )


def _unknown(scope: TargetScope, servers: list[SourceServer], reason: str) -> Finding:
    return Finding(
        "drill_network_unknown",
        Severity.BLOCK,
        scope.subject,
        "the networks of launch templates could not be checked",
        _FIX_TEMPLATE,
        overridable=True,
        servers=tuple(server.ref(reason) for server in servers),
    )
