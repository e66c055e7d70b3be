"""A small world behind the boundary of DrsApi and Ec2Api: rows as AWS gives them, calls counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.core.account import AwsTarget
from drs_provider.core.quotas import DrsQuotas
from drs_provider.core.states import ExecutionType
from drs_provider.hooks.ec2.ec2_api import Subnet
from drs_provider.hooks.ec2.launch_templates import LaunchInterface, LaunchTemplate
from drs_provider.hooks.iam_api import Right, RightsQuestion
from drs_provider.plan.conf.parsing import RunConf, parse_run_conf
from drs_provider.plan.model import Plan
from drs_provider.preflight.catalog import KINDS, WARN_CONF, Kind
from drs_provider.preflight.findings import Finding, Severity
from drs_provider.preflight.run import PreflightResult, run_preflight

NOW = 1_790_000_000.0
MAIN = {"account_id": "111122223333", "region": "eu-west-1", "connection": "aws_dr", "own_account": True}
BRANCH = {
    "account_id": "222233334444",
    "region": "eu-central-1",
    "connection": "aws_dr",
    "role": "DRSOrchestrationRole",
}
DB_1, DB_2 = "s-1111111111111111a", "s-1111111111111111b"
WEB_1, WEB_2 = "s-3333333333333333a", "s-3333333333333333b"
UNKNOWN = "s-9999999999999999z"
VPC, SUBNET, GROUP = "vpc-0d5111aa", "subnet-0d5111a1", "sg-0d5111aa"
DRILL_NETWORK = {
    "drill": {"allowed_vpcs": [VPC], "allowed_subnets": [SUBNET], "allowed_security_groups": [GROUP]}
}
TWO_WAVES: dict[str, Any] = {
    "name": "erp",
    "targets": {"main": MAIN},
    "protection_groups": {
        "db": {"target": "main", "servers": [DB_1, DB_2]},
        "web": {"target": "main", "tags": {"App": "erp", "Tier": "web"}},
    },
    "network": DRILL_NETWORK,
    "waves": [{"name": "database", "groups": ["db"]}, {"name": "web", "groups": ["web"]}],
}


def plan(**changes: Any) -> Plan:
    """Return the plan of two waves, its top-level keys replaced by the changes; None removes one.

    Groups that no wave names are left out.
    """
    data = {key: value for key, value in {**TWO_WAVES, **changes}.items() if value is not None}
    used = {group for item in data["waves"] for group in item["groups"]}
    data["protection_groups"] = {k: v for k, v in data["protection_groups"].items() if k in used}
    return Plan.model_validate(data)


def wave(name: str, groups: Iterable[str], **fields: Any) -> dict[str, Any]:
    return {"name": name, "groups": list(groups), **fields}


def drs_time(epoch: float) -> str:
    """Return a time in DRS's documented form."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(seconds: float) -> str:
    """Return a time before NOW in DRS's form."""
    return drs_time(NOW - seconds)


def server(server_id: str, name: str = "", **changes: Any) -> dict[str, Any]:
    """Return a healthy source server; changes replace members of the row."""
    return {
        "sourceServerID": server_id,
        "tags": {"Name": name} if name else {},
        "dataReplicationInfo": {"dataReplicationState": "CONTINUOUS", "lagDuration": "PT0S"},
        "lifeCycle": {"lastSeenByServiceDateTime": ago(30)},
        "replicationDirection": "FAILOVER",
        **changes,
    }


def replication(state: str, lag: str | None = None, error: str | None = None) -> dict[str, Any]:
    info: dict[str, Any] = {"dataReplicationState": state}
    if lag is not None:
        info["lagDuration"] = lag
    if error is not None:
        info["dataReplicationError"] = {"error": error}
    return info


def instance(server_id: str, *, is_drill: bool | None = False, **changes: Any) -> dict[str, Any]:
    row = {
        "recoveryInstanceID": f"i-{server_id[2:]}",
        "ec2InstanceID": f"i-{server_id[2:]}",
        "ec2InstanceState": "RUNNING",
        "sourceServerID": server_id,
        "jobID": "drsjob-earlier0000000000",
        **changes,
    }
    return row if is_drill is None else {**row, "isDrill": is_drill}


def job(job_id: str, servers: Iterable[str], **changes: Any) -> dict[str, Any]:
    return {
        "jobID": job_id,
        "type": "LAUNCH",
        "status": "STARTED",
        "initiatedBy": "START_DRILL",
        "participatingServers": [{"sourceServerID": server_id} for server_id in servers],
        **changes,
    }


