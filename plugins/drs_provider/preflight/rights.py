"""What IAM is asked about the rights that an execution needs in a target's account."""

from __future__ import annotations

from drs_provider.core import rights
from drs_provider.core.account import AwsTarget
from drs_provider.hooks.iam_api import RightsQuestion

_SAMPLE = 20


def questions(target: AwsTarget, caller_arn: str, server_arns: tuple[str, ...]) -> tuple[RightsQuestion, ...]:
    """Return what IAM is asked about a target's identity.

    :param server_arns: the source servers to be launched; some of them stand for all
    """
    partition = caller_arn.split(":", 2)[1]
    roles = tuple(f"arn:{partition}:iam::{target.account_id}:role/{name}" for name in rights.PASSED_ROLES)
    through_drs, passed_to = rights.THROUGH_DRS, rights.PASSED_TO
    return (
        RightsQuestion(tuple(dict.fromkeys(rights.OWN_CALLS + rights.READ_BY_DRS))),
        RightsQuestion((rights.START,), server_arns[:_SAMPLE] or ("*",)),
        RightsQuestion(rights.DONE_BY_DRS, context={through_drs[0]: ("boolean", through_drs[1])}),
        RightsQuestion((rights.PASS_ROLE,), roles, context={passed_to[0]: ("string", passed_to[1])}),
    )
