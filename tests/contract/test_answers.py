"""The readers of AWS's answers against botocore's models: what they read exists, and nothing optional is required.

Answers are made from the models, with any optional members left out, and given to the package in place of the wire.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.client
import botocore.session
import pytest
from botocore.model import OperationModel, Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drs_provider.core.account import AwsTarget
from drs_provider.core.answers import Members
from drs_provider.exceptions import DrsError
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.drs.native_plans import read_native_plans
from drs_provider.hooks.drs.quotas import read_quotas
from drs_provider.hooks.ec2.ec2_api import Ec2Api, Subnet
from drs_provider.hooks.ec2.ec2_rows import instance_exists, instance_fields, status_checks
from drs_provider.hooks.ec2.launch_templates import LaunchTemplate
from drs_provider.hooks.iam_api import IamApi, Right, RightsQuestion
from drs_provider.preflight.checks.snapshots import points_of
from drs_provider.preflight.launches import LaunchSettings
from drs_provider.preflight.source_server import SourceServer
from drs_provider.rules.drs.jobs import JobView, parse_jobs, parse_log
from drs_provider.rules.drs.launch_into import into_instance, may_be_launched_into
from drs_provider.rules.drs.recovery_instances import instances_by_server, parse_instances

pytestmark = pytest.mark.contract

TARGET = AwsTarget("main", "aws_dr", "111122223333", "eu-west-1", own_account=True)
SERVER, INSTANCE = "s-1111111111111111a", "i-0123456789abcdef0"
_PAGING = frozenset({"nextToken", "NextToken", "Marker", "IsTruncated"})
_TIME = "2022-12-07T19:15:39.204086+00:00"

READ: dict[tuple[str, str], set[str]] = {}
"""(Service, shape) → members that a reader asked for."""


class Answer(dict[str, Any]):
    """A structure of an answer, which notes what is asked of it."""

    def __init__(self, service: str, shape: Shape, members: dict[str, Any]) -> None:
        super().__init__(members)
        self._of = (service, shape.name)
        self._known = set(shape.members)

    def _asked(self, name: object) -> None:
        assert name in self._known | {"ResponseMetadata"}, f"{self._of} has no member {name!r}"
        READ.setdefault(self._of, set()).add(str(name))

    def get(self, key: str, default: Any = None) -> Any:
        self._asked(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._asked(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._asked(key)
        return super().__contains__(key)


Choose = Callable[[str, bool], bool]
"""(Member, whether the model requires it) → whether it is in the answer."""


def made(service: str, shape: Shape, choose: Choose, depth: int = 0) -> Any:
    """Return a value of a shape."""
    if shape.type_name == "structure":
        members = {
            name: made(service, member, choose, depth + 1)
            for name, member in shape.members.items()
            if name not in _PAGING and depth < 9 and choose(name, name in shape.required_members)
        }
        return Answer(service, shape, members)
    if shape.type_name == "list":
        return [made(service, shape.member, choose, depth + 1)] if depth < 9 else []
    if shape.type_name == "map":
        return {"Name": made(service, shape.value, choose, depth + 1)}
    if shape.type_name == "string":
        return _text(shape)
    scalars = {"boolean": True, "timestamp": datetime(2022, 12, 7, tzinfo=UTC), "double": 20.0, "float": 20.0}
    return scalars.get(shape.type_name, 1)


def _text(shape: Shape) -> str:
    if getattr(shape, "enum", None):
        return str(shape.enum[0])
    name = shape.name.lower()
    if "datetime" in name:
        return _TIME
    known = {"sourceserverid": SERVER, "recoveryinstanceid": INSTANCE, "iso8601durationstring": "PT5M"}
    return known.get(name, "text")


@functools.cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def everything(name: str, required: bool) -> bool:
    return True


# -- readers of rows ------------------------------------------------------------------------------------------

#: (Service, shape) → reader; what it returns is empty if the row is left out.
READERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("drs", "Job"): lambda row: parse_jobs([row]),
    ("drs", "JobLog"): lambda row: parse_log([row], "drsjob-1"),
    ("drs", "RecoveryInstance"): lambda row: (parse_instances([row]), instances_by_server([row], [SERVER])),
    ("drs", "SourceServer"): SourceServer.from_api,
    ("drs", "RecoverySnapshot"): lambda row: points_of([row]),
    ("drs", "LaunchConfiguration"): lambda row: (LaunchSettings.from_api(row), into_instance(row)),
    ("ec2", "Subnet"): Subnet.from_api,
    ("ec2", "LaunchTemplateVersion"): LaunchTemplate.from_api,
    ("ec2", "InstanceStatus"): lambda row: (status_checks(row),),
    ("ec2", "Instance"): lambda row: (
        instance_exists(row),
        instance_fields(row),
        may_be_launched_into(row),
    ),
    ("iam", "EvaluationResult"): Right.from_api,
}
#: What a reader requires although the model does not, and why: (service, shape, member) → reason.
REQUIRED: dict[tuple[str, str, str], str] = {
    ("drs", "JobLog", "event"): "a line of a log that names no event says nothing, and is left out",
    (
        "drs",
        "RecoverySnapshot",
        "timestamp",
    ): "without it the point in time is only forecast, and cannot be launched",
}


@pytest.mark.parametrize(("service", "name"), READERS, ids=str)
def test_trap_25_readers_read_members_of_the_model_and_require_none_that_is_optional(
    service: str, name: str
) -> None:
    shape, reader = model(service).shape_for(name), READERS[service, name]
    assert reader(made(service, shape, everything))  # any member that the model lacks fails here
    needed = set()
    for member in shape.members:
        row = made(service, shape, everything)
        row.pop(member, None)
        try:
            left_out = not reader(row)
        except (KeyError, ValueError, TypeError):
            left_out = True
        needed |= {member} if left_out else set()
    allowed = {member for of, shape_name, member in REQUIRED if (of, shape_name) == (service, name)}
    assert needed - set(shape.required_members) == allowed


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_readers_never_raise_whatever_optional_members_are_missing(data: st.DataObject) -> None:
    service, name = data.draw(st.sampled_from(sorted(READERS)))
    row = made(service, model(service).shape_for(name), drawn(data))
    READERS[service, name](row)


@given(
    row=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "jobID",
                        "participatingServers",
                        "sourceServerID",
                        "creationDateTime",
                        "tags",
                        "launchActionsStatus",
                        "runs",
                        "isDrill",
                        "recoveryInstanceID",
                        "failback",
                        "lifeCycle",
                        "lastLaunch",
                        "initiated",
                        "sourceProperties",
                        "networkInterfaces",
                        "ips",
                        "dataReplicationInfo",
                        "lagDuration",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
@settings(max_examples=200, deadline=None)
def test_what_has_another_form_than_the_model_says_is_no_error_either(row: Any) -> None:
    JobView.from_api(row)
    SourceServer.from_api(row)
    parse_instances([row])
    parse_log([row], "drsjob-1")
    Members(row).part("x").parts("y")


def drawn(data: st.DataObject) -> Choose:
    """Return a choice that keeps what is required and draws the rest."""
    left_out = data.draw(st.floats(0, 1))
    return lambda name, required: required or data.draw(st.floats(0, 1)) >= left_out


# -- calls ----------------------------------------------------------------------------------------------------


class Clients:
    """Clients of a target whose answers are made from the models."""

    target = TARGET
    caller_arn = "arn:aws:sts::111122223333:assumed-role/DR/session"

    def client(self, service: str) -> Any:
        return _client(service)

    fail_fast_client = single_attempt_client = client


@functools.cache
def _client(service: str) -> Any:
    keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "secret-of-test"}
    return boto3.client(service, region_name=TARGET.region, **keys)


def _calls() -> dict[str, Callable[[], Any]]:
    clients: Any = Clients()
    drs, ec2, iam = DrsApi(clients), Ec2Api(clients), IamApi(clients)
    return {
        "source_servers": drs.source_servers,
        "jobs_since": lambda: parse_jobs(drs.jobs_since(0.0)),
        "active_jobs": lambda: parse_jobs(drs.active_jobs()),
        "job_log": lambda: parse_log(drs.job_log("drsjob-1"), "drsjob-1"),
        "recovery_instances": lambda: instances_by_server(drs.recovery_instances([SERVER]), [SERVER]),
        "recovery_snapshots": lambda: points_of(drs.recovery_snapshots(SERVER)),
        "launch_configuration": lambda: LaunchSettings.from_api(drs.launch_configuration(SERVER)),
        "start_recovery": lambda: drs.start_recovery({SERVER: None}, is_drill=True, tags={}),
        "terminate": lambda: drs.terminate_recovery_instances([INSTANCE]),
        "native_plans": lambda: read_native_plans(drs),
        "drs_quotas": lambda: read_quotas(clients),
        "instances": lambda: ec2.instances([INSTANCE]),
        "running_instances": ec2.running_instances,
        "status_checks": lambda: ec2.status_checks([INSTANCE]),
        "subnets": lambda: ec2.subnets(["subnet-1"]),
        "launch_template": lambda: ec2.launch_templates(["lt-1"]),
        "launch_templates": lambda: ec2.launch_templates(f"lt-{n}" for n in range(20)),
        "default_vcpus": lambda: ec2.default_vcpus(["t3.medium"]),
        "network_interfaces": lambda: ec2.network_interfaces_with(["10.0.0.1"]),
        "ec2_quotas": ec2.vcpu_quotas,
        "simulate": lambda: iam.simulate(RightsQuestion(("drs:StartRecovery",))),
        "role": lambda: iam._role_arn("DR"),
    }


#: Members of answers and of their rows that a call must have although the model does not require them, with the reason.
CUT_OFF = (
    "an answer without its list is a body that was cut off; read as empty it would mean that there is nothing"
)
REQUIRED_OF_ANSWERS = {
    "DescribeJobs": {"items": CUT_OFF},
    "DescribeJobLogItems": {"items": CUT_OFF},
    "DescribeRecoveryInstances": {"items": CUT_OFF},
    "DescribeRecoverySnapshots": {"items": CUT_OFF},
    "DescribeSourceServers": {"items": CUT_OFF},
    "GetLaunchConfiguration": {"sourceServerID": "a cut-off answer would mean: launched into no instance"},
    "StartRecovery": {"job": "without it nobody knows whether a job was started; its jobs are looked for"},
    "TerminateRecoveryInstances": {"job": "as of StartRecovery"},
    "DescribeInstances": {
        "Reservations": CUT_OFF,
        "InstanceId": "an instance that cannot be told by id would count as one that does not exist",
    },
    "DescribeInstanceStatus": {"InstanceStatuses": CUT_OFF},
    "DescribeSubnets": {"Subnets": CUT_OFF},
    "DescribeLaunchTemplateVersions": {"LaunchTemplateVersions": CUT_OFF},
    "DescribeInstanceTypes": {"InstanceTypes": CUT_OFF},
    "DescribeNetworkInterfaces": {"NetworkInterfaces": CUT_OFF},
    "ListServiceQuotas": {"Quotas": CUT_OFF},
    "SimulatePrincipalPolicy": {"EvaluationResults": CUT_OFF},
    "GetRecoveryPlan": {"recoveryPlan": "a plan that is not in the answer cannot be imported"},
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Give every AWS call an answer of its model; ``choose`` says what is in it."""
    script: dict[str, Any] = {"choose": everything, "called": set()}

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        shape: OperationModel = client.meta.service_model.operation_model(operation)
        script["called"].add(operation)
        choose = script["choose"]
        return made(
            client.meta.service_model.service_name,
            shape.output_shape,
            lambda name, required: choose(name, required or name in REQUIRED_OF_ANSWERS.get(operation, {})),
        )

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return script


