"""The parts of a plan that say where and what: targets, groups, objectives, people, networks."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from drs_provider.core.account import AwsTarget
from drs_provider.plan.fields import (
    UNIQUE_ITEMS,
    AccountId,
    ConnectionId,
    ExternalId,
    Flag,
    Key,
    Minutes,
    PlanModel,
    Region,
    RoleName,
    SecurityGroupId,
    ServerId,
    SubnetId,
    TagSelector,
    Unique,
    VpcId,
    refusal,
)
from drs_provider.plan.people import Login, LoginOrTeam


class Target(PlanModel):
    """An account and Region, and how to reach it: exactly one of ``own_account`` and ``role``."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"properties": {"own_account": {"const": True}}, "required": ["own_account"]},
                {"required": ["role"]},
            ]
        }
    )

    account_id: AccountId = Field(description="AWS account of 12 digits, in quotes.")
    region: Region = Field(description="Recovery Region, where DRS is called.")
    connection: ConnectionId = Field(description="Id of an Airflow connection of type aws.")
    own_account: Flag = Field(
        default=False, description="true if the connection's own account is this one, so no role is assumed."
    )
    role: RoleName | None = Field(
        default=None, description="Name of the IAM role to assume in the account; instead of own_account."
    )
    external_id: ExternalId | None = Field(
        default=None, description="External ID that the role's trust policy asks for."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.own_account and self.role:
            raise refusal(
                "own_account and role contradict each other",
                "keep own_account: true if the connection belongs to this account, else keep the role",
            )
        if not self.own_account and not self.role:
            raise refusal(
                "it is not said how to reach the account",
                "add own_account: true if the connection belongs to this account, else role: <IAM role name>",
            )
        if self.external_id and not self.role:
            raise refusal(
                "external_id does nothing without role", "remove it, or name the role it belongs to"
            )
        return self

    def to_aws_target(self, name: str) -> AwsTarget:
        """Return the account context under the key ``name`` that the target has in its file."""
        return AwsTarget(
            name=name,
            connection=self.connection,
            account_id=self.account_id,
            region=self.region,
            own_account=self.own_account,
            role=self.role,
            external_id=self.external_id,
        )


class ProtectionGroup(PlanModel):
    """A named set of DRS source servers of one target, listed by ID or selected by tags."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["servers"]}, {"required": ["tags"]}]}
    )

    target: Key = Field(description="Name of the target that the servers belong to.")
    servers: Annotated[tuple[ServerId, ...], Unique] = Field(
        default=(), description="DRS source server IDs.", json_schema_extra={**UNIQUE_ITEMS, "minItems": 1}
    )
    tags: TagSelector | None = Field(
        default=None,
        description="All servers that have all these tags, with exactly these values, when the run starts.",
    )
    allow_empty: Flag = Field(
        default=False, description="true if it is no error when the tags match no server."
    )

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if bool(self.servers) is (self.tags is not None):
            found = "both servers and tags" if self.servers else "neither servers nor tags"
            raise refusal(f"the group has {found}", "give exactly one of servers and tags")
        if self.allow_empty and self.servers:
            raise refusal("allow_empty does nothing for listed servers", "remove it")
        return self


class Objectives(PlanModel):
    """What the plan promises; measured and reported for each execution."""

    rto_minutes: Minutes | None = Field(default=None, description="Recovery time objective in minutes.")
    rpo_minutes: Minutes | None = Field(default=None, description="Recovery point objective in minutes.")
    drill_every_days: Annotated[int, Field(strict=True, ge=1, le=3650)] | None = Field(
        default=None, description="A drill is overdue after this many days without one."
    )


class RecoveryRules(PlanModel):
    """Who may start and approve a RECOVERY, by the login that Airflow shows or by team."""

    initiators: Annotated[tuple[LoginOrTeam, ...], Unique] = Field(
        default=(),
        description="Logins, and teams (team:<name>), of those who may start a RECOVERY; empty: whoever may trigger "
        "the DAG.",
        json_schema_extra=UNIQUE_ITEMS,
    )
    approvers: Annotated[tuple[LoginOrTeam, ...], Unique] = Field(
        default=(),
        description="Logins, and teams, of those who may approve a RECOVERY's gates.",
        json_schema_extra=UNIQUE_ITEMS,
    )
    escalate_to: Annotated[tuple[LoginOrTeam, ...], Unique] = Field(
        default=(),
        description="Logins and teams that a RECOVERY's gate asks as well, one after the other, each when the gate's "
        "timeout_minutes have passed again without an answer.",
        json_schema_extra=UNIQUE_ITEMS,
    )
    emergency_approvers: Annotated[tuple[Login, ...], Unique] = Field(
        default=(),
        description="Logins, no teams, of those who may approve a RECOVERY's gate alone, in place of all others, with "
        "a comment that says why.",
        json_schema_extra=UNIQUE_ITEMS,
    )


class DrillNetwork(PlanModel):
    """Where a drill may launch; preflight refuses a drill that would launch elsewhere."""

    allowed_vpcs: Annotated[tuple[VpcId, ...], Unique] = Field(
        default=(), description="VPC IDs.", json_schema_extra=UNIQUE_ITEMS
    )
    allowed_subnets: Annotated[tuple[SubnetId, ...], Unique] = Field(
        default=(), description="Subnet IDs.", json_schema_extra=UNIQUE_ITEMS
    )
    allowed_security_groups: Annotated[tuple[SecurityGroupId, ...], Unique] = Field(
        default=(), description="Security group IDs.", json_schema_extra=UNIQUE_ITEMS
    )

    @model_validator(mode="after")
    def _allows_something(self) -> Self:
        if not (self.allowed_vpcs or self.allowed_subnets or self.allowed_security_groups):
            raise refusal("it allows nothing", "list VPCs, subnets or security groups, or remove it")
        return self


class NetworkRules(PlanModel):
    """Network rules of the plan's launches."""

    drill: DrillNetwork = Field(description="Where a drill may launch.")
