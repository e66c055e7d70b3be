"""Whether what DRS launches with is there: launch templates and subnets in EC2."""

from __future__ import annotations

from collections.abc import Iterator

from drs_provider.preflight.findings import Finding
from drs_provider.preflight.launches import Launch
from drs_provider.preflight.scope import TargetScope

_MEND = "Correct the servers' launch templates in DRS (launch settings)."


def launch_templates(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings for servers without a launch template that can be read, or with one that names no subnet.

    DRS makes a template anew if it is gone, with default values: nobody knows what it launches then. That
    stops a drill, unless overridden; a RECOVERY is warned.
    """
    for launch in scope.launches:
        if launch.template is None:
            yield _without_template(scope, launch)
        elif launch.leaves_subnet_open and not _drill_network_says_it(scope):
            yield scope.finding(
                "subnet_not_named",
                launch.server.ref(f"template {launch.template.template_id}"),
                "launch templates name no subnet: EC2 takes one of the default VPC, if there is one; its free "
                "addresses were not checked",
                _MEND,
            )


def _drill_network_says_it(scope: TargetScope) -> bool:
    return scope.run.kind.is_drill and scope.run.plan.network is not None


def _without_template(scope: TargetScope, launch: Launch) -> Finding:
    template = launch.settings.template_id
    drill = scope.run.kind.is_drill
    return scope.run.finding(
        "launch_template_unusable",
        scope.subject,
        "servers have no launch template that EC2 knows, so nothing tells where and as what they launch",
        "Open the servers' launch settings in DRS and save them, which makes a template."
        + (" Or start with preflight: warn, if you know what the drill will meet there." if drill else ""),
        servers=(
            launch.server.ref(
                f"EC2 does not know {template}" if template else "DRS names no launch template"
            ),
        ),
    )


def subnets_exist(scope: TargetScope) -> Iterator[Finding]:
    """Yield a finding for servers whose subnet EC2 does not know: their launch fails."""
    launches = scope.launches
    known = scope.reads.subnets(subnet for launch in launches for subnet in _subnets(launch))
    for launch in launches:
        for subnet in _subnets(launch):
            if subnet not in known:
                yield scope.finding(
                    "subnet_unknown",
                    launch.server.ref(subnet),
                    f"launch templates point to subnets that EC2 does not know in {scope.place}",
                    _MEND,
                )


def _subnets(launch: Launch) -> tuple[str, ...]:
    return launch.template.subnet_ids if launch.template else ()
