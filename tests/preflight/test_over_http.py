"""Preflight against the simulator, through Airflow connections and real AWS clients."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.core.states import ExecutionType
from drs_provider.hooks.aws.clients import aws_clients, forget_clients
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.ec2.ec2_api import Ec2Api
from drs_provider.hooks.iam_api import IamApi
from drs_provider.hooks.step_resources import StepResourcesApi
from drs_provider.plan.conf.parsing import parse_run_conf
from drs_provider.plan.files.folder import load_plan
from drs_provider.plan.model import Plan
from drs_provider.preflight.run import PreflightResult, run_preflight
from drs_simulator.testing import Simulator, simulator
from tests.preflight.world import (
    BRANCH,
    DB_1,
    DB_2,
    DRILL_NETWORK,
    MAIN,
    codes,
    drs_time,
    found,
    obey_catalog,
    plan,
    wave,
)

pytestmark = pytest.mark.integration

SESSION_NAME = "drs-preflight-test"
WEST = {"drill": {"vpc": "vpc-0d5111aa", "subnet": "subnet-0d5111a1", "security_group": "sg-0d5111aa"}}
CENTRAL = {"drill": {"vpc": "vpc-0d5222bb", "subnet": "subnet-0d5222b1", "security_group": "sg-0d5222bb"}}
PRODUCTION = {"vpc": "vpc-0aaaaaaa", "subnet": "subnet-0aaaaaa1", "security_group": "sg-0aaaaaaa"}


@pytest.fixture(autouse=True)
def _fresh_clients() -> Iterator[None]:
    forget_clients()
    yield
    forget_clients()


def scenario(*servers: dict[str, Any], west: dict[str, Any] = WEST, **changes: Any) -> dict[str, Any]:
    """Return a world with two accounts: these servers in the first, one web server in the second."""
    return {
        "seed": 1,
        "accounts": {
            "111122223333": {"regions": {"eu-west-1": {"servers": ["db"], "networks": west}}},
            "222233334444": {
                "regions": {"eu-central-1": {"servers": ["web"], "networks": CENTRAL}},
                "roles": {"DRSOrchestrationRole": {"trusts": ["111122223333"], "external_id": "erp-dr-7f3a"}},
            },
        },
        "servers": {
            "db": list(servers) or [db_server(DB_1), db_server(DB_2)],
            "web": [{"id": "s-7777777777777777a", "name": "web-1", "tags": {"Tier": "web"}}],
        },
        **changes,
    }


def db_server(server_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": server_id, "name": f"db-{server_id[-1]}", "tags": {"Tier": "db"}, **fields}


DATABASE = plan(waves=[wave("database", ["db"])])
TWO_ACCOUNTS = plan(
    targets={"main": MAIN, "branch": {**BRANCH, "external_id": "erp-dr-7f3a"}},
    protection_groups={
        "db": {"target": "main", "tags": {"Tier": "db"}},
        "web": {"target": "branch", "tags": {"Tier": "web"}},
    },
    network={
        "drill": {
            "allowed_vpcs": ["vpc-0d5111aa", "vpc-0d5222bb"],
            "allowed_subnets": ["subnet-0d5111a1", "subnet-0d5222b1"],
            "allowed_security_groups": ["sg-0d5111aa", "sg-0d5222bb"],
        }
    },
)


class Bench:
    """A simulated AWS and an Airflow connection to it."""

    def __init__(self, running: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = running
        keys = running.credentials("111122223333")
        connection = {
            "conn_type": "aws",
            "login": keys["aws_access_key_id"],
            "password": keys["aws_secret_access_key"],
            "extra": {
                "endpoint_url": running.url,
                "service_config": {"sts": {"endpoint_url": running.url}},
                "config_kwargs": {"retries": {"mode": "standard", "total_max_attempts": 1}},
            },
        }
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(connection))

    def check(self, of_plan: Plan = DATABASE, **conf: Any) -> PreflightResult:
        def drs(target: AwsTarget) -> DrsApi:
            return DrsApi(aws_clients(target, session_name=SESSION_NAME))

        def ec2(target: AwsTarget) -> Ec2Api:
            return Ec2Api(aws_clients(target, session_name=SESSION_NAME))

        def iam(target: AwsTarget) -> IamApi:
            return IamApi(aws_clients(target, session_name=SESSION_NAME))

        def steps(target: AwsTarget) -> StepResourcesApi:
            return StepResourcesApi(aws_clients(target, session_name=SESSION_NAME))

        if conf.get("execution_type") == "RECOVERY":
            conf["confirm_plan"] = of_plan.name
        now = self.aws.now
        run_conf = parse_run_conf(conf, of_plan, now=now)
        result = run_preflight(of_plan, run_conf, drs=drs, ec2=ec2, iam=iam, steps=steps, now=now)
        obey_catalog(result, ExecutionType(run_conf.execution_type))
        return result

    def started_calls(self) -> set[str]:
        return {call.operation for call in self.aws.calls()}


@pytest.fixture
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with simulator(getattr(request, "param", None) or scenario()) as running:
        yield Bench(running, monkeypatch)


def in_world(world: dict[str, Any]) -> pytest.MarkDecorator:
    """Give the test's bench another world."""
    return pytest.mark.parametrize("bench", [world], indirect=True, ids=["world"])


