"""Arguments of the building blocks: read as strictly as plan files, and turned into a plan of one wave.

A DAG's arguments may be templates or outputs of other tasks. What is known when the DAG loads is checked then, and
everything once more before anything starts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from drs_provider.core.account import AwsTarget
from drs_provider.plan.conf.model import RunConf, SnapshotRule
from drs_provider.plan.conf.parsing import snapshot_rule
from drs_provider.plan.error_messages import told_errors
from drs_provider.plan.fields import (
    MAX_BLOCK_TAGS,
    AccountId,
    ConnectionId,
    ExternalId,
    Flag,
    Minutes,
    PlanModel,
    PlanTagKey,
    PlanTagValue,
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
from drs_provider.plan.model import Plan
from drs_provider.plan.problems import PlanProblem, ProblemsError, format_path

#: What a block's own plan calls its target, its group and its wave.
NAME: Final = "servers"
_ARN = re.compile(
    r"arn:[a-z-]+:drs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):source-server/(?P<id>s-[0-9a-zA-Z]+)"
)
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


class BlockError(ProblemsError):
    """A block's arguments are refused; ``problems`` names every fault by its argument."""


def is_known(value: Any) -> bool:
    """Tell whether an argument is what it will be: no template, and no output of another task."""
    if isinstance(value, str):
        return _TEMPLATE.search(value) is None
    if isinstance(value, Mapping):
        return all(is_known(part) for item in value.items() for part in item)
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_known(item) for item in value)
    return value is None or isinstance(value, bool | int | float)


def _server_id(item: Any) -> Any:
    """Return the id of a server that is given as id, ARN, or row of whatever describes servers."""
    if isinstance(item, Mapping):
        return item.get("sourceServerId") or item.get("sourceServerID") or dict(item)
    if isinstance(item, str) and (arn := _ARN.fullmatch(item.strip())):
        return arn["id"]
    return item.strip() if isinstance(item, str) else item


def _server_ids(value: Any) -> Any:
    if value is None:
        return ()
    if isinstance(value, str):
        value = [part for part in re.split(r"[\s,]+", value) if part]
    if not isinstance(value, list | tuple):
        raise refusal("it must be a list of source servers", "give ids, ARNs, or another block's rows")
    return tuple(_server_id(item) for item in value)


def _tuple(value: Any) -> Any:
    return () if value is None else value


def _dict(value: Any) -> Any:
    return {} if value is None else value


class TargetForm(PlanModel):
    """Where a block works, and how it gets there."""

    aws_conn_id: ConnectionId = Field(description="Id of an Airflow connection of type aws.")
    region_name: Region = Field(description="Recovery Region, where DRS is called.")
    account_id: AccountId = Field(description="AWS account of 12 digits, which the connection must lead to.")
    own_account: Flag = False
    role: RoleName | None = None
    external_id: ExternalId | None = None

    def target(self) -> AwsTarget:
        """Return the account context."""
        return AwsTarget(
            name=NAME,
            connection=self.aws_conn_id,
            account_id=self.account_id,
            region=self.region_name,
            own_account=self.own_account,
            role=self.role,
            external_id=self.external_id,
        )


class StartForm(TargetForm):
    """What a start block is asked for."""

    source_servers: Annotated[tuple[ServerId, ...], Unique, BeforeValidator(_server_ids)] = ()
    server_tags: TagSelector | None = None
    execution_type: Literal["DRILL", "RECOVERY"] = "DRILL"
    source_state: Literal["unknown", "lost", "fenced"] = "unknown"
    allowed_vpcs: Annotated[tuple[VpcId, ...], Unique, BeforeValidator(_tuple)] = ()
    allowed_subnets: Annotated[tuple[SubnetId, ...], Unique, BeforeValidator(_tuple)] = ()
    allowed_security_groups: Annotated[tuple[SecurityGroupId, ...], Unique, BeforeValidator(_tuple)] = ()
    any_network: Flag = False
    snapshots: Annotated[SnapshotRule, BeforeValidator(snapshot_rule)] = SnapshotRule()
    job_tags: Annotated[
        dict[PlanTagKey, PlanTagValue], Field(max_length=MAX_BLOCK_TAGS), BeforeValidator(_dict)
    ] = Field(default={})
    preflight: Literal["enforce", "warn"] = "enforce"
    timeout_minutes: Minutes = 90
    queue_timeout_minutes: Minutes = 60

    def plan(self) -> Plan:
        """Return the plan of one wave that the block stands for: preflight and start are those of plans."""
        allowed = {
            name: list(values)
            for name in ("allowed_vpcs", "allowed_subnets", "allowed_security_groups")
            if (values := getattr(self, name))
        }
        selection = {"tags": self.server_tags} if self.server_tags else {"servers": list(self.source_servers)}
        target = self.model_dump(include={"account_id", "own_account", "role", "external_id"})
        return Plan.model_validate(
            {
                "name": NAME,
                "tags": self.job_tags,
                "targets": {NAME: {**target, "region": self.region_name, "connection": self.aws_conn_id}},
                "protection_groups": {NAME: {"target": NAME, **selection}},
                "waves": [
                    {
                        "name": NAME,
                        "groups": [NAME],
                        "timeout_minutes": self.timeout_minutes,
                        "queue_timeout_minutes": self.queue_timeout_minutes,
                    }
                ],
                **({"network": {"drill": allowed}} if allowed else {}),
            }
        )

    def conf(self) -> RunConf:
        """Return the run configuration that goes with :meth:`plan`."""
        return RunConf(
            execution_type=self.execution_type,
            source_state=self.source_state,
            snapshots=self.snapshots,
            preflight=self.preflight,
        )


