"""What actions do, in a worker: start, find again after a crash, stop. Their end is waited for in the triggerer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from airflow.sdk.exceptions import AirflowRuntimeError
from botocore.exceptions import ClientError

from drs_provider.airflow_api.dag_runs import is_paused, run_state, trigger_run
from drs_provider.core.account import AwsTarget
from drs_provider.core.identity import plan_name_of, role_session_name
from drs_provider.exceptions import DrsFailError, OutcomeUnknownError, RunUnknownError
from drs_provider.hooks.aws.clients import AwsClients, aws_clients
from drs_provider.hooks.aws.errors import AWS_ERRORS, error_code, explained, is_outcome_unknown
from drs_provider.plan.steps.placeholders import filled
from drs_provider.rules.execution.frozen import FrozenStep
from drs_provider.rules.steps.answers import command_look, short
from drs_provider.rules.steps.requests import (
    change_record,
    instance_information,
    run_handle,
    run_of_handle,
    send_command,
    start_automation,
    token_tag,
)
from drs_provider.rules.steps.results import Look, Subject

_ALREADY_OVER: Final = "InvalidAutomationStatusUpdateException"


class Action(Protocol):
    """Something that a step does once for a subject."""

    def start(self, subject: Subject, token: str) -> Look:
        """Begin it, once: ``waiting`` with the handle of what goes on, or what it came to.

        :raises OutcomeUnknownError: if nothing tells whether it has begun; it must not be started again
        """

    def find(self, subject: Subject, token: str) -> Look | None:
        """Return what an earlier start with this token has begun, None if it may be started.

        :raises OutcomeUnknownError: if nothing tells
        """

    def stop(self, handle: str) -> str | None:
        """Stop what goes on; return in words what still runs, None if nothing does."""


class StepAction:
    """What all actions know.

    :param wave_facts: what is known of the wave, for those that pass it on
    """

    def __init__(
        self, step: FrozenStep, target: AwsTarget | None, execution_id: str, wave_facts: Mapping[str, Any]
    ) -> None:
        self._step = step
        self._target = target
        self._execution_id = execution_id
        self._wave_facts = wave_facts

    def _settings(self, subject: Subject) -> dict[str, Any]:
        settings: dict[str, Any] = filled(self._step.settings, subject.values)
        return settings

    @property
    def _clients(self) -> AwsClients:
        if self._target is None:
            raise ValueError(f"step {self._step.name} has no target")
        return aws_clients(self._target, session_name=role_session_name(self._execution_id))

    def _ask(self, client: Any, operation: str, **request: Any) -> dict[str, Any]:
        clients = self._clients
        with explained(clients.target, clients.caller_arn):
            answer: dict[str, Any] = getattr(client, operation)(**request)
            return answer

    def _once(self, client: Any, operation: str, what: str, **request: Any) -> dict[str, Any]:
        """Ask for something that has no client token."""
        try:
            return self._ask(client, operation, **request)
        except AWS_ERRORS as error:
            if is_outcome_unknown(error):
                raise OutcomeUnknownError(f"whether {what} has begun is not known: {error}") from error
            raise


class AutomationAction(StepAction):
    """An execution of a runbook, which its client token makes once."""

    def start(self, subject: Subject, token: str) -> Look:
        """Start it."""
        ssm = self._clients.client("ssm")
        request = start_automation(self._settings(subject), token, self._execution_id)
        try:
            answer = self._ask(ssm, "start_automation_execution", **request)
        except ClientError as error:
            if error_code(error) != "IdempotentParameterMismatch":
                raise
            raise OutcomeUnknownError(
                f"runbook {request['DocumentName']} was begun otherwise: {error}"
            ) from error
        execution_id = answer["AutomationExecutionId"]
        return Look("waiting", f"runbook {request['DocumentName']} runs", execution_id)

    def find(self, subject: Subject, token: str) -> Look | None:
        """Find it by its tag; what is not found is started with the same token, which begins nothing twice."""
        ssm = self._clients.client("ssm")
        filters = [{"Key": "TagKey", "Values": [token_tag(token)]}]
        rows = self._ask(ssm, "describe_automation_executions", Filters=filters)[
            "AutomationExecutionMetadataList"
        ]
        if rows:
            return Look("waiting", "the runbook runs since an earlier try", rows[0]["AutomationExecutionId"])
        return self.start(subject, token)

    def stop(self, handle: str) -> str | None:
        """Cancel it."""
        ssm = self._clients.client("ssm")
        try:
            self._ask(ssm, "stop_automation_execution", AutomationExecutionId=handle, Type="Cancel")
        except ClientError as error:
            if error_code(error) != _ALREADY_OVER:
                raise
        return None


class CommandAction(StepAction):
    """Commands on a server. SendCommand has no client token: they are known by their comment."""

    def start(self, subject: Subject, token: str) -> Look:
        """Send them."""
        instance_id, settings = subject.values["instance_id"], self._settings(subject)
        clients = self._clients
        found = self._ask(
            clients.client("ssm"), "describe_instance_information", **instance_information([instance_id])
        )
        rows = found["InstanceInformationList"]
        if not rows:
            return Look("failed", f"Systems Manager does not reach {subject.name} ({instance_id})")
        request = send_command(
            instance_id,
            settings["commands"],
            platform=str(rows[0].get("PlatformType", "Linux")),
            seconds=self._step.timeout_seconds,
            comment=self._comment(token),
        )
        once = clients.single_attempt_client("ssm")
        answer = self._once(once, "send_command", f"a command on {subject.name}", **request)
        return Look("waiting", "the commands run", answer["Command"]["CommandId"])

    def find(self, subject: Subject, token: str) -> Look | None:
        """Find them among the server's commands."""
        instance_id = subject.values["instance_id"]
        pages = self._clients.client("ssm").get_paginator("list_commands").paginate(InstanceId=instance_id)
        for page in pages:
            for row in page["Commands"]:
                if row.get("Comment") == self._comment(token):
                    return Look("waiting", "the commands run since an earlier try", row["CommandId"])
        raise OutcomeUnknownError(
            f"whether the commands were sent to {subject.name} is not known: Systems Manager lists none of them"
        )

    def stop(self, handle: str) -> str | None:
        """Cancel them; Systems Manager promises nothing, so what became of them is asked."""
        ssm = self._clients.client("ssm")
        self._ask(ssm, "cancel_command", CommandId=handle)
        rows = self._ask(ssm, "list_command_invocations", CommandId=handle)["CommandInvocations"]
        running = [row["InstanceId"] for row in rows if command_look(row, handle).state == "waiting"]
        return f"command {handle} still runs on {', '.join(running)}" if running else None

    def _comment(self, token: str) -> str:
        return f"drs step {token}"