def test_a_healthy_drill_over_two_accounts_is_clean_and_changes_nothing(bench: Bench) -> None:
    result = bench.check(TWO_ACCOUNTS)
    assert result.report.findings == (), result.report.text()
    assert {name: [row.name for row in rows] for name, rows in result.servers.items()} == {
        "db": ["db-a", "db-b"],
        "web": ["web-1"],
    }
    assert all(name.startswith(("Describe", "Get", "List")) for name in bench.started_calls())
    assert bench.aws.calls("SimulatePrincipalPolicy", service="iam", account="222233334444")


def test_trap_38_a_wrong_external_id_blocks_and_the_other_account_is_checked(bench: Bench) -> None:
    data = TWO_ACCOUNTS.to_dict()
    data["targets"]["branch"]["external_id"] = "something-else"
    result = bench.check(Plan.model_validate(data), preflight="warn")
    (finding,) = result.report.blocking
    assert (finding.code, finding.subject) == ("identity_not_proven", "target branch")
    assert "DRSOrchestrationRole" in finding.message
    assert list(result.servers) == ["db"]


def test_trap_38_another_account_than_the_plan_says_blocks(bench: Bench) -> None:
    of_plan = plan(targets={"main": {**MAIN, "account_id": "222233334444"}}, waves=[wave("database", ["db"])])
    (finding,) = bench.check(of_plan, preflight="warn").report.blocking
    assert finding.code == "identity_not_proven"
    assert "111122223333" in finding.message
    assert bench.aws.calls() == []


def test_a_missing_connection_blocks(bench: Bench) -> None:
    of_plan = plan(targets={"main": {**MAIN, "connection": "no_such"}}, waves=[wave("database", ["db"])])
    (finding,) = bench.check(of_plan).report.blocking
    assert finding.code == "connection_missing"
    assert "no_such" in finding.message


def test_a_region_without_drs_blocks(bench: Bench) -> None:
    of_plan = plan(targets={"main": {**MAIN, "region": "eu-north-1"}}, waves=[wave("database", ["db"])])
    (finding,) = bench.check(of_plan, preflight="warn").report.blocking
    assert finding.code == "drs_not_initialized"
    assert "eu-north-1" in finding.message


@in_world(scenario(db_server(DB_1, live_instance={"is_drill": False}), db_server(DB_2)))
def test_trap_20_a_live_instance_blocks(bench: Bench) -> None:
    (finding,) = bench.check(preflight="warn").report.blocking
    assert (finding.code, finding.server_ids) == ("live_instance", (DB_1,))
    assert bench.check(replace_live_instances=[DB_1]).report.ok


@in_world(scenario(db_server(DB_1, live_instance={"is_drill": True}), db_server(DB_2)))
def test_an_earlier_drills_instance_is_a_note(bench: Bench) -> None:
    assert codes(bench.check().report.findings) == ["drill_instance_replaced"]


@in_world(
    scenario(db_server(DB_1, network="production"), db_server(DB_2), west={**WEST, "production": PRODUCTION})
)
def test_trap_39_a_template_that_points_to_production_blocks(bench: Bench) -> None:
    report = bench.check(network_plan()).report
    assert {finding.server_ids for finding in report.blocking} == {(DB_1,)}
    text = report.text()
    assert "subnet-0aaaaaa1" in text
    assert "vpc-0aaaaaaa" in text
    assert "sg-0aaaaaaa" in text


def network_plan() -> Plan:
    return plan(network=DRILL_NETWORK, waves=[wave("database", ["db"])])


@in_world(scenario(db_server(DB_1, launch={"into_instance": True}), db_server(DB_2)))
def test_trap_39_launching_into_an_instance_blocks(bench: Bench) -> None:
    (finding,) = bench.check(preflight="warn").report.blocking
    assert (finding.code, finding.server_ids) == ("launch_into_instance", (DB_1,))


LOST = {"replication": "STALLED", "replication_error": "AGENT_NOT_SEEN", "lag": "PT2H"}


@in_world(scenario(db_server(DB_1), db_server(DB_2, **LOST)))
def test_trap_43_one_living_source_stops_a_recovery(bench: Bench) -> None:
    (finding,) = bench.check(execution_type="RECOVERY").report.blocking
    assert (finding.code, finding.server_ids) == ("source_alive", (DB_1,))
    lost = bench.check(execution_type="RECOVERY", source_state="lost").report
    assert lost.ok
    assert codes(lost.warnings) == ["replication_unfit"]


