"""How servers will be launched: DRS's launch settings and EC2's launch template of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider.core.answers import Members
from drs_provider.hooks.ec2.launch_templates import LaunchTemplate
from drs_provider.preflight.source_server import SourceServer
from drs_provider.rules.drs.launch_into import into_instance

_RIGHT_SIZING_OFF = frozenset({"", "NONE"})


@dataclass(frozen=True)
class LaunchSettings:
    """The part of a server's launch configuration that preflight judges.

    :param template_id: EC2 launch template; empty if DRS names none
    :param into_instance: id of the pre-provisioned instance that is launched into, or empty
    :param right_sizing: whether DRS itself chooses the instance type at the launch
    """

    template_id: str = ""
    into_instance: str = ""
    copy_private_ip: bool = False
    right_sizing: bool = False

    @classmethod
    def from_api(cls, row: Mapping[str, Any]) -> LaunchSettings:
        """Read an answer of GetLaunchConfiguration."""
        settings = Members(row)
        return cls(
            template_id=settings.text("ec2LaunchTemplateID"),
            into_instance=into_instance(row),
            copy_private_ip=settings.flag("copyPrivateIp") is True,
            right_sizing=settings.text("targetInstanceTypeRightSizingMethod") not in _RIGHT_SIZING_OFF,
        )


@dataclass(frozen=True)
class Launch:
    """A server that the run launches into a new instance.

    :param template: None if DRS names none or EC2 does not know it
    """

    server: SourceServer
    settings: LaunchSettings
    template: LaunchTemplate | None

    @property
    def addresses(self) -> dict[str, int]:
        """How many private addresses it takes from each subnet that its template names."""
        needed: dict[str, int] = {}
        for interface in self.template.interfaces if self.template else ():
            if interface.subnet_id and interface.address_count:
                needed[interface.subnet_id] = needed.get(interface.subnet_id, 0) + interface.address_count
        return needed

    @property
    def leaves_subnet_open(self) -> bool:
        """Whether EC2 would choose a default subnet."""
        return self.template is not None and not self.template.subnet_ids and not self._existing_interface

    @property
    def fixed_addresses(self) -> tuple[tuple[str, str], ...]:
        """The (subnet, private address) pairs that the launch insists on."""
        interfaces = self.template.interfaces if self.template else ()
        fixed = [(item.subnet_id, address) for item in interfaces for address in item.private_ips]
        if self.settings.copy_private_ip and self.server.private_ip and interfaces:
            fixed.append((interfaces[0].subnet_id, self.server.private_ip))
        return tuple(dict.fromkeys(pair for pair in fixed if pair[0]))

    @property
    def _existing_interface(self) -> bool:
        return self.template is not None and any(item.existing_id for item in self.template.interfaces)
