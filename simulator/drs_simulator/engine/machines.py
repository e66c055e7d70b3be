"""The port through which the engine makes and unmakes EC2 instances; the adapter implements it on moto."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from drs_simulator.engine.entities import Place
from drs_simulator.scenario import NetworkSpec
from drs_simulator.server_spec import ServerSpec


class MachineError(Exception):
    """EC2 refused; the message becomes the job log's raw error."""


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """An instance to be launched."""

    place: Place
    server: ServerSpec
    template_id: str
    at: float
    tags: dict[str, str] = field(default_factory=dict)
    private_ip: str | None = None
    stopped: bool = False
    checks_seconds: float = 0.0
    impaired: bool = False


class Machines(Protocol):
    """EC2, as far as DRS needs it."""

    def add_network(self, place: Place, name: str, network: NetworkSpec) -> None:
        """Make the VPC, subnet and security group of a scenario's network."""

    def add_template(self, place: Place, server: ServerSpec, network: NetworkSpec) -> str:
        """Make a server's launch template and return its id."""
        ...

    def add_prepared_instance(self, place: Place, server: ServerSpec, template_id: str, at: float) -> str:
        """Make the stopped, tagged instance that a server is to be launched into; returns its id."""
        ...

    def launch(self, order: LaunchOrder) -> str:
        """Launch and return the instance id. MachineError if EC2 refuses."""
        ...

    def require_launch_into(self, place: Place, instance_id: str) -> None:
        """MachineError if DRS may not launch into the instance: it does not exist or lacks the required tag."""

    def launch_into(self, order: LaunchOrder, instance_id: str) -> None:
        """Start an existing instance. MachineError if it does not exist or lacks the required tag."""

    def forget(self, place: Place, instance_id: str) -> None:
        """Make an instance vanish, as if it never had been."""

    def terminate(self, place: Place, instance_id: str) -> None:
        """Terminate an instance; one that does not exist any more is no error."""

    def state(self, place: Place, instance_id: str) -> str:
        """The instance's state in DRS's words: PENDING, RUNNING, STOPPED, TERMINATED, NOT_FOUND, ..."""
        ...

    def private_ip(self, place: Place, instance_id: str) -> str | None:
        """The instance's private address, None if there is no such instance."""
        ...
