"""Every check, in the order in which the report names equally severe findings."""

from __future__ import annotations

from drs_provider.preflight.checks.addresses import fixed_addresses, free_addresses
from drs_provider.preflight.checks.capacity import busy_servers, quotas
from drs_provider.preflight.checks.drill_age import drills_overdue
from drs_provider.preflight.checks.drill_network import drill_network, isolation_is_planned
from drs_provider.preflight.checks.failed_over import failed_over
from drs_provider.preflight.checks.installation import async_library
from drs_provider.preflight.checks.launch_into import drill_overwrites, recovery_overwrites
from drs_provider.preflight.checks.launch_settings import launch_templates, subnets_exist
from drs_provider.preflight.checks.live_instances import live_instances, replacements_in_run
from drs_provider.preflight.checks.people import gates_can_be_opened
from drs_provider.preflight.checks.replication import (
    point_in_time_exists,
    replication_lag,
    replication_state,
    source_alive,
)
from drs_provider.preflight.checks.rights import rights
from drs_provider.preflight.checks.snapshots import choose_snapshots, snapshots_in_run
from drs_provider.preflight.checks.steps import (
    looks_from_workers,
    looks_stay,
    rights_of_steps,
    shown_steps,
    step_resources,
    steps_of_airflow,
)
from drs_provider.preflight.checks.vcpus import vcpus
from drs_provider.preflight.checks.waves import (
    min_launched_reachable,
    optional_selectors,
    servers_reached_twice,
)
from drs_provider.preflight.scope import (
    DRILLS,
    EVERY_KIND,
    RECOVERIES,
    PlanCheck,
    Reading,
    TargetCheck,
)

PLAN_CHECKS = (
    PlanCheck("what is installed", async_library, overridable=True),
    PlanCheck("servers in two groups", servers_reached_twice),
    PlanCheck("min_launched", min_launched_reachable, overridable=True),
    PlanCheck("optional servers", optional_selectors, overridable=True),
    PlanCheck("replace_live_instances", replacements_in_run),
    PlanCheck("who may open the gates", gates_can_be_opened, overridable=True),
    PlanCheck("snapshots", snapshots_in_run),
    PlanCheck("the drill network in the plan", isolation_is_planned, overridable=True),
    PlanCheck("DAGs and operators of steps", steps_of_airflow, overridable=True),
    PlanCheck("where steps look from", looks_from_workers, overridable=True),
    PlanCheck("the steps", shown_steps, overridable=True),
)

# Who cannot read the launch settings cannot know what a drill would overwrite: not overridable there.
LAUNCH_SETTINGS = Reading("launch settings", lambda scope: scope.settings, overridable=RECOVERIES)
LAUNCH_TEMPLATES = Reading(
    "launch templates", lambda scope: scope.launches, overridable=EVERY_KIND, after=LAUNCH_SETTINGS
)
SUBNETS = Reading(
    "subnets",
    lambda scope: scope.reads.subnets(
        subnet for launch in scope.launches if launch.template for subnet in launch.template.subnet_ids
    ),
    overridable=EVERY_KIND,
    after=LAUNCH_TEMPLATES,
)
READINGS = (LAUNCH_SETTINGS, LAUNCH_TEMPLATES, SUBNETS)

TARGET_CHECKS = (
    TargetCheck("live recovery instances", live_instances, overridable=False),
    TargetCheck("whether the plan has failed over", failed_over, overridable=True, only_warns=True),
    TargetCheck("whether the sources are alive", source_alive, overridable=False, kinds=RECOVERIES),
    TargetCheck(
        "launch-into instances", drill_overwrites, overridable=False, kinds=DRILLS, needs=LAUNCH_SETTINGS
    ),
    TargetCheck(
        "launch-into instances",
        recovery_overwrites,
        overridable=True,
        kinds=RECOVERIES,
        needs=LAUNCH_SETTINGS,
    ),
    TargetCheck("launch templates", launch_templates, overridable=True, needs=LAUNCH_TEMPLATES),
    TargetCheck("the drill network", drill_network, overridable=True, kinds=DRILLS, needs=SUBNETS),
    TargetCheck("subnets", subnets_exist, overridable=True, needs=SUBNETS),
    TargetCheck("free addresses", free_addresses, overridable=True, needs=SUBNETS),
    TargetCheck("fixed private addresses", fixed_addresses, overridable=True, needs=SUBNETS),
    TargetCheck("vCPUs", vcpus, overridable=True, needs=LAUNCH_TEMPLATES, only_warns=True),
    TargetCheck("points in time", point_in_time_exists, overridable=False),
    TargetCheck("the chosen snapshots", choose_snapshots, overridable=False),
    TargetCheck("rights", rights, overridable=True, only_warns=True),
    TargetCheck("networks of the drill's steps", looks_stay, overridable=True, kinds=DRILLS),
    TargetCheck("what steps name", step_resources, overridable=True, only_warns=True),
    TargetCheck("rights of steps", rights_of_steps, overridable=True, only_warns=True),
    TargetCheck("replication", replication_state, overridable=True),
    TargetCheck("replication lag", replication_lag, overridable=True),
    TargetCheck("servers in other jobs", busy_servers, overridable=True),
    TargetCheck("DRS quotas", quotas, overridable=True),
    TargetCheck("the age of the last drill", drills_overdue, overridable=True),
)
