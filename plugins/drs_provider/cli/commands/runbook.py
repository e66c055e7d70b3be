"""The verb that writes a plan down for the night without Airflow."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line
from drs_provider.cli.commands.plans import loaded_plan, plans_folder
from drs_provider.cli.conf_options import given_conf, runbook_schema
from drs_provider.cli.display.output import Output
from drs_provider.core.account import AwsTarget
from drs_provider.plan.conf.parsing import RunConf, parse_run_conf
from drs_provider.plan.files.folder import load_people
from drs_provider.plan.model import Plan
from drs_provider.plan.problems import RunConfError

if TYPE_CHECKING:
    from drs_provider.preflight.run import PreflightResult

SESSION_NAME = "drs-plans-runbook"


def runbook(arguments: argparse.Namespace) -> ExitCode:
    """Ask DRS which servers the plan holds now, and write page and script."""
    from drs_provider.exceptions import DrsError
    from drs_provider.runbook.files import write_runbook
    from drs_provider.runbook.resolved import RunbookError, runbook_of

    plan, output = loaded_plan(arguments).plan, Output(arguments.output)
    conf = _conf(arguments, plan)
    result = _preflight(plan, conf)
    report, told = result.report, [finding.text() for finding in result.report.findings]
    try:
        made = runbook_of(
            plan,
            conf,
            result.servers,
            result.snapshots,
            written_at=report.checked_at,
            findings=told,
            people=load_people(plans_folder(arguments.plans))[0],
        )
        written = write_runbook(made, Path(arguments.to).absolute().as_uri())
    except (RunbookError, DrsError) as error:
        causes = " ".join(finding.text() for finding in report.blocking)
        raise RefusedError(
            f"{error}: {causes}" if causes else str(error), "", ExitCode.REFUSED_INPUT
        ) from error
    except OSError as error:
        raise RefusedError(
            f"the runbook cannot be written to {arguments.to}: {error}",
            "name another folder: --to",
            ExitCode.REFUSED_INPUT,
        ) from error
    files = {"page": written.page, "script": written.script}
    if output.for_people:
        for file in files.values():
            output.say(one_line(f"wrote {file.removeprefix('file://')}"))
    else:
        output.data({**files, "executionId": made.plan.execution_id, "preflight": report.summary()})
    if report.blocking:
        output.note(
            f"preflight found {len(report.blocking)} things that would stop an execution; the page has them"
        )
    return ExitCode.OK


def _conf(arguments: argparse.Namespace, plan: Plan) -> RunConf:
    kind = arguments.execution_type
    confirmed = {"confirm_plan": plan.name} if kind == "RECOVERY" else {}
    try:
        return parse_run_conf(
            {**given_conf(arguments, runbook_schema()), **confirmed, "execution_type": kind}, plan
        )
    except RunConfError as error:
        raise RefusedError(str(error), "", ExitCode.REFUSED_INPUT) from error


def _preflight(plan: Plan, conf: RunConf) -> PreflightResult:
    """Check the plan as an execution would, and return what its servers are."""
    from drs_provider.hooks.aws.clients import AwsClients, aws_clients
    from drs_provider.hooks.drs.drs_api import DrsApi
    from drs_provider.hooks.ec2.ec2_api import Ec2Api
    from drs_provider.hooks.iam_api import IamApi
    from drs_provider.hooks.step_resources import StepResourcesApi
    from drs_provider.preflight.run import run_preflight

    def clients(target: AwsTarget) -> AwsClients:
        return aws_clients(target, session_name=SESSION_NAME)

    return run_preflight(
        plan,
        conf,
        drs=lambda target: DrsApi(clients(target)),
        ec2=lambda target: Ec2Api(clients(target)),
        iam=lambda target: IamApi(clients(target)),
        steps=lambda target: StepResourcesApi(clients(target)),
        now=time.time(),
    )