class LambdaAction(StepAction):
    """An invocation, whose answer is waited for here: Lambda keeps none for later."""

    def start(self, subject: Subject, token: str) -> Look:
        """Invoke the function."""
        del token
        settings = self._settings(subject)
        answer = self._once(
            self._clients.long_call_client("lambda"),
            "invoke",
            f"function {settings['function']}",
            FunctionName=settings["function"],
            Payload=json.dumps(settings["payload"]).encode(),
        )
        try:
            told = answer["Payload"].read().decode("utf-8", "replace")
        except AWS_ERRORS as error:
            what = f"how function {settings['function']} ended is not known"
            raise OutcomeUnknownError(f"{what}: {error}") from error
        return Look("failed" if answer.get("FunctionError") else "passed", short(told))

    def find(self, subject: Subject, token: str) -> Look | None:
        """Nothing tells."""
        del subject, token
        raise OutcomeUnknownError(f"whether function {self._step.settings['function']} ran is not known")

    def stop(self, handle: str) -> str | None:
        """Nothing stops a function."""
        return f"function {handle} may still run"


class DnsAction(StepAction):
    """A record in Route 53. It is set, whatever it was: doing so twice is doing it once."""

    def start(self, subject: Subject, token: str) -> Look:
        """Set it."""
        del token
        settings = self._settings(subject)
        request = change_record(settings, f"drs {self._execution_id}")
        change = self._ask(self._clients.client("route53"), "change_resource_record_sets", **request)
        return Look("waiting", f"{settings['record']} was set", change["ChangeInfo"]["Id"].rpartition("/")[2])

    def find(self, subject: Subject, token: str) -> Look | None:
        """It may be set again."""
        del subject, token
        return None

    def stop(self, handle: str) -> str | None:
        """Nothing stops a change."""
        return f"change {handle} of Route 53 cannot be stopped"


class DagAction(StepAction):
    """A run of another DAG, known by its id."""

    def start(self, subject: Subject, token: str) -> Look:
        """Trigger it."""
        settings = self._settings(subject)
        dag_id, run_id = settings["dag_id"], f"drs__{token}"
        paused = is_paused(dag_id)
        if paused is None:
            raise DrsFailError(f"there is no DAG {dag_id}")
        if paused:
            raise DrsFailError(f"DAG {dag_id} is paused: its run would never begin. Unpause it, and retry")
        # A recovery plan's DAG knows its own keys only.
        facts = {} if plan_name_of(dag_id) else {"drs": dict(self._wave_facts)}
        conf = {**settings["conf"], **facts}
        try:
            trigger_run(dag_id, run_id, conf, f"step {self._step.name} of execution {self._execution_id}")
        except AirflowRuntimeError as error:
            try:
                known = run_state(dag_id, run_id)
            except RunUnknownError:
                raise OutcomeUnknownError(
                    f"whether DAG {dag_id} was triggered is not known: {error}"
                ) from error
            if known is None:
                raise DrsFailError(f"Airflow refuses a run of DAG {dag_id}: {error}") from error
        return Look("waiting", f"run {run_id} of {dag_id} was triggered", run_handle(dag_id, run_id))

    def find(self, subject: Subject, token: str) -> Look | None:
        """Find it by its id."""
        dag_id, run_id = self._settings(subject)["dag_id"], f"drs__{token}"
        if run_state(dag_id, run_id) is None:
            return None
        return Look("waiting", f"run {run_id} of {dag_id} is there", run_handle(dag_id, run_id))

    def stop(self, handle: str) -> str | None:
        """No task may stop another run."""
        dag_id, run_id = run_of_handle(handle)
        return (
            f"run {run_id} of DAG {dag_id} goes on"
            if run_state(dag_id, run_id) in ("queued", "running")
            else None
        )


ACTIONS: Final[dict[str, Callable[..., Action]]] = {
    "ssm_automation": AutomationAction,
    "ssm_command": CommandAction,
    "lambda": LambdaAction,
    "dns_change": DnsAction,
    "trigger_dag": DagAction,
}


def is_action(kind: str) -> bool:
    """Whether steps of a kind, run, are actions of this module; all others are operators."""
    return kind in ACTIONS


def open_action(
    step: FrozenStep, target: AwsTarget | None, execution_id: str, wave_facts: Mapping[str, Any] | None = None
) -> Action:
    """Return the action of a step.

    :param wave_facts: what `trigger_dag` gives its run as ``drs``
    :raises KeyError: if its kind is none
    """
    return ACTIONS[step.kind](step, target, execution_id, wave_facts or {})
