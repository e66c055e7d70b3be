"""Scenarios: which accounts, servers, networks, rules and faults a simulated world has. Data, validated."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from drs_simulator.engine.faults import FaultSpec
from drs_simulator.engine.rights import START_RECOVERY, Effect
from drs_simulator.launch_profile import Profile, Seconds, Strict, load_profile
from drs_simulator.server_spec import ServerGroup, ServerSpec, expand_group
from drs_simulator.service_spec import ServicesSpec
from drs_simulator.yaml_files import read_yaml

SCENARIOS = Path(__file__).parent / "scenarios"
DEFAULT_SCENARIO = "three_tier"


class ScenarioError(Exception):
    """A scenario cannot be used; the message names the file and every problem in it."""


def _text_account(value: object) -> object:
    if isinstance(value, int):
        msg = "quote account numbers: YAML reads them as numbers and drops leading zeros"
        raise ValueError(msg)
    return value


AccountId = Annotated[str, BeforeValidator(_text_account), Field(pattern=r"^[0-9]{12}$")]
RegionName = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]


class Quotas(Strict):
    """Service quotas of one account and Region; for DRS the defaults are the published ones."""

    jobs: int = Field(20, ge=0)
    servers_per_job: int = Field(100, ge=0)
    servers_in_jobs: int = Field(500, ge=0)
    source_servers: int = Field(4000, ge=0)
    replicating_servers: int = Field(300, ge=0)
    launch_actions: int = Field(200, ge=0)
    source_networks: int = Field(100, ge=0)
    vcpus: int = Field(20_000, ge=0, description="EC2: vCPUs of running On-Demand Standard instances")
    other_vcpus: int = Field(768, ge=0, description="EC2: those of each other kind (F, G and VT, P, X, ...)")


class NetworkSpec(Strict):
    """A place to launch into: one VPC with one subnet and one security group."""

    vpc: str = Field(pattern=r"^vpc-[0-9a-f]{8,17}$")
    subnet: str = Field(pattern=r"^subnet-[0-9a-f]{8,17}$")
    security_group: str = Field(pattern=r"^sg-[0-9a-f]{8,17}$")
    cidr: str = Field("10.0.0.0/16", description="of the VPC; its subnet takes the first 4,096 addresses")

    @field_validator("cidr")
    @classmethod
    def _possible(cls, value: str) -> str:
        if not 16 <= IPv4Network(value).prefixlen <= 28:
            msg = "a VPC has between 16 and 28 bits of prefix"
            raise ValueError(msg)
        return value


class PlanStepSpec(Strict):
    """A step of a native recovery plan: servers, or a wait."""

    name: str
    servers: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    wait_minutes: int | None = Field(None, ge=1, le=120)


class RecoveryPlanSpec(Strict):
    """A native recovery plan of DRS, for reading."""

    name: str
    description: str = ""
    steps: tuple[PlanStepSpec, ...] = ()


class RegionSpec(Strict):
    """One Region of an account in which DRS is (by default) initialised."""

    initialized: bool = True
    servers: tuple[str, ...] = Field((), description="names of server groups")
    networks: dict[str, NetworkSpec] = Field(
        default_factory=dict, description="the first is the default for all servers"
    )
    recovery_plans: tuple[RecoveryPlanSpec, ...] = ()
    visibility_delay_seconds: Seconds | None = Field(None, description="instead of the scenario's")
    tags_delay_seconds: Seconds | Literal["never"] | None = Field(
        None, description="instead of the scenario's"
    )


class RoleSpec(Strict):
    """A role that other accounts may assume."""

    trusts: tuple[str, ...] = Field(description="account numbers or principal ARNs")
    external_id: str | None = None
    deny: tuple[str, ...] = Field((), description="actions the role lacks, e.g. ec2:RunInstances or drs:*")


class AccountSpec(Strict):
    """One AWS account."""

    regions: dict[RegionName, RegionSpec] = Field(default_factory=dict)
    roles: dict[str, RoleSpec] = Field(default_factory=dict)
    deny: tuple[str, ...] = Field((), description="actions the account's own access key lacks")


class Scenario(Strict):
    """A whole world; see README.md for every key."""

    seed: int = 0
    start_time: str | None = Field(None, description="ISO time at which the world begins; default: now")
    quotas: Quotas = Quotas()
    page_size: int = Field(
        100, ge=1, le=1000, description="items of a page if the caller names no maxResults"
    )
    visibility_delay_seconds: Seconds = Field(
        0.0, description="a job appears in DescribeJobs this long after StartRecovery"
    )
    tags_delay_seconds: Seconds | Literal["never"] = Field(
        0.0, description="a job's tags appear in DescribeJobs this long after StartRecovery"
    )
    terminate_jobs_list_servers: bool = Field(
        True, description="false: terminate jobs complete with an empty participatingServers"
    )
    post_launch_in_job: bool = Field(False, description="true: a job completes after its post-launch actions")
    skipped_servers_end: Literal["FAILED", "PENDING"] = Field(
        "FAILED", description="launchStatus of a skipped server; PENDING: it never leaves its first one"
    )
    launch_into_checked: Literal["launch", "update"] = Field(
        "launch",
        description="when DRS looks at an instance to launch into; update: UpdateLaunchConfiguration as well",
    )
    denied_effects: dict[str, Effect] = Field(
        default_factory=dict, description="what a denied action does to a launch, instead of the table's"
    )
    job_tags_on_instances: bool = Field(
        False, description="true: tags of StartRecovery are on the instances, too; no source says so"
    )
    launches_show_in_progress: bool = Field(
        True, description="false: servers go from PENDING to LAUNCHED; no recording shows the state between"
    )
    accounts: dict[AccountId, AccountSpec]
    servers: dict[str, tuple[ServerSpec, ...] | ServerGroup] = Field(default_factory=dict)
    profile: Profile = Profile()
    faults: tuple[FaultSpec, ...] = ()
    services: ServicesSpec = ServicesSpec()

    @field_validator("profile", mode="before")
    @classmethod
    def _named_profile(cls, value: Any) -> Any:
        return load_profile(value) if isinstance(value, str) else value

    @field_validator("denied_effects")
    @classmethod
    def _documented_actions(cls, value: dict[str, Effect]) -> dict[str, Effect]:
        known = {right.action for right in START_RECOVERY}
        unknown = sorted(value.keys() - known)
        if unknown:
            msg = f"no dependent action of StartRecovery: {', '.join(unknown)}"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        for account_id, account in self.accounts.items():
            for region_name, region in account.regions.items():
                self._check_region(f"accounts.{account_id}.regions.{region_name}", region)
        return self

    def _check_region(self, path: str, region: RegionSpec) -> None:
        unknown = [name for name in region.servers if name not in self.servers]
        if unknown:
            msg = f"{path}.servers: no such server group: {', '.join(unknown)}"
            raise ValueError(msg)
        ids = [server.id for server in self.servers_of(region)]
        twice = sorted({i for i in ids if ids.count(i) > 1}) if len(ids) != len(set(ids)) else []
        if twice:
            msg = f"{path}.servers: the same server twice: {', '.join(twice)}"
            raise ValueError(msg)
        for server in self.servers_of(region):
            if server.network is not None and server.network not in region.networks:
                msg = f"{path}: server {server.id} names the network {server.network!r}, which is not listed"
                raise ValueError(msg)

    def delays_of(self, account_id: str, region_name: str) -> tuple[float, float | Literal["never"]]:
        """After how many seconds a job and its tags are visible in a Region."""
        account = self.accounts.get(account_id)
        region = account.regions.get(region_name, RegionSpec()) if account else RegionSpec()
        job, tags = region.visibility_delay_seconds, region.tags_delay_seconds
        return (
            self.visibility_delay_seconds if job is None else job,
            self.tags_delay_seconds if tags is None else tags,
        )

    def servers_of(self, region: RegionSpec) -> list[ServerSpec]:
        """All servers of a Region, generated groups expanded."""
        return [
            server for name in region.servers for server in expand_group(name, self.servers[name], self.seed)
        ]


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that come with the simulator."""
    return tuple(sorted(path.stem for path in SCENARIOS.glob("*.yaml")))


def parse_scenario(data: Any, source: str = "scenario") -> Scenario:
    """A validated scenario from plain data. ScenarioError lists everything that is wrong."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        lines = [f"  {'.'.join(str(p) for p in e['loc']) or '(top)'}: {e['msg']}" for e in error.errors()]
        msg = f"{source} is not a valid scenario:\n" + "\n".join(lines)
        raise ScenarioError(msg) from error


def load_scenario(name_or_path: str | Path = DEFAULT_SCENARIO) -> Scenario:
    """A scenario from a file, or a shipped one by its name. ScenarioError if it cannot be used."""
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = SCENARIOS / f"{name_or_path}.yaml"
    try:
        data = read_yaml(path)
    except FileNotFoundError as error:
        msg = (
            f"no scenario {str(name_or_path)!r}: give a .yaml file or one of {', '.join(shipped_scenarios())}"
        )
        raise ScenarioError(msg) from error
    except (OSError, yaml.YAMLError) as error:
        msg = f"{path.name} cannot be read: {error}"
        raise ScenarioError(msg) from error
    return parse_scenario(data, path.name)
