"""What can be known of steps before they are taken."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

from drs_provider.core.rights import step_calls
from drs_provider.core.texts import named
from drs_provider.exceptions import DrsAccessDeniedError
from drs_provider.hooks.iam_api import NoPrincipalError, RightsQuestion
from drs_provider.plan.steps.checks import LookStep
from drs_provider.plan.steps.placeholders import placeholders
from drs_provider.preflight.catalog import found
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import RunScope, TargetScope
from drs_provider.preflight.steps import PlannedStep
from drs_provider.probe.function import allowed

_MAX_NAMED = 12


def shown_steps(run: RunScope) -> Iterator[Finding]:
    """Yield notes that show, in a dry run, which steps would be taken."""
    if not run.conf.dry_run:
        return
    shown: dict[tuple[str, str], list[str]] = {}
    for planned in run.steps:
        step = planned.step
        each = ", for each server" if step.each_at(planned.place) == "server" else ""
        failing = step.on_failure_in(run.kind)
        text = f"{step.label} ({step.kind}{each}, {step.timeout_minutes} min, on failure: {failing})"
        left_out = f"{step.label} ({step.kind}, not in a {run.kind})"
        shown.setdefault((planned.subject, planned.place), []).append(text if planned.runs else left_out)
    for (subject, place), texts in shown.items():
        yield run.finding("steps_planned", subject, f"{place}: {'; '.join(texts)}")


def steps_of_airflow(run: RunScope) -> Iterator[Finding]:
    """Yield findings about DAGs that steps trigger and operators that they run."""
    triggering, operating = list(_taken(run, "trigger_dag")), list(_taken(run, "operator"))
    if run.airflow is None:
        for planned in (*triggering, *operating):
            yield found(
                run.kind,
                "could_not_be_checked",
                planned.subject,
                f"{planned.name} rests on Airflow, which is not asked here",
                "A dry run asks it.",
                milder=True,
                covered=False,
            )
        return
    for planned in triggering:
        if (dag_id := planned.known("dag_id")) is None:
            continue
        paused = run.airflow.dag_is_paused(dag_id)
        if paused is not False:
            what = (
                f"DAG {dag_id} is paused: its run would never begin"
                if paused
                else f"there is no DAG {dag_id}"
            )
            yield run.finding(
                "step_dag_unusable",
                planned.subject,
                f"{planned.name}: {what}",
                "Unpause it." if paused else "Correct dag_id, or deploy it.",
            )
    for planned in operating:
        if problem := run.airflow.operator_problem(planned.known("operator")):
            yield run.finding(
                "step_operator_unusable",
                planned.subject,
                f"{planned.name}: {problem}",
                "As the message says.",
            )


def looks_from_workers(run: RunScope) -> Iterator[Finding]:
    """Yield warnings for looks from a worker into the network of a drill: well isolated, it cannot be reached."""
    if not run.kind.is_drill or run.plan.network is None:
        return
    for planned in run.steps:
        if planned.runs and isinstance(planned.step, LookStep) and planned.step.from_ == "worker":
            yield run.finding(
                "step_looks_from_worker",
                planned.subject,
                f"{planned.name} looks from Airflow's own network into the drill's, which good isolation forbids",
                "Write from: server or from: probe, if the drill's network cannot be reached from here.",
            )


def looks_stay(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings for looks of a drill that leave its networks; keeps the networks for the frozen plan."""
    run = scope.run
    looks = [planned for planned in _of_target(scope) if isinstance(planned.step, LookStep)]
    if not looks:
        return
    rules = run.plan.network
    subnets = scope.reads.subnets(rules.drill.allowed_subnets if rules else ())
    networks = tuple(subnet.cidr_block for subnet in subnets.values() if subnet.cidr_block)
    run.drill_networks[scope.target.name] = networks
    for planned in looks:
        outside = [address for address in _addresses(planned) if not allowed(address, networks)]
        if outside:
            yield run.finding(
                "step_leaves_drill",
                planned.subject,
                f"{planned.name} looks at {_host(planned)}, which is {', '.join(outside)}, outside of the drill's "
                f"networks ({', '.join(networks) or 'none are known'})",
                "Write {private_ip}, let the name lead into the drill's network, or write modes: [recovery].",
            )


