"""EC2 instances, networks and launch templates for the engine, in moto's EC2 backend."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from moto.ec2.models import ec2_backends, security_groups, subnets, vpcs
from moto.ec2.models.instances import Instance

from drs_simulator.adapter.instance import SimulatedInstance
from drs_simulator.engine.entities import Place
from drs_simulator.engine.machines import LaunchOrder, MachineError
from drs_simulator.engine.times import naive_utc
from drs_simulator.scenario import NetworkSpec
from drs_simulator.server_spec import ServerSpec

LAUNCH_INTO_TAG = ("AWSDRS", "AllowLaunchingIntoThisInstance")
# moto leaves methods of these classes abstract and instantiates them all the same.
_SecurityGroup: Any = security_groups.SecurityGroup
_Subnet: Any = subnets.Subnet
_Vpc: Any = vpcs.VPC
_IMAGE = "ami-0d5d5d5d5d5d5d5d5"
_SUBNET_PREFIX = 20
_STATES = {
    "pending": "PENDING",
    "running": "RUNNING",
    "stopping": "STOPPING",
    "stopped": "STOPPED",
    "shutting-down": "SHUTTING-DOWN",
    "terminated": "TERMINATED",
}


class MotoMachines:
    """The engine's port to EC2. Instances are kept by id: moto finds them by walking through all."""

    def __init__(self) -> None:
        self._instances: dict[str, Instance] = {}
        self._networks: dict[str, NetworkSpec] = {}
        self.now = lambda: 0.0
        """Simulated time, for the status checks of new instances."""

    def add_network(self, place: Place, name: str, network: NetworkSpec) -> None:
        """Make a VPC, subnet and security group with the ids the scenario gives them."""
        backend = _backend(place)
        if network.vpc not in backend.vpcs:
            _add_vpc(backend, network)
        if not any(network.subnet in zone for zone in backend.subnets.values()):
            _add_subnet(backend, place, network)
        if network.security_group not in backend.groups[network.vpc]:
            group = _SecurityGroup(
                backend, network.security_group, f"drs-{name}", f"DRS network {name}", vpc_id=network.vpc
            )
            backend.groups[network.vpc][group.id] = group

    def add_template(self, place: Place, server: ServerSpec, network: NetworkSpec) -> str:
        """A launch template whose one network interface points to the network."""
        data = {
            "InstanceType": server.instance_type,
            "NetworkInterfaces": [
                {
                    "DeviceIndex": 0,
                    "SubnetId": network.subnet,
                    "Groups": [network.security_group],
                    "AssociatePublicIpAddress": False,
                    "DeleteOnTermination": True,
                }
            ],
        }
        tags = {
            "launch-template": {"AWSElasticDisasterRecoveryManaged": "drs.amazonaws.com", "Name": server.name}
        }
        name = f"created-and-used-by-drs-{server.id}"
        template = _backend(place).create_launch_template(name, "created by DRS", data, tags)
        return str(template.id)

    def add_prepared_instance(self, place: Place, server: ServerSpec, template_id: str, at: float) -> str:
        """A stopped instance that carries the tag which lets DRS launch into it."""
        tags = dict([LAUNCH_INTO_TAG])
        return self.launch(LaunchOrder(place, server, template_id, at, tags=tags, stopped=True))

    def launch(self, order: LaunchOrder) -> str:
        """Run an instance from the server's launch template. MachineError if EC2 refuses."""
        backend = _backend(order.place)
        version = backend.get_launch_template(order.template_id).default_version()
        # A template that somebody changed may name no network: EC2 takes the default one then.
        nic = (version.data.get("NetworkInterfaces") or [{}])[0]
        groups = list(nic.get("Groups") or ())
        _require_network(backend, nic.get("SubnetId"), groups)
        instance = _run(
            backend,
            image_id=_IMAGE,
            count=1,
            user_data=None,
            security_group_names=[],
            instance_type=version.data.get("InstanceType") or order.server.instance_type,
            is_instance_type_default=False,
            region_name=order.place.region,
            subnet_id=nic.get("SubnetId"),
            security_group_ids=groups,
            private_ip=order.private_ip,
            associate_public_ip=False,
            tags={"instance": _instance_tags(order), "volume": {}},
        )
        # moto computes the status checks in properties of the class.
        instance.__class__ = SimulatedInstance
        self._configure(instance, order)
        self._instances[instance.id] = instance
        if order.stopped:
            instance.stop()
        return str(instance.id)

    def require_launch_into(self, place: Place, instance_id: str) -> None:
        """MachineError if the instance is not there or not tagged for it."""
        self._prepared(place, instance_id)

    def _prepared(self, place: Place, instance_id: str) -> Instance:
        instance = self._find(place, instance_id)
        if instance is None or instance.state == "terminated":
            msg = f"InvalidInstanceID.NotFound: the instance {instance_id} does not exist"
            raise MachineError(msg)
        key, value = LAUNCH_INTO_TAG
        if not any(tag["key"] == key and tag["value"] == value for tag in instance.get_tags()):
            msg = f"The instance {instance_id} lacks the tag {key}={value}"
            raise MachineError(msg)
        return instance

    def launch_into(self, order: LaunchOrder, instance_id: str) -> None:
        """Start the prepared instance. MachineError if it is not there or not tagged for it."""
        instance = self._prepared(order.place, instance_id)
        instance.add_tags(_instance_tags(order))
        self._configure(instance, order)
        if not order.stopped:
            instance.start()

    def forget(self, place: Place, instance_id: str) -> None:
        """Remove the instance and its reservation."""
        backend = _backend(place)
        self._instances.pop(instance_id, None)
        for reservation_id, reservation in list(backend.reservations.items()):
            if any(instance.id == instance_id for instance in reservation.instances):
                del backend.reservations[reservation_id]

    def terminate(self, place: Place, instance_id: str) -> None:
        """Terminate the instance if it is there and not terminated yet."""
        instance = self._find(place, instance_id)
        if instance is not None and instance.state != "terminated":
            instance.terminate()
            _release_addresses(instance)

    def state(self, place: Place, instance_id: str) -> str:
        """The instance's state in DRS's words."""
        instance = self._find(place, instance_id)
        return "NOT_FOUND" if instance is None else _STATES[instance.state]

    def private_ip(self, place: Place, instance_id: str) -> str | None:
        """The instance's private address."""
        instance = self._find(place, instance_id)
        return instance.private_ip if instance is not None and instance.state != "terminated" else None

    def _configure(self, instance: Any, order: LaunchOrder) -> None:
        instance.launch_time = naive_utc(order.at)
        if isinstance(instance, SimulatedInstance):
            instance.set_checks(self.now, order.at + order.checks_seconds, impaired=order.impaired)

    def _find(self, place: Place, instance_id: str) -> Instance | None:
        known = self._instances.get(instance_id)
        if known is not None:
            return known
        # Not one of ours: somebody gave its id to UpdateLaunchConfiguration.
        instances: list[Instance] = _backend(place).all_instances()
        return next((instance for instance in instances if instance.id == instance_id), None)


