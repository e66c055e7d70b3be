"""Actions: steps that do something."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from drs_provider.plan.fields import ClassPath, ExactLine, Flag, Line, PlanModel, Unique, refusal
from drs_provider.plan.steps.base import ActionModel
from drs_provider.plan.steps.checks import Commands, ExitCode

DEFAULT_TTL_SECONDS = 60


class SsmAutomationStep(ActionModel):
    """Runs an Automation runbook of AWS Systems Manager and waits for its end."""

    run: Literal["ssm_automation"] = Field(description="An Automation runbook of Systems Manager.")
    document: Line = Field(description="Name or ARN of the runbook.")
    parameters: dict[ExactLine, tuple[str, ...]] = Field(
        default={}, description="Parameters of the runbook; each is a list of texts."
    )


class SsmCommandAction(ActionModel):
    """Runs commands on each recovered server and waits for their end."""

    run: Literal["ssm_command"] = Field(description="Commands on the recovered server.")
    commands: Commands = Field(
        description="Lines for the shell (Linux) or PowerShell (Windows) of the server."
    )
    expect_exit_code: ExitCode = Field(default=0, description="Exit code of a good end.")

    @property
    def needs_servers(self) -> bool:
        """Commands run on servers."""
        return True


class LambdaStep(ActionModel):
    """Invokes a Lambda function and waits for its answer, at most 15 minutes as Lambda does."""

    run: Literal["lambda"] = Field(description="A Lambda function.")
    function: Line = Field(description="Name or ARN of the function, with a version or alias if wanted.")
    payload: dict[str, JsonValue] = Field(default={}, description="What the function is given, as JSON.")


class TriggerDagStep(ActionModel):
    """Triggers another DAG, with the wave's result in its configuration, and waits until its run has succeeded."""

    run: Literal["trigger_dag"] = Field(description="Another DAG of this Airflow.")
    dag_id: Line = Field(description="Id of the DAG.")
    conf: dict[str, JsonValue] = Field(
        default={},
        description="Configuration of its run; the wave's result is added as `drs` (not for plans).",
    )

    @property
    def needs_target(self) -> bool:
        """It calls no AWS."""
        return False

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if "drs" in self.conf:
            raise refusal("`drs` in conf is the wave's result", "use another key")
        return self


class DnsAlias(PlanModel):
    """What an alias record of Route 53 points to."""

    hosted_zone: Line = Field(description="Hosted zone id of what it points to, a load balancer's, say.")
    dns_name: Line = Field(description="DNS name of what it points to.")
    evaluate_health: Flag = Field(default=False, description="Whether Route 53 asks for the health of that.")


class DnsChangeStep(ActionModel):
    """Writes a record in Route 53 and waits until all of its name servers have it."""

    run: Literal["dns_change"] = Field(description="A record in Route 53.")
    hosted_zone: Line = Field(description="Id of the hosted zone, such as Z0ERPEXAMPLE.")
    record: Line = Field(description="Name of the record, such as db.example.com.")
    type: Literal["A", "AAAA", "CNAME", "SRV", "TXT"] = Field(description="Type of the record.")
    values: Annotated[tuple[Line, ...], Unique] = Field(default=(), description="What the record is set to.")
    ttl_seconds: Annotated[int, Field(strict=True, ge=0, le=604_800)] | None = Field(
        default=None, description=f"How long resolvers keep it, in seconds; left out: {DEFAULT_TTL_SECONDS}."
    )
    alias: DnsAlias | None = Field(default=None, description="Instead of values: an alias of Route 53.")

    def settings(self) -> dict[str, Any]:
        """Return the kind's own fields as plain data, with the default lifetime."""
        lifetime = {} if self.alias else {"ttl_seconds": self.ttl_seconds or DEFAULT_TTL_SECONDS}
        return super().settings() | lifetime

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if bool(self.values) is (self.alias is not None):
            found = "both values and alias" if self.values else "neither values nor alias"
            raise refusal(f"the record has {found}", "give exactly one of them")
        if self.alias and self.ttl_seconds is not None:
            raise refusal("ttl_seconds does nothing in an alias", "remove it")
        return self


class OperatorStep(ActionModel):
    """Runs an operator of an installed provider; `[drs] step_operators` lists those that plans may use."""

    run: Literal["operator"] = Field(description="An operator of an installed provider.")
    operator: ClassPath = Field(description="Import path of its class.")
    arguments: dict[ExactLine, JsonValue] = Field(
        default={}, description="Its keyword arguments, without task_id."
    )

    @property
    def needs_target(self) -> bool:
        """It has connections of its own."""
        return False

    @model_validator(mode="after")
    def _has_our_id(self) -> Self:
        if "task_id" in self.arguments:
            raise refusal("task_id is the step's own", "remove it; `name` names the step")
        return self