def step_resources(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings about what steps name in AWS and what is not there."""
    for planned in _of_target(scope):
        for missing in _missing(scope, planned):
            yield scope.run.finding(
                "step_resource_unknown",
                planned.subject,
                f"{planned.name}: {missing}, in {scope.place}",
                "Correct the step, or make what it names.",
            )
    names = [
        name
        for planned in _of_target(scope)
        if planned.step.kind == "cloudwatch_alarm"
        for name in planned.known("alarms") or ()
    ]
    known = scope.reads.steps.alarms(names) if names else frozenset()
    if unknown := [name for name in dict.fromkeys(names) if name not in known]:
        yield scope.run.finding(
            "step_alarm_unknown",
            scope.subject,
            f"steps wait for alarms that do not exist in {scope.place}: {named(unknown, _MAX_NAMED)}",
            "Correct the names, unless the recovery makes these alarms.",
        )


def rights_of_steps(scope: TargetScope) -> Iterator[Finding]:
    """Yield a warning about rights of steps that IAM's simulation denies; policies may grant them more narrowly."""
    actions = dict.fromkeys(
        action
        for planned in _of_target(scope)
        for action in step_calls(planned.step.kind, planned.step.settings())
    )
    if not actions:
        return
    try:
        verdicts = scope.reads.iam.simulate(RightsQuestion(tuple(actions)))
    except (DrsAccessDeniedError, NoPrincipalError):
        return  # the check of the rights says so
    denied = [right.action for right in verdicts if not right.allowed]
    if denied:
        yield scope.run.finding(
            "step_rights_missing",
            scope.subject,
            f"IAM's simulation grants {scope.reads.iam.caller_arn} no right on any resource to what steps do in "
            f"{scope.place}: {named(denied, _MAX_NAMED)}",
            "Add them (docs/iam.md), unless its policies grant them on single resources.",
        )


def _missing(scope: TargetScope, planned: PlannedStep) -> Iterator[str]:
    steps, kind = scope.reads.steps, planned.step.kind
    if kind == "ssm_automation" and (document := planned.known("document")):
        kept = steps.document_type(document)
        if kept != "Automation":
            what = f"is a document of type {kept}" if kept else "does not exist"
            yield f"runbook {document} {what}"
    function = planned.known("function") if kind == "lambda" else planned.known("probe")
    if function and not steps.function_exists(function):
        yield f"function {function} does not exist"
    if kind == "dns_change" and (zone := planned.known("hosted_zone")):
        yield from _missing_record(steps.hosted_zone_name(zone), zone, planned)


def _missing_record(domain: str | None, zone: str, planned: PlannedStep) -> Iterator[str]:
    record = planned.known("record")
    if domain is None:
        yield f"hosted zone {zone} does not exist"
    elif record and not f".{record.rstrip('.')}".endswith(f".{domain}"):
        yield f"{record} is no name in hosted zone {zone}, which is {domain}"


def _taken(run: RunScope, kind: str) -> Iterator[PlannedStep]:
    return (planned for planned in run.steps if planned.runs and planned.step.kind == kind)


def _of_target(scope: TargetScope) -> list[PlannedStep]:
    return [planned for planned in scope.run.steps if planned.runs and planned.target == scope.target.name]


def _host(planned: PlannedStep) -> str:
    step = planned.step
    return step.looked_at if isinstance(step, LookStep) else ""


def _addresses(planned: PlannedStep) -> list[str]:
    """Return where a look would go, as far as that is known here: names count for looks from a worker only."""
    step, host = planned.step, _host(planned)
    if not isinstance(step, LookStep) or any(True for _ in placeholders(host)):
        return []
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _resolved(host) if step.from_ == "worker" else []
    return [] if step.from_ == "server" and address.is_loopback else [host]


def _resolved(host: str) -> list[str]:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []  # it may exist when the look is taken, which is checked then
    return [str(address) for address in dict.fromkeys(row[4][0] for row in rows)]