def point(snapshot_id: str, seconds_ago: float | None) -> dict[str, Any]:
    """Return a point in time; one that is only forecast for None."""
    row = {"snapshotID": snapshot_id, "expectedTimestamp": ago(seconds_ago or -600)}
    return row if seconds_ago is None else {**row, "timestamp": ago(seconds_ago)}


def aws_error(operation: str, code: str = "InternalServerException") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no answer"}}, operation)


class FakeAws:
    """DRS, EC2 and IAM of one target: all APIs in one, every call counted.

    :param errors: name of a method → what it raises
    """

    def __init__(self, servers: Iterable[dict[str, Any]] = ()) -> None:
        self.servers = list(servers)
        self.recovered: list[dict[str, Any]] = []  # recovery instances
        self.job_rows: list[dict[str, Any]] = []
        self.points: dict[str, list[dict[str, Any]]] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.templates: dict[str, LaunchTemplate | None] = {}
        self.known_subnets = {SUBNET: VPC}
        self.free_addresses: dict[str, int | None] = {}
        self.cidr_blocks: dict[str, str] = {}
        self.ipv6_only: set[str] = set()
        self.machines: list[dict[str, Any]] = []  # EC2 instances
        self.interfaces: list[dict[str, Any]] = []
        self.vcpus: dict[str, int | None] = {"t3.medium": 2, "r6i.large": 2, "p4d.24xlarge": 96}
        self.ec2_quotas = {"L-1216C47A": 64_000.0, "L-417A185B": 192.0}
        self.denied: dict[str, Right] = {}
        self.caller_arn = "arn:aws:iam::111122223333:user/hub"
        self.limits = DrsQuotas()
        self.errors: dict[str, Exception] = {}
        self.calls: Counter[str] = Counter()
        self.asked_for_instances: list[str] = []
        self._lock = threading.Lock()

    def _called(self, name: str) -> None:
        with self._lock:
            self.calls[name] += 1
        if name in self.errors:
            raise self.errors[name]

    def source_servers(self) -> list[dict[str, Any]]:
        self._called("source_servers")
        return self.servers

    def recovery_instances(self, source_server_ids: Iterable[str]) -> list[dict[str, Any]]:
        self._called("recovery_instances")
        self.asked_for_instances = list(source_server_ids)
        return [row for row in self.recovered if row.get("sourceServerID", DB_1) in self.asked_for_instances]

    def active_jobs(self) -> list[dict[str, Any]]:
        self._called("active_jobs")
        return [row for row in self.job_rows if row["status"] != "COMPLETED"]

    def jobs(self, job_ids: Iterable[str]) -> list[dict[str, Any]]:
        self._called("jobs")
        return [row for row in self.job_rows if row["jobID"] in set(job_ids)]

    def recovery_snapshots(self, source_server_id: str) -> list[dict[str, Any]]:
        self._called("recovery_snapshots")
        return self.points.get(source_server_id, [])

    def launch_configuration(self, source_server_id: str) -> dict[str, Any]:
        self._called("launch_configuration")
        template = f"lt-{source_server_id[2:]}"
        return self.settings.get(source_server_id, {"ec2LaunchTemplateID": template})

    def quotas(self) -> DrsQuotas:
        self._called("quotas")
        return self.limits

    def launch_templates(self, ids: Iterable[str]) -> dict[str, LaunchTemplate]:
        self._called("launch_templates")
        answers = {template: self.templates.get(template, networks(template)) for template in ids}
        return {template: answer for template, answer in answers.items() if answer is not None}

    def subnets(self, ids: Iterable[str]) -> Mapping[str, Subnet]:
        self._called("subnets")
        return {
            subnet: Subnet(
                subnet,
                self.known_subnets[subnet],
                "eu-west-1a",
                self.cidr_blocks.get(subnet, "10.0.0.0/16"),
                self.free_addresses.get(subnet, 4000),
                ipv6_only=subnet in self.ipv6_only,
            )
            for subnet in ids
            if subnet in self.known_subnets
        }

    def instances(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        self._called("instances")
        wanted = set(ids)
        return {row["InstanceId"]: row for row in self.machines if row["InstanceId"] in wanted}

    def running_instances(self) -> list[dict[str, Any]]:
        self._called("running_instances")
        return [row for row in self.machines if row["State"]["Name"] in ("pending", "running")]

    def default_vcpus(self, instance_types: Iterable[str]) -> dict[str, int | None]:
        self._called("default_vcpus")
        return {name: self.vcpus[name] for name in instance_types if name in self.vcpus}

    def network_interfaces_with(self, private_ips: Iterable[str]) -> list[dict[str, Any]]:
        self._called("network_interfaces_with")
        wanted = set(private_ips)
        return [row for row in self.interfaces if row["PrivateIpAddress"] in wanted]

    def vcpu_quotas(self) -> dict[str, float]:
        self._called("vcpu_quotas")
        return self.ec2_quotas

    def simulate(self, question: RightsQuestion) -> list[Right]:
        self._called("simulate")
        return [
            replace(self.denied.get(action, Right(action, resource, allowed=True)), resource=resource)
            for action in question.actions
            for resource in question.resources
        ]


def machine(instance_id: str, state: str = "running", **changes: Any) -> dict[str, Any]:
    """Return an EC2 instance with one address in the drill's subnet."""
    return {
        "InstanceId": instance_id,
        "InstanceType": "t3.medium",
        "State": {"Name": state},
        "NetworkInterfaces": [{"SubnetId": SUBNET, "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.9.9"}]}],
        **changes,
    }


