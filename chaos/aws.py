"""The harness's own hands in the simulated AWS: faults, sessions, what really happened, the history table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from chaos.facts import Call, Job, World
from chaos.spec import OWN_ACCOUNT, PLACES
from drs_provider.history.packing import unpack_record
from drs_provider.history.values import from_item
from embedded import simulated_aws
from embedded.environment import HISTORY_REGION, HISTORY_TABLE

#: Everything but Scan, which no part of the provider uses: so the harness sees the table while it is down.
TABLE_OPERATIONS = "[!s]*"


class SimulatedAws:
    """Control of a running simulator; thread-safe.

    :param url: the simulator's endpoint
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/moto-api/drs/", timeout=60.0, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def inject(self, **rule: Any) -> str:
        """Add a fault and return its id."""
        return str(self._ask("POST", "faults", json=rule)["faults"][0]["id"])

    def withdraw(self, fault_id: str) -> int:
        """Remove a fault and return how often it struck."""
        struck = self.struck().get(fault_id, 0)
        self._ask("DELETE", f"faults/{fault_id}")
        return struck

    def struck(self) -> dict[str, int]:
        """Return how often each fault struck, by id."""
        return {str(fault["id"]): int(fault["fired"]) for fault in self._ask("GET", "faults")["faults"]}

    def end_sessions(self) -> int:
        """Let the tokens of all assumed roles expire; return how many."""
        return int(self._ask("DELETE", "sessions")["ended"])

    def calls(self, service: str, operation: str) -> list[Call]:
        """Return the calls of an operation (globs)."""
        answer = self._ask("GET", "calls", params={"service": service, "operation": operation})
        return [_call(item) for item in answer["calls"]]

    def world(self, *, with_instances: bool = True) -> World:
        """Return what happened so far.

        :param with_instances: also EC2's states, which cannot be read while some execution's EC2 is down
        """
        jobs = tuple(Job.from_simulator(item) for item in self._ask("GET", "jobs")["jobs"])
        calls = (*self.calls("drs", "StartRecovery"), *self.calls("*", "Terminate*"))
        return World(jobs, calls, self._instances() if with_instances else {}, self._runbooks())

    def record(self, execution_id: str) -> Mapping[str, Any] | None:
        """Return an execution record from the history table, also while it is down for everybody else."""
        client = simulated_aws.client("dynamodb", self.url, OWN_ACCOUNT, HISTORY_REGION)
        pages = client.get_paginator("scan").paginate(
            TableName=HISTORY_TABLE,
            FilterExpression="executionId = :id",
            ExpressionAttributeValues={":id": {"S": execution_id}},
        )
        items = [from_item(item) for page in pages for item in page["Items"]]
        record = unpack_record(items) if items else None
        return None if record is None else dict(record)

    def _instances(self) -> dict[str, str]:
        states: dict[str, str] = {}
        for place in PLACES.values():
            ec2 = simulated_aws.client("ec2", self.url, place.account, place.region)
            states |= {
                instance["InstanceId"]: instance["State"]["Name"]
                for page in ec2.get_paginator("describe_instances").paginate()
                for reservation in page["Reservations"]
                for instance in reservation["Instances"]
            }
        return states

    def _runbooks(self) -> Counter[str]:
        """Return how often each SSM Automation document was begun."""
        begun: Counter[str] = Counter()
        for place in PLACES.values():
            ssm = simulated_aws.client("ssm", self.url, place.account, place.region)
            pages = ssm.get_paginator("describe_automation_executions").paginate()
            begun.update(
                row["DocumentName"] for page in pages for row in page["AutomationExecutionMetadataList"]
            )
        return begun

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        response = self._http.request(method, path, **arguments)
        response.raise_for_status()
        return response.json()


def _call(item: Mapping[str, Any]) -> Call:
    return Call(
        service=item["service"],
        operation=item["operation"],
        at=datetime.fromisoformat(item["time"]).timestamp(),
        account=item["account_id"],
        region=item["region"],
        session_name=item["session_name"],
        status=item["status"],
        fault=item["fault"],
        params=item["params"] or {},
    )