class WatchForm(TargetForm):
    """What a sensor is asked for, beside its jobs."""

    post_launch: Literal["ignore", "require"] = "ignore"
    timeout_minutes: Minutes = 90
    fail_if_not_recovered: Flag = True


class TerminateForm(TargetForm):
    """What a terminating block is asked for, beside its jobs."""

    drill_only: Flag = True
    timeout_minutes: Minutes = 240


F = TypeVar("F", bound=PlanModel)


def read_arguments(form: type[F], given: Mapping[str, Any], *, block: str) -> F:
    """Return a block's arguments, all of them known.

    :param block: what the block is called in messages
    :raises BlockError: with everything that is wrong
    """
    check_arguments(form, given, block=block)
    return form.model_validate(dict(given))


def check_arguments(form: type[F], given: Mapping[str, Any], *, block: str) -> None:
    """Check the arguments that are known yet, and how they go together.

    :raises BlockError: with everything that is wrong
    """
    unknown = {name for name, value in given.items() if not is_known(value)}
    known = {name: value for name, value in given.items() if name not in unknown}
    problems: list[PlanProblem] = []
    try:
        form.model_validate(known)
    except ValidationError as error:
        problems += [
            PlanProblem(block, format_path(parts), message, remedy)
            for parts, message, remedy in told_errors(error, form)
            if not (parts and parts[0] in unknown)
        ]
    wrong = {problem.path.split("[")[0].split(".")[0] for problem in problems}
    for names, rule in _RULES:
        if names <= form.model_fields.keys() and not names & (unknown | wrong):
            problems += [PlanProblem(block, *told) for told in rule(known)]
    if problems:
        raise BlockError(problems)


Told = Iterable[tuple[str, str, str]]


def _way_in(given: Mapping[str, Any]) -> Told:
    own, role = bool(given.get("own_account")), given.get("role")
    if own and role:
        yield "own_account", "own_account and role contradict each other", "keep one of them"
    if not own and not role:
        yield (
            "own_account",
            "it is not said how to reach the account",
            "add own_account=True if the connection belongs to this account, else role='<IAM role name>'",
        )
    if given.get("external_id") and not role:
        yield "external_id", "it does nothing without role", "remove it, or name the role it belongs to"


def _selection(given: Mapping[str, Any]) -> Told:
    servers, tags = given.get("source_servers"), given.get("server_tags")
    if servers is not None and tags is not None:
        yield (
            "source_servers",
            "the block has both source_servers and server_tags",
            "give exactly one of them",
        )
    elif servers is None and tags is None:
        yield (
            "source_servers",
            "the block has neither source_servers nor server_tags",
            "list source servers, or give the tags that select them",
        )
    elif tags is None and not _server_ids(servers):
        yield "source_servers", "the list is empty", "list at least one source server"


def _places(given: Mapping[str, Any]) -> Told:
    place = (given.get("account_id"), given.get("region_name"))
    servers = given.get("source_servers")
    for item in servers if isinstance(servers, list | tuple) else ():
        arn = _ARN.fullmatch(item) if isinstance(item, str) else None
        if arn and (arn["account"], arn["region"]) != place:
            there = f"account {arn['account']}, Region {arn['region']}"
            here = f"account {place[0]}, Region {place[1]}"
            yield (
                "source_servers",
                f"{arn['id']} is in {there}, and the block works in {here}",
                "use one block for each account and Region",
            )


def _network(given: Mapping[str, Any]) -> Told:
    allowed = any(given.get(name) for name in ("allowed_vpcs", "allowed_subnets", "allowed_security_groups"))
    if given.get("execution_type", "DRILL") == "DRILL" and not allowed and not given.get("any_network"):
        yield (
            "allowed_vpcs",
            "it is not said where the drill may launch: DRS isolates nothing by itself",
            "list allowed_vpcs or allowed_subnets, or say any_network=True",
        )
    if allowed and given.get("any_network"):
        yield "any_network", "it contradicts the networks that are listed", "leave one of them out"


def _state(given: Mapping[str, Any]) -> Told:
    if given.get("execution_type", "DRILL") == "DRILL" and given.get("source_state", "unknown") != "unknown":
        yield "source_state", "it is for a RECOVERY only, but this is a DRILL", "leave source_state out"


def _snapshots(given: Mapping[str, Any]) -> Told:
    servers, snapshots = given.get("source_servers"), given.get("snapshots")
    if servers is None or not isinstance(snapshots, Mapping):
        return
    for server in snapshots.keys() - set(_server_ids(servers)):
        yield "snapshots", f"{server} is none of the block's source servers", "remove it, or list the server"


_RULES: tuple[tuple[frozenset[str], Callable[[Mapping[str, Any]], Told]], ...] = (
    (frozenset({"own_account", "role", "external_id"}), _way_in),
    (frozenset({"source_servers", "server_tags"}), _selection),
    (frozenset({"source_servers", "account_id", "region_name"}), _places),
    (
        frozenset(
            {
                "execution_type",
                "allowed_vpcs",
                "allowed_subnets",
                "allowed_security_groups",
                "any_network",
            }
        ),
        _network,
    ),
    (frozenset({"execution_type", "source_state"}), _state),
    (frozenset({"source_servers", "snapshots"}), _snapshots),
)