@pytest.mark.parametrize("name", _calls())
def test_calls_read_members_of_the_model_and_require_none_that_is_optional(
    name: str, answers: dict[str, Any]
) -> None:
    call = _calls()[name]
    call()
    for operation in sorted(answers["called"]):
        allowed = REQUIRED_OF_ANSWERS.get(operation, {})
        for missing in sorted({member for members in READ.values() for member in members} - allowed.keys()):
            answers["choose"] = lambda member, required, missing=missing: required or member != missing
            call()


@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_calls_end_in_an_error_of_ours_or_none_whatever_is_missing(
    data: st.DataObject, answers: dict[str, Any]
) -> None:
    call = _calls()[data.draw(st.sampled_from(sorted(_calls())))]
    left_out = data.draw(st.floats(0, 1))
    answers["choose"] = lambda name, required: data.draw(st.floats(0, 1)) >= left_out
    try:
        call()
    except DrsError:
        pass
    except ValueError as error:
        if "without action or decision" not in str(error):  # which the model requires
            raise


def test_the_lists_of_what_is_required_name_members_of_the_model() -> None:
    for service, shape, member in REQUIRED:
        assert member in model(service).shape_for(shape).members
    services = ("drs", "ec2", "iam", "service-quotas")
    known = {operation: service for service in services for operation in model(service).operation_names}
    assert set(REQUIRED_OF_ANSWERS) <= set(known)
