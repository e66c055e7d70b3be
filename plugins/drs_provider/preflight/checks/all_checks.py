"""Every check, in the order in which the report names equally severe findings."""

from __future__ import annotations

from drs_provider.preflight.checks.drill_network import drill_network, isolation_is_planned, launch_into
from drs_provider.preflight.checks.live_instances import live_instances, replacements_in_run
from drs_provider.preflight.checks.waves import (
    min_launched_reachable,
    optional_selectors,
    servers_reached_twice,
)
from drs_provider.preflight.scope import DRILLS, PlanCheck, TargetCheck

PLAN_CHECKS = (
    PlanCheck(servers_reached_twice),
    PlanCheck(min_launched_reachable),
    PlanCheck(optional_selectors),
    PlanCheck(replacements_in_run),
    PlanCheck(isolation_is_planned),
)

TARGET_CHECKS = (
    TargetCheck("live recovery instances", live_instances, overridable=False),
    # Not overridable: who cannot read the launch settings cannot know what a drill would overwrite.
    TargetCheck("launch settings", launch_into, overridable=False, kinds=DRILLS),
    TargetCheck("the drill network", drill_network, overridable=True, kinds=DRILLS),
)