@in_world(scenario(db_server(DB_1, replication="INITIAL_SYNC"), db_server(DB_2)))
def test_a_server_that_was_never_synced_has_nothing_to_launch_from(bench: Bench) -> None:
    finding = found(bench.check(preflight="warn"), "no_point_in_time")
    assert finding.server_ids == (DB_1,)


def test_a_time_chooses_points_that_start_recovery_takes(bench: Bench) -> None:
    result = bench.check(snapshots=drs_time(bench.aws.now - 7200))
    assert result.report.ok, result.report.text()
    assert result.snapshots.keys() == {DB_1, DB_2}
    started = bench.aws.client().start_recovery(
        sourceServers=[
            {"sourceServerID": server, "recoverySnapshotID": snapshot}
            for server, snapshot in result.snapshots.items()
        ],
        isDrill=True,
    )
    assert started["job"]["status"] == "PENDING"
    busy = bench.check()
    assert found(busy, "server_busy").server_ids == (DB_1, DB_2)
    assert busy.report.ok


@pytest.mark.parametrize(
    "kind", [{"code": "InternalServerException"}, {"kind": "reset"}, {"kind": "truncate"}]
)
def test_trap_04_a_call_that_fails_is_a_finding_that_names_it(bench: Bench, kind: dict[str, Any]) -> None:
    bench.aws.inject("DescribeRecoveryInstances", **kind)
    (finding,) = bench.check(preflight="warn").report.blocking
    assert finding.code == "could_not_be_checked"
    assert "live recovery instances" in finding.message


def test_trap_04_ec2_that_does_not_answer_blocks_the_drill_network(bench: Bench) -> None:
    bench.aws.inject("DescribeLaunchTemplateVersions", service="ec2", code="InternalError")
    (finding,) = bench.check().report.blocking
    assert "the drill network" in finding.message
    assert "DescribeLaunchTemplateVersions" in finding.message


RECOVERY = {"execution_type": "RECOVERY", "source_state": "fenced"}
SMALL = {**WEST["drill"], "cidr": "10.0.0.0/28"}  # eleven addresses
MANY = [db_server(f"s-{number:017d}") for number in range(12)]
ALL = plan(
    protection_groups={"db": {"target": "main", "tags": {"Tier": "db"}}}, waves=[wave("database", ["db"])]
)


@in_world(scenario(*MANY, west={"drill": SMALL}))
def test_a_subnet_with_too_few_addresses_blocks(bench: Bench) -> None:
    (finding,) = bench.check(ALL).report.blocking
    assert finding.code == "addresses_short"
    assert "take 12 private addresses from subnet-0d5111a1 (10.0.0.0/28), but 11 are free" in finding.message


@in_world(scenario(*MANY[:11], west={"drill": SMALL}))
def test_what_the_last_drill_holds_counts_as_free(bench: Bench) -> None:
    assert bench.check(ALL).report.ok
    servers = [{"sourceServerID": item["id"]} for item in MANY[:11]]
    bench.aws.client().start_recovery(sourceServers=servers, isDrill=True)
    bench.aws.finish()
    report = bench.check(ALL).report
    assert report.ok, report.text()
    assert codes(report.findings) == ["drill_instance_replaced"]


@in_world(scenario(quotas={"vcpus": 3}))
def test_a_short_vcpu_quota_blocks_a_drill_and_warns_a_recovery(bench: Bench) -> None:
    (finding,) = bench.check().report.blocking
    assert finding.code == "vcpu_quota_short"
    assert "launch 4 vCPUs" in finding.message
    assert "L-1216C47A" in finding.message
    recovery = bench.check(**RECOVERY).report
    assert recovery.ok
    assert "vcpu_quota_short" in codes(recovery.warnings)


