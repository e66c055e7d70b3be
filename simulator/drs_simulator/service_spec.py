"""What other AWS services answer in a scenario: SSM, Lambda, CloudWatch alarms, Route 53. Data, validated."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from drs_simulator.launch_profile import Seconds, Strict


class CommandSpec(Strict):
    """What SSM Run Command does with a command; of a scenario's list the first that fits, else it succeeds."""

    match: str = Field(
        "", description="a part of the document's name or of a parameter; empty: every command"
    )
    servers: tuple[str, ...] = Field(("*",), description="names of source servers, with wildcards")
    after: Seconds = Field(0.0, description="fits only so long after the launch of the instance")
    times: int | None = Field(None, ge=1, description="fits so often")
    seconds: Seconds = Field(1.0, description="how long the command runs")
    status: Literal["Success", "Failed", "TimedOut"] | None = Field(
        None, description="how it ends; default: by its exit code"
    )
    exit_code: int = 0
    output: str = ""
    error: str = ""


class AutomationSpec(Strict):
    """An SSM Automation runbook, which exists by being here; of those with one name the first that fits."""

    document: str
    match: str = Field("", description="a part of a parameter's value; empty: all")
    times: int | None = Field(None, ge=1, description="fits so often")
    seconds: Seconds = Field(60.0, description="how long an execution runs")
    status: Literal["Success", "Failed", "TimedOut"] = "Success"
    failure: str = Field("", description="FailureMessage of one that does not end well")
    outputs: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class FunctionSpec(Strict):
    """A Lambda function, which exists by being here; of those with one name the first that fits answers."""

    name: str
    match: str = Field("", description="a part of the payload; empty: every payload")
    after: Seconds = Field(0.0, description="fits only so long after the world's beginning")
    times: int | None = Field(None, ge=1, description="fits so often")
    payload: Any = Field(None, description="what it returns")
    error: str | None = Field(None, description="the message of the exception that it raises instead")


class AlarmChange(Strict):
    """A state of an alarm."""

    after: Seconds = Field(0.0, description="since the world's beginning")
    state: Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
    reason: str = "simulated"


class AlarmSpec(Strict):
    """A CloudWatch alarm, and how its state goes on."""

    name: str
    states: tuple[AlarmChange, ...] = Field(min_length=1)


class ServicesSpec(Strict):
    """The other services, the same in every Region of every account of the scenario."""

    commands: tuple[CommandSpec, ...] = ()
    automations: tuple[AutomationSpec, ...] = ()
    functions: tuple[FunctionSpec, ...] = ()
    alarms: tuple[AlarmSpec, ...] = ()
    hosted_zones: dict[str, str] = Field(
        default_factory=dict, description="Route 53: domain names by the hosted zone's id"
    )
    dns_change_seconds: Seconds = Field(30.0, description="a change of Route 53 is PENDING so long")
