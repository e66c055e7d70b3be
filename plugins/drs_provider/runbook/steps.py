"""Steps of a plan as a runbook has them: a text for people, and a command where the ``aws`` command line has one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from drs_provider.core.texts import visible
from drs_provider.plan.steps.actions import DnsChangeStep, SsmAutomationStep
from drs_provider.plan.steps.base import CheckModel, Place, StepModel
from drs_provider.plan.steps.checks import CloudwatchAlarmStep, Ec2StatusStep
from drs_provider.plan.steps.placeholders import filled, placeholders

#: Placeholders that hold nothing which a shell or JSON reads otherwise → variables of the script
_VARIABLES: Final = {"private_ip": "ADDRESS", "instance_id": "INSTANCE", "source_server_id": "SERVER"}


@dataclass(frozen=True)
class Instruction:
    """A step as people and the script have it.

    :param text: what is done, as the plan says it
    :param command: a line of the script that does it, and fails if it fails; empty if people do it
    :param for_each: whether the command is run for each recovered server
    """

    name: str
    is_check: bool
    required: bool
    text: str
    command: str
    for_each: bool


def instruction(step: StepModel, place: Place, values: Mapping[str, str]) -> Instruction:
    """Return what a runbook has of a step.

    :param values: what is known when the runbook is written: account, Region, wave, execution
    """
    is_check = isinstance(step, CheckModel)
    verb = "check" if is_check else "run"
    shown = {verb: step.kind, **step.settings()}
    if step.each_at(place) == "server":
        shown["each"] = "server"
    known = {**{name: f"{{{name}}}" for name in placeholders(shown)}, **values}
    text = yaml.safe_dump(filled(shown, known), sort_keys=False, allow_unicode=True, width=100).strip()
    return Instruction(
        name=step.label,
        is_check=is_check,
        required=step.required,
        text=visible(text),
        command=_command(step, known),
        for_each=step.each_at(place) == "server" or isinstance(step, Ec2StatusStep),
    )


def _command(step: StepModel, known: Mapping[str, str]) -> str:
    if not (make := _COMMANDS.get(type(step))):
        return ""
    if set(placeholders([filled(step.settings(), known)])) - _VARIABLES.keys():
        return ""  # names of servers are free texts, which a command might read as something else
    return " ".join(["aws_here", *make(filled(step.settings(), known))])


def _word(text: str) -> str:
    """Return a word of a shell command, its placeholders as variables of the script."""
    parts = [shlex.quote(text)]
    for name, variable in _VARIABLES.items():
        parts = [part.replace(f"{{{name}}}", f"'\"${variable}\"'") for part in parts]
    return "".join(parts)


def _words(*texts: str) -> list[str]:
    return [_word(text) for text in texts]


def _ec2_status(_: Mapping[str, Any]) -> list[str]:
    return [*_words("ec2", "wait", "instance-status-ok", "--instance-ids"), '"$INSTANCE"']


def _cloudwatch_alarm(settings: Mapping[str, Any]) -> list[str]:
    names, state = settings["alarms"], settings["state"]
    query = f"length([MetricAlarms,CompositeAlarms][][?StateValue=='{state}'][]) == `{len(names)}`"
    kinds = ("MetricAlarm", "CompositeAlarm")
    asked = _words(
        "cloudwatch", "describe-alarms", "--alarm-types", *kinds, "--alarm-names", *names, "--query", query
    )
    return [*asked, "|", "grep", "-qx", "True"]


def _ssm_automation(settings: Mapping[str, Any]) -> list[str]:
    words = ["ssm", "start-automation-execution", "--document-name", settings["document"]]
    if settings.get("parameters"):
        words += ["--parameters", json.dumps(settings["parameters"])]
    return _words(*words, "--query", "AutomationExecutionId")


def _dns_change(settings: Mapping[str, Any]) -> list[str]:
    record: dict[str, Any] = {"Name": settings["record"], "Type": settings["type"]}
    if alias := settings.get("alias"):
        record["AliasTarget"] = {
            "HostedZoneId": alias["hosted_zone"],
            "DNSName": alias["dns_name"],
            "EvaluateTargetHealth": alias["evaluate_health"],
        }
    else:
        record |= {
            "TTL": settings["ttl_seconds"],
            "ResourceRecords": [{"Value": value} for value in settings["values"]],
        }
    change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    words = ("route53", "change-resource-record-sets", "--hosted-zone-id", settings["hosted_zone"])
    return _words(*words, "--change-batch", json.dumps(change), "--query", "ChangeInfo.Id")


#: Kinds that the script can run. Others are a text for people: the ``aws`` command line has nothing that looks at ports
#: and URLs, Airflow's own are gone with it.
_COMMANDS: Final[Mapping[type[StepModel], Callable[[Mapping[str, Any]], list[str]]]] = {
    Ec2StatusStep: _ec2_status,
    CloudwatchAlarmStep: _cloudwatch_alarm,
    SsmAutomationStep: _ssm_automation,
    DnsChangeStep: _dns_change,
}
