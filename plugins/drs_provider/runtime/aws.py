"""AWS calls of an execution, all from the one client factory, under the execution's session name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drs_provider.core.account import AwsTarget
from drs_provider.core.identity import role_session_name

# Operators import this module, and parsing a DAG must not load boto3.
if TYPE_CHECKING:
    from drs_provider.hooks.drs.drs_api import DrsApi
    from drs_provider.hooks.ec2.ec2_api import Ec2Api
    from drs_provider.hooks.iam_api import IamApi


@dataclass(frozen=True)
class AwsAccess:
    """Gives the calls in a target; the account is proven before the first one."""

    execution_id: str

    @property
    def session_name(self) -> str:
        """Role session name of every call."""
        return role_session_name(self.execution_id)

    def drs(self, target: AwsTarget) -> DrsApi:
        """Return the DRS calls in a target."""
        from drs_provider.hooks.aws.clients import aws_clients
        from drs_provider.hooks.drs.drs_api import DrsApi

        return DrsApi(aws_clients(target, session_name=self.session_name))

    def ec2(self, target: AwsTarget) -> Ec2Api:
        """Return the EC2 calls in a target."""
        from drs_provider.hooks.aws.clients import aws_clients
        from drs_provider.hooks.ec2.ec2_api import Ec2Api

        return Ec2Api(aws_clients(target, session_name=self.session_name))

    def iam(self, target: AwsTarget) -> IamApi:
        """Return the IAM calls in a target."""
        from drs_provider.hooks.aws.clients import aws_clients
        from drs_provider.hooks.iam_api import IamApi

        return IamApi(aws_clients(target, session_name=self.session_name))
