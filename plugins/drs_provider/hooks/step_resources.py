"""What steps of a plan name in an account: does it exist? Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import error_code, explained

_UNKNOWN = frozenset(
    {
        "InvalidDocument",
        "NoSuchHostedZone",
        "ResourceNotFoundException",
    }
)


class StepResourcesApi:
    """Documents, functions, hosted zones and alarms of one target.

    Raises what :meth:`AwsClients.client` raises, :class:`DrsAccessDeniedError`, and botocore's errors.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    def document_type(self, name: str) -> str | None:
        """Return the type of a document of Systems Manager (``Automation``, ``Command``), None if there is none."""
        answer = self._known("ssm", "describe_document", Name=name)
        return None if answer is None else str(answer["Document"].get("DocumentType", ""))

    def function_exists(self, name: str) -> bool:
        """Tell whether there is a Lambda function of this name or ARN."""
        return self._known("lambda", "get_function_configuration", FunctionName=name) is not None

    def hosted_zone_name(self, zone_id: str) -> str | None:
        """Return the domain of a hosted zone of Route 53, without the last dot; None if there is no such zone."""
        answer = self._known("route53", "get_hosted_zone", Id=zone_id)
        return None if answer is None else str(answer["HostedZone"].get("Name", "")).rstrip(".")

    def alarms(self, names: Sequence[str]) -> frozenset[str]:
        """Return which of these alarms exist; a hundred at most."""
        kinds = ["MetricAlarm", "CompositeAlarm"]
        answer = self._ask("cloudwatch", "describe_alarms", AlarmNames=list(names), AlarmTypes=kinds)
        rows = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        return frozenset(row["AlarmName"] for row in rows)

    def _known(self, service: str, operation: str, **request: Any) -> dict[str, Any] | None:
        try:
            return self._ask(service, operation, **request)
        except ClientError as error:
            if error_code(error) not in _UNKNOWN:
                raise
            return None

    def _ask(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        client = self._clients.client(service)
        with explained(self._clients.target, self._clients.caller_arn):
            answer: dict[str, Any] = getattr(client, operation)(**request)
            return answer