def _backend(place: Place) -> Any:
    return ec2_backends[place.account_id][place.region]


def _instance_tags(order: LaunchOrder) -> dict[str, str]:
    """The recorded tags, and (assumed) a Name like the source server's."""
    return {
        "Name": order.server.name,
        "AWSElasticDisasterRecoveryManaged": "drs.amazonaws.com",
        "AWSElasticDisasterRecoverySourceServerID": order.server.id,
        "drs.amazonaws.com-source-server": order.server.id,
        **order.tags,
    }


def _run(backend: Any, **arguments: Any) -> Any:
    try:
        reservation = backend.run_instances(**arguments)
    except StopIteration as error:
        # So moto says that a subnet has no address left.
        msg = f"InsufficientFreeAddressesInSubnet: {arguments.get('subnet_id')} has no free address"
        raise MachineError(msg) from error
    return reservation.instances[0]


def _release_addresses(instance: Any) -> None:
    # moto gives them back when the object dies, which is never while its reservation is listed; and it keeps
    # the network interfaces, which count as used addresses of the subnet.
    for interface in instance.nics.values():
        instance.ec2_backend.enis.pop(interface.id, None)
    subnet = instance.ec2_backend.get_subnet(instance.subnet_id)
    for address in instance._private_ips:
        subnet.del_subnet_ip(address)
    instance._private_ips.clear()


def _require_network(backend: Any, subnet_id: str | None, groups: list[str]) -> None:
    if subnet_id is not None and not any(subnet_id in zone for zone in backend.subnets.values()):
        msg = f"InvalidSubnetID.NotFound: the subnet {subnet_id} does not exist"
        raise MachineError(msg)
    for group_id in groups:
        if backend.get_security_group_from_id(group_id) is None:
            msg = f"InvalidGroup.NotFound: the security group {group_id} does not exist"
            raise MachineError(msg)


def _add_vpc(backend: Any, network: NetworkSpec) -> None:
    backend.vpcs[network.vpc] = _Vpc(backend, network.vpc, network.cidr, is_default=False)
    backend.create_route_table(network.vpc, main=True)
    backend.create_network_acl(network.vpc, default=True)
    backend.create_security_group(
        "default", "default VPC security group", vpc_id=network.vpc, is_default=True
    )


def _add_subnet(backend: Any, place: Place, network: NetworkSpec) -> None:
    zone = next(z for z in backend.describe_availability_zones() if z.name == f"{place.region}a")
    cidr = IPv4Network(network.cidr)
    if cidr.prefixlen < _SUBNET_PREFIX:
        cidr = next(iter(cidr.subnets(new_prefix=_SUBNET_PREFIX)))
    subnet = _Subnet(
        backend,
        network.subnet,
        network.vpc,
        str(cidr),
        None,
        availability_zone=zone,
        default_for_az=False,
        map_public_ip_on_launch=False,
    )
    backend.associate_default_network_acl_with_subnet(network.subnet, network.vpc)
    backend.subnets[zone.name][network.subnet] = subnet
