"""The policies of iam.md and of the templates in infrastructure/, from ``drs_provider.core.rights``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drs_provider.core import rights

Statement = dict[str, Any]


@dataclass(frozen=True)
class Hub:
    """What the policy of the connection's identity names: ARNs, or what CloudFormation makes ARNs of."""

    roles: Any
    tables: Any
    bucket: Any
    reports: Any
    key: Any
    topic: Any
    namespace: Any


def recovery_role(drs_roles: Sequence[Any]) -> list[Statement]:
    """Return the statements of a recovery role.

    :param drs_roles: the roles of DRS's machines, in the order of ``PASSED_ROLES``
    """
    own = sorted((*rights.OWN_CALLS, rights.START, *rights.DONE_WITHOUT))
    through, value = rights.THROUGH_DRS
    return [
        _allowed("WhatThisProviderCalls", own),
        _allowed("WhatDrsReadsAsTheCaller", rights.READ_BY_DRS),
        _allowed("WhatDrsDoesAsTheCaller", rights.DONE_BY_DRS, Condition={"Bool": {through: value}}),
        _allowed(
            "RolesOfTheInstances",
            rights.PASS_ROLE,
            list(drs_roles),
            Condition={"StringEquals": dict([rights.PASSED_TO])},
        ),
    ]


def airflow(hub: Hub) -> list[Statement]:
    """Return the statements of the identity that a connection leads to."""
    namespace = {"StringEquals": {rights.METRICS_CONDITION: hub.namespace}}
    return [
        _allowed("RecoveryRoles", rights.ASSUME_ROLE, hub.roles),
        _allowed("History", rights.HISTORY_CALLS, hub.tables),
        _allowed("Reports", rights.REPORT_CALLS, hub.reports),
        _allowed("BucketOfReports", rights.BUCKET_CALLS, hub.bucket),
        _allowed("Signatures", rights.SIGN_CALLS, hub.key),
        _allowed("Messages", rights.NOTIFY_CALL, hub.topic),
        _allowed("Metrics", rights.METRICS_CALL, Condition=namespace),
    ]


def step(kind: str, named: Any) -> list[Statement]:
    """Return the statements of a kind of step; ``named`` are the resources that plans name."""
    needs, sid = rights.STEP_RIGHTS[kind], name_of(kind)
    other = (*needs.other, *needs.reads)
    on_named = [_allowed(f"{sid}OnNamed", needs.named, named)] if needs.named else []
    return on_named + ([_allowed(sid, other)] if other else [])


def name_of(kind: str) -> str:
    """Return a kind of step as a name in a template: ``ssm_command`` → ``StepsSsmCommand``."""
    return "Steps" + kind.replace(": ", "_").title().replace("_", "")


def recovery_policy() -> str:
    """Return the recovery role's policy as a page shows it."""
    roles = [f"arn:aws:iam::222233334444:role/{name}" for name in rights.PASSED_ROLES]
    return _shown(recovery_role(roles))


def airflow_policy() -> str:
    """Return the connection's policy as a page shows it."""
    table = "arn:aws:dynamodb:eu-west-1:111122223333:table/execution-history"
    hub = Hub(
        roles="arn:aws:iam::*:role/DRSOrchestrationRole",
        tables=[table, f"{table}/index/*"],
        bucket="arn:aws:s3:::dr-evidence",
        reports="arn:aws:s3:::dr-evidence/*",
        key="arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        topic="arn:aws:sns:eu-west-1:111122223333:dr-messages",
        namespace="DRS-Orchestration",
    )
    return _shown(airflow(hub))


def kinds_of_steps() -> list[str]:
    """Return the kinds of steps that need rights."""
    return [kind for kind, needs in rights.STEP_RIGHTS.items() if needs != rights.StepRights()]


def step_table() -> str:
    """Return the rights of steps as a Markdown table."""
    rows = []
    for kind in kinds_of_steps():
        needs = rights.STEP_RIGHTS[kind]
        rows.append(f"| `{kind}` | {_codes(needs.named)} | {_codes(needs.other)} | {_codes(needs.reads)} |")
    none = [kind for kind in rights.STEP_RIGHTS if kind not in kinds_of_steps()]
    head = ["| steps | on what plans name | on `*` | what preflight reads of it |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, f"| {_codes(none)} | none of their own | | |"])


def _codes(actions: Sequence[str]) -> str:
    return ", ".join(f"`{action}`" for action in actions)


def _allowed(sid: str, actions: Sequence[str] | str, resource: Any = "*", **more: Any) -> Statement:
    action = actions if isinstance(actions, str) else list(actions)
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource, **more}


def _shown(statements: list[Statement]) -> str:
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
    return f"```json\n{policy}\n```"
