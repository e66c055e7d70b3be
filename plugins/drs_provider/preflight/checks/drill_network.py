"""Where a drill would launch: DRS isolates nothing, drill and recovery share one launch configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from drs_provider.hooks.ec2.ec2_api import Subnet
from drs_provider.hooks.ec2.launch_templates import LaunchTemplate
from drs_provider.plan.model import DrillNetwork
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import RunScope, TargetScope
from drs_provider.preflight.source_server import SourceServer

_FIX_TEMPLATE = (
    "Correct the servers' launch templates in DRS (launch settings), or network.drill in the plan. Or start "
    "with preflight: warn, if you know what the drill will meet there."
)


def isolation_is_planned(run: RunScope) -> Iterator[Finding]:
    """Yield a warning for a drill whose plan does not say where drills may launch."""
    if run.kind.is_drill and run.plan.network is None:
        yield run.finding(
            "drill_network_not_planned",
            "plan",
            "the plan has no network.drill, so nothing checks where this drill launches: DRS isolates "
            "nothing by itself, and a drill may join production's network",
            "Add network.drill with the VPCs, subnets or security groups that drills may use.",
        )


def drill_network(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings for servers that the drill would launch outside the plan's drill network."""
    if scope.run.plan.network is None:
        return
    allowed = scope.run.plan.network.drill
    servers: dict[str, list[SourceServer]] = {}
    templates: dict[str, LaunchTemplate] = {}
    for launch in scope.launches:
        if launch.template is not None:  # without one: the check of the launch templates says so
            templates[launch.template.template_id] = launch.template
            servers.setdefault(launch.template.template_id, []).append(launch.server)
    subnets = _subnets_of(scope, allowed, templates.values())
    for name, template in templates.items():
        for reason, detail in _violations(allowed, template, subnets):
            yield _outside(scope, servers[name], reason, f"{detail}, template {name}")


def _subnets_of(
    scope: TargetScope, allowed: DrillNetwork, templates: Iterable[LaunchTemplate]
) -> Mapping[str, Subnet]:
    """Return the subnets that templates name, where their VPC matters."""
    named = [subnet for template in templates for subnet in template.subnet_ids]
    return scope.reads.subnets(named) if allowed.allowed_vpcs else {}


def _violations(
    allowed: DrillNetwork, network: LaunchTemplate, subnets: Mapping[str, Subnet]
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
    # A subnet that EC2 does not know is a finding of its own.
    if subnet in subnets and subnets[subnet].vpc_id not in allowed.allowed_vpcs:
        detail = f"{subnets[subnet].vpc_id} ({subnet})"
        yield "launch templates point to VPCs that the plan does not allow for drills", detail


def _security_group_violations(allowed: DrillNetwork, network: LaunchTemplate) -> Iterator[tuple[str, str]]:
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
    return scope.run.finding(
        "outside_drill_network",
        scope.subject,
        reason,
        _FIX_TEMPLATE,
        servers=tuple(server.ref(detail) for server in servers),
    )
