"""Every check, in the order in which the report names equally severe findings."""

from __future__ import annotations

from drs_provider.preflight.checks.capacity import busy_servers, quotas
from drs_provider.preflight.checks.drill_age import drills_overdue
from drs_provider.preflight.checks.drill_network import drill_network, isolation_is_planned, launch_into
from drs_provider.preflight.checks.live_instances import live_instances, replacements_in_run
from drs_provider.preflight.checks.replication import (
    point_in_time_exists,
    replication_lag,
    replication_state,
    source_alive,
)
from drs_provider.preflight.checks.snapshots import choose_snapshots, snapshots_in_run
from drs_provider.preflight.checks.waves import (
    min_launched_reachable,
    optional_selectors,
    servers_reached_twice,
)
from drs_provider.preflight.scope import DRILLS, RECOVERIES, PlanCheck, TargetCheck

PLAN_CHECKS = (
    PlanCheck(servers_reached_twice),
    PlanCheck(min_launched_reachable),
    PlanCheck(optional_selectors),
    PlanCheck(replacements_in_run),
    PlanCheck(snapshots_in_run),
    PlanCheck(isolation_is_planned),
)

TARGET_CHECKS = (
    TargetCheck("live recovery instances", live_instances, overridable=False),
    TargetCheck("whether the sources are alive", source_alive, overridable=False, kinds=RECOVERIES),
    # Not overridable: who cannot read the launch settings cannot know what a drill would overwrite.
    TargetCheck("launch settings", launch_into, overridable=False, kinds=DRILLS),
    TargetCheck("the drill network", drill_network, overridable=True, kinds=DRILLS),
    TargetCheck("points in time", point_in_time_exists, overridable=False),
    TargetCheck("the chosen snapshots", choose_snapshots, overridable=False),
    TargetCheck("replication", replication_state, overridable=True),
    TargetCheck("replication lag", replication_lag, overridable=True),
    TargetCheck("servers in other jobs", busy_servers, overridable=True),
    TargetCheck("DRS quotas", quotas, overridable=True),
    TargetCheck("the age of the last drill", drills_overdue, overridable=True),
)
