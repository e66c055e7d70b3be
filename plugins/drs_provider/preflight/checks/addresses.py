"""Private addresses: enough free ones in the subnets, and no clash of fixed ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from drs_provider.core.answers import Members
from drs_provider.hooks.ec2.ec2_api import Subnet
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.launches import Launch
from drs_provider.preflight.scope import TargetScope
from drs_provider.preflight.source_server import SourceServer
from drs_provider.rules.drs.recovery_instances import instance_ids

# AWS keeps the first four addresses of a subnet and the last.
_RESERVED_FIRST = 4


def free_addresses(scope: TargetScope) -> Iterator[Finding]:
    """Yield a finding for every subnet with fewer free addresses than all waves together take from it.

    What earlier recovery instances of these servers hold becomes free, since DRS removes them first.
    """
    needed: dict[str, dict[str, int]] = defaultdict(dict)
    for launch in scope.launches:
        for subnet_id, count in launch.addresses.items():
            needed[subnet_id][launch.server.source_server_id] = count
    subnets = scope.reads.subnets(needed)
    taken = scope.run.ledger.addresses
    for subnet_id, counts in needed.items():
        taken[subnet_id] += sum(counts.values())
        subnet = subnets.get(subnet_id)
        if subnet is None or subnet.ipv6_only:
            continue  # that EC2 does not know the subnet is a finding of its own; IPv6 addresses are never short
        if subnet.free_addresses is None:
            yield _unknown(scope, subnet, "how many addresses are free in it", scope.named(counts))
        elif taken[subnet_id] > subnet.free_addresses:
            missing = taken[subnet_id] - subnet.free_addresses - (freed := _freed(scope, subnet_id))
            if missing > 0:
                yield _short(scope, subnet, taken[subnet_id], freed, missing, scope.named(counts))


def _freed(scope: TargetScope, subnet_id: str) -> int:
    instances = scope.reads.instances(instance_ids(scope.earlier_instances.values()))
    return sum(
        len(interface.parts("PrivateIpAddresses"))
        for row in instances.values()
        for interface in Members(row).parts("NetworkInterfaces")
        if interface.text("SubnetId") == subnet_id
    )


def _unknown(scope: TargetScope, subnet: Subnet, what: str, servers: Iterable[SourceServer]) -> Finding:
    return scope.run.finding(
        "addresses_unknown",
        f"subnet {subnet.subnet_id}",
        f"EC2 does not tell {what}",
        "Look at the subnet in EC2.",
        servers=tuple(server.ref() for server in servers),
    )


def _short(
    scope: TargetScope, subnet: Subnet, needed: int, freed: int, missing: int, servers: Iterable[SourceServer]
) -> Finding:
    more = f", and {freed} become free with earlier instances" if freed else ""
    return scope.run.finding(
        "addresses_short",
        f"subnet {subnet.subnet_id}",
        f"all waves together take {needed} private addresses from {subnet.subnet_id} ({subnet.cidr_block}), but "
        f"{subnet.free_addresses} are free in it{more}: {missing} are missing",
        "Free addresses in the subnet, or spread the servers' launch templates over further subnets.",
        servers=tuple(server.ref() for server in servers),
    )


def fixed_addresses(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings for fixed private addresses that clash: with each other, with what exists, with the subnet."""
    launches = [launch for launch in scope.launches if launch.fixed_addresses]
    subnets = scope.reads.subnets(subnet for launch in launches for subnet, _ in launch.fixed_addresses)
    for launch in launches:
        for subnet_id, address in launch.fixed_addresses:
            yield from _misplaced(scope, launch, subnets.get(subnet_id), address)
            yield from _twice(scope, launch, subnet_id, address)
    yield from _in_use(scope, launches)


def _misplaced(scope: TargetScope, launch: Launch, subnet: Subnet | None, address: str) -> Iterator[Finding]:
    if subnet is None:
        return
    if not subnet.cidr_block and not subnet.ipv6_only:
        yield _unknown(scope, subnet, "which addresses it has", (launch.server,))
    elif reason := _refusal(subnet.cidr_block, address):
        yield _clash(
            scope,
            launch,
            "private_ip_outside_subnet",
            "servers insist on private addresses that their subnets cannot give",
            f"{address} {reason} {subnet.subnet_id} ({subnet.cidr_block or 'IPv6 only'})",
        )


def _refusal(cidr_block: str, address: str) -> str:
    """Return why a subnet cannot give an address, or an empty text.

    :param cidr_block: empty for a subnet of IPv6 only
    """
    try:
        fixed = IPv4Address(address)
    except ValueError:
        return "is no IPv4 address, asked of"
    network = IPv4Network(cidr_block) if cidr_block else None
    if network is None or fixed not in network:
        return "is not in the subnet"
    kept = int(fixed) - int(network.network_address) < _RESERVED_FIRST
    return "is kept by AWS" if kept or fixed == network.broadcast_address else ""


def _twice(scope: TargetScope, launch: Launch, subnet_id: str, address: str) -> Iterator[Finding]:
    holder = scope.run.ledger.private_ips.setdefault((subnet_id, address), launch.server.ref())
    if holder != launch.server.ref():
        yield _clash(
            scope,
            launch,
            "private_ip_twice",
            "servers of this run insist on the same private address",
            f"{address} in {subnet_id}, as {holder.name or holder.source_server_id}",
        )


def _in_use(scope: TargetScope, launches: list[Launch]) -> Iterator[Finding]:
    """Yield findings for addresses of existing network interfaces, other than those that are removed first."""
    wanted: dict[tuple[str, str], list[Launch]] = defaultdict(list)
    for launch in launches:
        for pair in launch.fixed_addresses:
            wanted[pair].append(launch)
    if not wanted:
        return
    replaced = {server: view.instance_id for server, view in scope.earlier_instances.items()}
    for row in scope.reads.ec2.network_interfaces_with(address for _, address in wanted):
        interface = Members(row)
        holder, subnet_id = interface.part("Attachment").text("InstanceId"), interface.text("SubnetId")
        for address in _addresses(interface):
            for launch in wanted.get((subnet_id, address), ()):
                if holder and holder == replaced.get(launch.server.source_server_id):
                    continue
                owner = holder or interface.text("NetworkInterfaceId") or "a network interface"
                yield _clash(
                    scope,
                    launch,
                    "private_ip_in_use",
                    "servers insist on private addresses that others have",
                    f"{address} in {subnet_id} belongs to {owner}",
                )


def _addresses(interface: Members) -> tuple[str, ...]:
    listed = [item.text("PrivateIpAddress") for item in interface.parts("PrivateIpAddresses")]
    return tuple(
        dict.fromkeys(address for address in [interface.text("PrivateIpAddress"), *listed] if address)
    )


def _clash(scope: TargetScope, launch: Launch, code: str, message: str, detail: str) -> Finding:
    return scope.finding(
        code,
        launch.server.ref(detail),
        message,
        "Correct the private addresses in the servers' launch templates, or copyPrivateIp in their launch settings.",
    )
