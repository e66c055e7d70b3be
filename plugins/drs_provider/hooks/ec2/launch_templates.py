"""What a version of an EC2 launch template says about the instance that DRS launches from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider.core.answers import Members

# An IPv4 prefix that is delegated to a network interface is always a /28.
_ADDRESSES_OF_A_PREFIX = 16


@dataclass(frozen=True)
class LaunchInterface:
    """A network interface of a launch template.

    :param subnet_id: empty if the template leaves it open
    :param private_ips: fixed private IPv4 addresses
    :param address_count: how many addresses it takes from its subnet; none if it is an existing interface
    :param existing_id: id of an existing interface that is attached instead of a new one, or empty
    """

    subnet_id: str = ""
    security_group_ids: tuple[str, ...] = ()
    private_ips: tuple[str, ...] = ()
    address_count: int = 1
    existing_id: str = ""
    device_index: int = 0

    @classmethod
    def of(cls, item: Members) -> LaunchInterface:
        """Read one of ``NetworkInterfaces``."""
        listed = [address.text("PrivateIpAddress") for address in item.parts("PrivateIpAddresses")]
        fixed = _distinct([item.text("PrivateIpAddress"), *listed])
        existing = item.text("NetworkInterfaceId")
        prefixes = item.count("Ipv4PrefixCount") or len(item.parts("Ipv4Prefixes"))
        wanted = max(1, len(fixed)) + (item.count("SecondaryPrivateIpAddressCount") or 0)
        return cls(
            subnet_id=item.text("SubnetId"),
            security_group_ids=_distinct(item.texts("Groups")),
            private_ips=fixed,
            address_count=0 if existing else wanted + prefixes * _ADDRESSES_OF_A_PREFIX,
            existing_id=existing,
            device_index=item.count("DeviceIndex") or 0,
        )


@dataclass(frozen=True)
class LaunchTemplate:
    """A version of a launch template.

    :param instance_type: empty if the template leaves it open
    :param own_security_group_ids: groups that it names beside those of its interfaces
    :param security_group_names: groups that it names by name instead of by id
    :param by_attributes: whether it names attributes in place of a type (``InstanceRequirements``)
    """

    template_id: str
    version: int
    instance_type: str = ""
    interfaces: tuple[LaunchInterface, ...] = ()
    own_security_group_ids: tuple[str, ...] = ()
    security_group_names: tuple[str, ...] = ()
    by_attributes: bool = False

    @classmethod
    def from_api(cls, row: Mapping[str, Any]) -> LaunchTemplate:
        """Read one of ``LaunchTemplateVersions``; one without an id gets an empty one."""
        template = Members(row)
        data = template.part("LaunchTemplateData")
        return cls(
            template_id=template.text("LaunchTemplateId"),
            version=template.count("VersionNumber") or 0,
            instance_type=data.text("InstanceType"),
            interfaces=tuple(LaunchInterface.of(item) for item in data.parts("NetworkInterfaces")),
            own_security_group_ids=_distinct(data.texts("SecurityGroupIds")),
            security_group_names=_distinct(data.texts("SecurityGroups")),
            by_attributes=bool(data.part("InstanceRequirements")),
        )

    @property
    def subnet_ids(self) -> tuple[str, ...]:
        """Subnets of its interfaces; empty means EC2's default subnet."""
        return _distinct(interface.subnet_id for interface in self.interfaces)

    @property
    def security_group_ids(self) -> tuple[str, ...]:
        """Security groups by id; empty means the VPC's default group."""
        of_interfaces = [group for item in self.interfaces for group in item.security_group_ids]
        return _distinct([*self.own_security_group_ids, *of_interfaces])

    @property
    def private_ips(self) -> tuple[str, ...]:
        """Fixed private addresses."""
        return _distinct(address for interface in self.interfaces for address in interface.private_ips)

    @property
    def unresolved(self) -> tuple[str, ...]:
        """What of its networks it does not tell by id, in words."""
        return tuple(self._unresolved())

    def _unresolved(self) -> Iterator[str]:
        if self.security_group_names:
            yield f"security groups by name: {', '.join(self.security_group_names)}"
        for interface in self.interfaces:
            if interface.existing_id:
                yield f"existing network interface {interface.existing_id}"
            elif len(self.interfaces) > 1 and not interface.subnet_id:
                yield f"network interface {interface.device_index} without a subnet"


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
