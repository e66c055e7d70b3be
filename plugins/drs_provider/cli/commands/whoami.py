"""The verb that tells people by which name Airflow knows them."""

from __future__ import annotations

import argparse

from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.airflow_rest.texts import one_line
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.display.output import Output


def whoami(arguments: argparse.Namespace) -> ExitCode:
    """Print the login alone, so that programs can use it."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        me = api.me()
    if output.for_people:
        output.say(one_line(me["username"]))
        output.note("plans name you by this in initiators and approvers, libraries in teams and persons")
    else:
        output.data({"name": me["username"], "id": me["id"], "url": api.url})
    return ExitCode.OK