@in_world(scenario(quotas={"vcpus": 4}))
def test_what_runs_counts_against_the_vcpu_quota(bench: Bench) -> None:
    assert bench.check().report.findings == ()
    ec2 = bench.aws.client("ec2")
    ec2.run_instances(ImageId="ami-12c6146b", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    assert codes(bench.check().report.blocking) == ["vcpu_quota_short"]


def _copying(server_id: str, address: str) -> dict[str, Any]:
    return db_server(server_id, private_ip=address, launch={"copy_private_ip": True})


@in_world(scenario(_copying(DB_1, "10.0.0.20"), _copying(DB_2, "10.0.0.20")))
def test_two_servers_with_one_private_address_block(bench: Bench) -> None:
    (finding,) = bench.check().report.blocking
    assert (finding.code, finding.server_ids) == ("private_ip_twice", (DB_2,))


@in_world(scenario(_copying(DB_1, "10.0.0.20"), db_server(DB_2)))
def test_a_private_address_that_somebody_has_blocks(bench: Bench) -> None:
    assert bench.check().report.ok
    taken = bench.aws.client("ec2").create_network_interface(
        SubnetId="subnet-0d5111a1", PrivateIpAddress="10.0.0.20"
    )
    (finding,) = bench.check().report.blocking
    assert (finding.code, finding.server_ids) == ("private_ip_in_use", (DB_1,))
    assert taken["NetworkInterface"]["NetworkInterfaceId"] in finding.servers[0].detail


@in_world(scenario(_copying(DB_1, "192.168.7.7"), db_server(DB_2)))
def test_a_private_address_outside_the_subnet_blocks(bench: Bench) -> None:
    (finding,) = bench.check().report.blocking
    assert (finding.code, finding.server_ids) == ("private_ip_outside_subnet", (DB_1,))


@in_world(scenario(db_server(DB_1, launch={"into_instance": True}), db_server(DB_2)))
def test_trap_39_a_recovery_takes_a_pre_provisioned_instance_only_while_it_is_stopped(bench: Bench) -> None:
    assert codes(bench.check(**RECOVERY).report.findings) == ["launch_into_overwrites"]
    settings = bench.aws.client().get_launch_configuration(sourceServerID=DB_1)
    instance = settings["launchIntoInstanceProperties"]["launchIntoEC2InstanceID"]
    bench.aws.client("ec2").start_instances(InstanceIds=[instance])
    (finding,) = bench.check(preflight="warn", **RECOVERY).report.blocking
    assert (finding.code, finding.server_ids) == ("launch_into_in_use", (DB_1,))


def _deny(*actions: str) -> dict[str, Any]:
    world = scenario()
    world["accounts"]["111122223333"]["deny"] = list(actions)
    return world


@in_world(_deny("ec2:RunInstances", "iam:PassRole"))
def test_rights_that_drs_needs_of_its_caller_are_named(bench: Bench) -> None:
    (finding,) = bench.check().report.blocking
    assert finding.code == "rights_missing"
    assert "ec2:RunInstances" in finding.message
    assert "iam:PassRole on arn:aws:iam::111122223333:role/service-role/" in finding.message
    assert bench.check(preflight="warn").report.ok


@in_world(_deny("iam:SimulatePrincipalPolicy"))
def test_trap_04_rights_that_may_not_be_simulated_are_told(bench: Bench) -> None:
    (finding,) = bench.check().report.findings
    assert finding.code == "rights_not_checked"
    assert "SimulatePrincipalPolicy was denied" in finding.message


@in_world(_deny("servicequotas:*"))
def test_trap_04_quotas_that_cannot_be_read_warn(bench: Bench) -> None:
    report = bench.check().report
    assert report.ok
    assert {finding.code for finding in report.warnings} == {"quotas_assumed", "could_not_be_checked"}
    assert all("ListServiceQuotas" in finding.message for finding in report.warnings)


@pytest.mark.parametrize(
    ("operation", "service"),
    [
        ("DescribeSubnets", "ec2"),
        ("DescribeInstanceTypes", "ec2"),
        ("DescribeInstances", "ec2"),
        ("SimulatePrincipalPolicy", "iam"),
        ("GetLaunchConfiguration", "drs"),
        ("DescribeJobs", "drs"),
    ],
)
def test_trap_04_every_call_that_fails_is_named(bench: Bench, operation: str, service: str) -> None:
    bench.aws.inject(operation, service=service, code="InternalFailure")
    report = bench.check().report
    assert report.findings
    assert {finding.code for finding in report.findings} == {"could_not_be_checked"}
    assert all(operation in finding.message for finding in report.findings)


LARGE = [db_server(f"s-{number:017d}") for number in range(230)]


@in_world(scenario(*LARGE))
def test_trap_05_calls_of_many_servers_are_bounded(bench: Bench) -> None:
    report = bench.check(ALL).report
    assert report.ok, report.text()
    assert report.server_count == len(LARGE)
    made = Counter(f"{call.service}:{call.operation}" for call in bench.aws.calls(service="*"))
    assert made.pop("drs:GetLaunchConfiguration") == len(LARGE)
    assert made["ec2:DescribeLaunchTemplateVersions"] == 2
    assert made["drs:DescribeSourceServers"] == 1
    assert made.total() < 25, made


@pytest.mark.parametrize(
    ("name", "world"),
    [
        ("wiki", "three_tier"),
        ("erp_three_tier", "three_tier"),
        ("shop_two_regions", "shop_two_regions"),
        ("wiki_with_steps", "sample_plans"),
    ],
)
def test_sample_plans_pass_in_their_scenarios(name: str, world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(__file__).parents[2] / "dags" / "plans"
    with simulator(world) as running:
        report = Bench(running, monkeypatch).check(load_plan(folder, name)).report
    assert report.ok, report.text()