def networks(
    template: str, subnets: Iterable[str] = (SUBNET,), groups: Iterable[str] = (GROUP,)
) -> LaunchTemplate:
    """Return a launch template with an interface in each of these subnets."""
    interfaces = tuple(LaunchInterface(subnet) for subnet in subnets)
    return LaunchTemplate(template, 1, "t3.medium", interfaces, own_security_group_ids=tuple(groups))


def healthy() -> FakeAws:
    """Return the servers of the plan of two waves, and one that is no part of it."""
    web = {"App": "erp", "Tier": "web"}
    return FakeAws(
        [
            server(DB_1, "erp-db-1"),
            server(DB_2, "erp-db-2"),
            server(WEB_2, tags={**web, "Name": "erp-web-2"}),
            server(WEB_1, tags={**web, "Name": "erp-web-1"}),
            server("s-8888888888888888a", tags={"App": "other", "Tier": "web"}),
        ]
    )


def check(
    aws: FakeAws | Mapping[str, FakeAws | Exception],
    of_plan: Plan | None = None,
    **conf: Any,
) -> PreflightResult:
    """Run the preflight; a mapping gives each target its world, or the error that its factory raises."""
    checked = of_plan or plan()
    if conf.get("execution_type") == "RECOVERY":
        conf.setdefault("confirm_plan", checked.name)

    run_conf = parse_run_conf(conf, checked, now=NOW)
    return checked_run(aws, checked, run_conf)


def checked_run(
    aws: FakeAws | Mapping[str, FakeAws | Exception], of_plan: Plan, conf: RunConf, **arguments: Any
) -> PreflightResult:
    """Run the preflight with further arguments of :func:`run_preflight`."""

    def api(target: AwsTarget) -> FakeAws:
        world = aws[target.name] if isinstance(aws, Mapping) else aws
        if isinstance(world, Exception):
            raise world
        return world

    result = run_preflight(of_plan, conf, drs=api, ec2=api, iam=api, steps=api, now=NOW, **arguments)
    obey_catalog(result, ExecutionType(conf.execution_type))
    return result


def obey_catalog(result: PreflightResult, kind: ExecutionType) -> None:
    """Fail if a finding is other than the catalog, and with it the documentation, says."""
    strange = [item for item in result.report.findings if not allows(KINDS[item.code], item, kind)]
    assert strange == []


def allows(of_catalog: Kind, finding: Finding, kind: ExecutionType) -> bool:
    """Tell whether a finding of a kind may be as it is."""
    severities = of_catalog.drill if kind.is_drill else of_catalog.recovery
    if finding.overridden:
        return (
            bool(of_catalog.override) and Severity.BLOCK in severities and finding.severity is Severity.WARN
        )
    covered = of_catalog.override == WARN_CONF and finding.severity is Severity.BLOCK
    return finding.severity in severities and (not finding.overridable or covered)


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def found(result: PreflightResult, code: str) -> Finding:
    """Return the only finding of a kind."""
    matching = [finding for finding in result.report.findings if finding.code == code]
    assert len(matching) == 1, result.report.text()
    return matching[0]
