"""Whether the calls of the suite and the policy's part for this provider's own calls are the same.

Every call that carries the provider's user agent is noted, in whatever session. A test that makes one which the policy
lacks fails; a run of the whole suite in which nobody makes one that the policy has fails at its end. Tests that look at
the world themselves do it with boto3's user agent: those calls do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from botocore import handlers

from drs_provider.core import rights

_USER_AGENT: Final = "airflow-provider-drs/"
#: Needs no right (docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
_FREE: Final = "sts:GetCallerIdentity"
#: IAM's name of a service where it is not that of the client.
_SERVICES: Final = {"service-quotas": "servicequotas"}
#: IAM's name of an action where it is not that of the operation.
_ACTIONS: Final = {"lambda:Invoke": "lambda:InvokeFunction"}
#: Calls that ask for another right besides, if they have tags.
_TAGS: Final = {
    "drs:StartRecovery": ("tags", "drs:TagResource"),
    "ssm:StartAutomationExecution": ("Tags", "ssm:AddTagsToResource"),
}

#: What the identities may do: recovery role and connection's identity, calls of Airflow's own parts left out.
GRANTED: Final = frozenset(
    (
        *rights.OWN_CALLS,
        *rights.IMPORT_CALLS,
        rights.START,
        *rights.DONE_WITHOUT,
        rights.ASSUME_ROLE,
        *rights.HISTORY_CALLS,
        rights.METRICS_CALL,
        *rights.SIGN_CALLS,
        *(
            action
            for step in rights.STEP_RIGHTS.values()
            for action in (*step.named, *step.other, *step.reads)
        ),
    )
)

_called: set[str] = set()
_unchecked: set[str] = set()


def actions_of(service: str, operation: str, body: bytes | str) -> set[str]:
    """Return the IAM actions that a call needs."""
    action = f"{_SERVICES.get(service, service)}:{operation}"
    action = _ACTIONS.get(action, action)
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    field, tagging = _TAGS.get(action, ("", ""))
    return {action, *([tagging] if field and f'"{field}"' in text else [])} - {_FREE}


def _note(model: Any, params: dict[str, Any], **_: Any) -> None:
    if _USER_AGENT in str(params["headers"].get("User-Agent", "")):
        actions = actions_of(model.service_model.service_name, model.name, params.get("body") or b"")
        _called.update(actions)
        _unchecked.update(actions)


def install() -> None:
    """Note the calls of all sessions that are made from now on."""
    handlers.BUILTIN_HANDLERS.append(("before-call", _note))


def assert_granted() -> None:
    """Fail if the policy lacks something that was called since the last time."""
    missing = sorted(_unchecked - GRANTED)
    _unchecked.clear()
    assert not missing, f"core/rights.py grants nobody {missing}"


def called() -> list[str]:
    """Return the actions that were called so far, here and in processes that have told theirs."""
    return sorted(_called)


def add(actions: Iterable[str]) -> None:
    """Take the actions that another process of the same suite has called."""
    _called.update(actions)


def not_called() -> list[str]:
    """Return what is in a policy and was never called."""
    return sorted(GRANTED - _called)
