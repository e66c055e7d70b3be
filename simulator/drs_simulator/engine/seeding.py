"""How a Region looks when the world begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drs_simulator.engine.entities import (
    LastLaunch,
    LaunchConfiguration,
    Place,
    RecoveryInstance,
    RegionState,
    SourceServer,
)
from drs_simulator.engine.ids import digest_id
from drs_simulator.engine.machines import LaunchOrder
from drs_simulator.scenario import NetworkSpec, RegionSpec
from drs_simulator.server_spec import ServerSpec

if TYPE_CHECKING:
    from drs_simulator.engine.world import World

# Assumed; a replication server serves about fifteen disks.
_SERVERS_PER_REPLICATOR = 15
_IN_SERVICE_SECONDS = 90 * 86400.0


def seed_region(world: World, place: Place, spec: RegionSpec) -> None:
    """Networks, servers, launch templates, live instances and native plans of one Region."""
    state = world.region(place)
    state.initialized = spec.initialized
    networks = spec.networks or {"default": _default_network(place)}
    for name, network in networks.items():
        world.machines.add_network(place, name, network)
    default = next(iter(networks.values()))
    for server in world.scenario.servers_of(spec):
        network = networks[server.network] if server.network else default
        _add_server(world, state, server, network)
    state.plans = list(spec.recovery_plans)


def _default_network(place: Place) -> NetworkSpec:
    tail = digest_id("", place.account_id, place.region)[:8]
    return NetworkSpec(vpc=f"vpc-{tail}", subnet=f"subnet-{tail}", security_group=f"sg-{tail}")


def _add_server(world: World, state: RegionState, spec: ServerSpec, network: NetworkSpec) -> None:
    settings = spec.launch
    template_id = world.machines.add_template(state.place, spec, network)
    server = SourceServer(
        spec=spec,
        arn=state.arn("source-server", spec.id),
        tags=dict(spec.tags),
        added_at=world.started_at - _IN_SERVICE_SECONDS,
        lag_at=world.started_at,
        shares_replicator=len(state.servers) % _SERVERS_PER_REPLICATOR > 0,
        launch=LaunchConfiguration(
            name=spec.name,
            template_id=template_id,
            disposition=settings.disposition,
            right_sizing=settings.right_sizing,
            copy_private_ip=settings.copy_private_ip,
            copy_tags=settings.copy_tags,
            os_byol=settings.os_byol,
            post_launch=settings.post_launch,
        ),
    )
    if settings.into_instance:
        server.launch.into_instance_id = world.machines.add_prepared_instance(
            state.place, spec, template_id, world.started_at - _IN_SERVICE_SECONDS
        )
    state.servers[spec.id] = server
    if spec.live_instance is not None:
        _add_live_instance(world, state, server, spec)


def _add_live_instance(world: World, state: RegionState, server: SourceServer, spec: ServerSpec) -> None:
    live = spec.live_instance
    if live is None:
        return
    at = world.started_at - live.age
    instance_id = world.machines.launch(
        LaunchOrder(state.place, spec, server.launch.template_id, at, tags=dict(server.tags))
    )
    job_id = digest_id("drsjob-", "earlier", server.arn)
    state.instances[instance_id] = RecoveryInstance(
        instance_id=instance_id,
        server_id=spec.id,
        arn=state.arn("recovery-instance", instance_id),
        job_id=job_id,
        is_drill=live.is_drill,
        point_in_time=at - 600,
        launched_at=at,
        tags=dict(server.tags),
    )
    server.recovery_instance_id = instance_id
    server.last_launch = LastLaunch(job_id, at - 600, live.is_drill, "LAUNCHED")
    server.last_result = "SUCCEEDED"
