"""Whether the account's vCPU quotas hold what runs and what will be launched."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drs_provider.core.answers import Members
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import TargetScope
from drs_provider.preflight.source_server import SourceServer

#: Service Quotas of EC2: vCPUs of running On-Demand instances, by kind of instance.
QUOTAS = {
    "L-1216C47A": "Standard (A, C, D, H, I, M, R, T, Z)",
    "L-6E869C2A": "DL",
    "L-74FC7D96": "F",
    "L-DB2E81BA": "G and VT",
    "L-43DA4232": "High Memory",
    "L-F7808C92": "HPC",
    "L-1945791B": "Inf",
    "L-417A185B": "P",
    "L-2C3B7624": "Trn",
    "L-7295265B": "X",
}
_BY_PREFIX = {
    "dl": "L-6E869C2A",
    "hpc": "L-F7808C92",
    "inf": "L-1945791B",
    "trn": "L-2C3B7624",
    "vt": "L-DB2E81BA",
    "mac": "",
}
_BY_LETTER = {
    **dict.fromkeys("acdhimrtz", "L-1216C47A"),
    "f": "L-74FC7D96",
    "g": "L-DB2E81BA",
    "p": "L-417A185B",
    "u": "L-43DA4232",
    "x": "L-7295265B",
}
_LETTERS = re.compile(r"[a-z]+")
# Spot instances have quotas of their own, capacity blocks none.
_OTHER_LIFE_CYCLES = frozenset({"spot", "scheduled", "capacity-block"})


def quota_code(instance_type: str) -> str:
    """Return the quota that an instance type counts for; empty if there is none for it, or none that is known."""
    match = _LETTERS.match(instance_type)
    prefix = match.group() if match else ""
    return _BY_PREFIX[prefix] if prefix in _BY_PREFIX else _BY_LETTER.get(prefix[:1], "")


@dataclass(frozen=True)
class Planned:
    """A server that is launched, and as what.

    :param instance_type: empty if nothing tells
    :param settled: whether it stays that type: DRS does not choose another one at the launch
    :param by_attributes: whether its template names attributes instead of a type
    """

    server: SourceServer
    instance_type: str
    settled: bool
    by_attributes: bool = False


def vcpus(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings about instance types and about the vCPU quotas that they count for.

    DRS's conversion servers, which run for some minutes, are not counted.
    """
    planned = list(_planned(scope))
    known = scope.reads.default_vcpus(item.instance_type for item in planned if item.instance_type)
    counted: dict[str, list[Planned]] = defaultdict(list)
    for item in planned:
        code = quota_code(item.instance_type)
        if item.instance_type and item.instance_type not in known:
            yield from _not_offered(scope, item)
        elif code and known[item.instance_type] is not None:
            counted[code].append(item)
        else:
            yield _not_counted(scope, item)
    if counted:
        yield from _against_quotas(scope, counted, known)


def _planned(scope: TargetScope) -> Iterator[Planned]:
    launches = scope.launches
    new = {launch.server.source_server_id for launch in launches}
    for launch in launches:
        if launch.template is not None:  # without one: the check of the launch templates says so
            template = launch.template
            settled = not launch.settings.right_sizing
            yield Planned(launch.server, template.instance_type, settled, template.by_attributes)
    settings = scope.settings
    into = {
        server: settings[server.source_server_id].into_instance
        for server in scope.servers
        if server.source_server_id not in new
    }
    rows = scope.reads.instances(into.values())
    for server, instance in into.items():
        if instance in rows:
            yield Planned(server, Members(rows[instance]).text("InstanceType"), settled=True)


def _against_quotas(
    scope: TargetScope, counted: Mapping[str, list[Planned]], known: Mapping[str, int | None]
) -> Iterator[Finding]:
    limits = scope.reads.vcpu_quotas
    in_use = _in_use(scope, frozenset(counted))
    account = (scope.target.account_id, scope.target.region)
    taken = scope.run.ledger.vcpus
    for code, items in counted.items():
        taken[(*account, code)] += sum(known[item.instance_type] or 0 for item in items)
        needed = taken[(*account, code)]
        if code not in limits:
            yield _unknown(scope, code, items)
        elif in_use[code] + needed > limits[code]:
            yield _short(scope, code, needed, in_use[code], limits[code], items)


def _in_use(scope: TargetScope, codes: frozenset[str]) -> Counter[str]:
    """Return the vCPUs of running On-Demand instances that stay, by quota."""
    replaced = {view.instance_id for view in scope.earlier_instances.values()}
    types = [
        name
        for row in map(Members, scope.reads.running_instances)
        if quota_code(name := row.text("InstanceType")) in codes
        and _on_demand(row)
        and row.text("InstanceId") not in replaced
    ]
    known = scope.reads.default_vcpus(types)
    used: Counter[str] = Counter()
    for name in types:
        used[quota_code(name)] += known.get(name) or 0
    return used


def _on_demand(row: Members) -> bool:
    on_host = row.part("Placement").text("Tenancy") == "host"
    return row.text("InstanceLifecycle") not in _OTHER_LIFE_CYCLES and not on_host


def _short(
    scope: TargetScope, code: str, needed: int, in_use: int, limit: float, items: list[Planned]
) -> Finding:
    drill = scope.run.kind.is_drill
    return scope.run.finding(
        "vcpu_quota_short",
        scope.subject,
        f"all waves together launch {needed} vCPUs of {QUOTAS[code]} instances, {in_use} others run, and the quota of "
        f"{scope.place} is {limit:.0f} ({code}): {needed + in_use - limit:.0f} are missing",
        "Ask AWS for a higher quota, stop instances that are not needed, or choose smaller instance types."
        + ("" if drill else " What fits is launched; the others fail and can be retried."),
        servers=tuple(item.server.ref(item.instance_type) for item in items),
    )


def _unknown(scope: TargetScope, code: str, items: list[Planned]) -> Finding:
    return scope.run.finding(
        "vcpu_quota_unknown",
        scope.subject,
        f"Service Quotas lists no {code} ({QUOTAS[code]} instances) in {scope.place}, so nothing tells whether the "
        "vCPUs suffice",
        "Look the quota up in the Service Quotas console.",
        servers=tuple(item.server.ref(item.instance_type) for item in items),
    )


def _not_offered(scope: TargetScope, item: Planned) -> Iterator[Finding]:
    if item.settled:
        yield scope.finding(
            "instance_type_unknown",
            item.server.ref(item.instance_type),
            f"launch templates name instance types that EC2 does not offer in Region {scope.target.region}",
            "Choose another instance type in the servers' launch templates.",
        )
    else:
        yield _not_counted(scope, item)


def _not_counted(scope: TargetScope, item: Planned) -> Finding:
    return scope.finding(
        "vcpus_not_counted",
        item.server.ref(item.instance_type or "no instance type"),
        "nothing tells which vCPU quota servers count for, so they were not counted",
        _counting(item),
    )


def _counting(item: Planned) -> str:
    """Return how the vCPUs of a server can be counted all the same."""
    if item.by_attributes:
        return (
            "The launch templates choose types by attributes (InstanceRequirements): compare the vCPU quotas of the "
            "types that these allow in the Service Quotas console, or put one instance type in their place."
        )
    if not item.instance_type:
        return "Name an instance type in the servers' launch templates."
    if not item.settled:
        return (
            "DRS chooses another type at the launch (right-sizing): compare the vCPU quotas in the Service Quotas "
            "console, or name a type that the Region offers and switch right-sizing off."
        )
    return "Look up the quota of these instance types in the Service Quotas console."
