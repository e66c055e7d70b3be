"""Arguments that several verbs share, and how a verb is told to Airflow's command line."""

from __future__ import annotations

import argparse

from airflow.cli.cli_config import ActionCommand, Arg

from drs_provider.airflow_rest.texts import seconds_of
from drs_provider.cli.entry import verb


def _seconds(text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


URL = Arg(("--url",), help="Address of Airflow's API server (AIRFLOW_API_URL, or api.base_url of Airflow)")
TOKEN_FILE = Arg(
    ("--token-file",),
    metavar="FILE",
    help="File with your API token, - for standard input (AIRFLOW_CLI_TOKEN)",
)
USERNAME = Arg(
    ("--username",),
    metavar="USER",
    help="Log in with a password instead (AIRFLOW_API_USERNAME; AIRFLOW_API_PASSWORD, or you are asked)",
)
CLIENT_ID = Arg(
    ("--client-id",),
    metavar="ID",
    help="Log in as an OAuth client (AIRFLOW_API_CLIENT_ID; its secret: AIRFLOW_API_CLIENT_SECRET)",
)
MWAA = Arg(
    ("--mwaa",),
    metavar="NAME",
    help="Log in to an Amazon MWAA environment with your AWS credentials (AIRFLOW_MWAA_ENVIRONMENT)",
)
REMOTE = (URL, TOKEN_FILE, USERNAME, CLIENT_ID, MWAA)

OUTPUT = Arg(
    ("-o", "--output"),
    choices=("table", "json", "yaml"),
    default="table",
    help="For people or for programs (default table)",
)
INTERVAL = Arg(
    ("--interval",), type=_seconds, default=2.0, metavar="TIME", help="Time between two looks (default 2s)"
)
TIMEOUT = Arg(
    ("--timeout",),
    type=_seconds,
    metavar="TIME",
    help="Stop following after 30s, 90m, 2h or 1:30:00; the execution goes on",
)
WAIT = Arg(("--wait",), action="store_true", help="Wait for the end, then print the result")
WATCH = Arg(("--watch",), action="store_true", help="Show progress until the end")
FOLLOWING = (WAIT, WATCH, TIMEOUT, INTERVAL)

HOW_MUCH_LONGER = Arg(("time",), metavar="TIME", type=_seconds, help="How much longer: 30m, 2h or 1:30:00")

PLAN = Arg(("plan",), metavar="PLAN", help="Name of a plan")
RUN = Arg(
    ("run",), metavar="RUN", help="An execution: PLAN/RUN_ID, a run's id, or a plan for its newest execution"
)
OPEN_RUN = Arg(
    ("run",), metavar="RUN", help="An execution: PLAN/RUN_ID, a run's id, or a plan for the one that runs"
)
MAYBE_RUN = Arg(
    ("run",), metavar="RUN", nargs="?", help="PLAN/RUN_ID, a run's id, or a plan for its newest execution"
)
PLANS_FOLDER = Arg(
    ("--plans",),
    metavar="FOLDER",
    help="Folder with the plan files (default: drs.plans_folder of Airflow, or plans in its DAGs folder)",
)
STATE = Arg(
    ("--state",),
    action="store_true",
    help="Ask Airflow instead: protected or failed over, ready, last drill",
)
RUN_ID = Arg(
    ("--run-id",),
    metavar="ID",
    help="Your name for the execution, a ticket number say; given again, it starts nothing",
)
WAVE = Arg(("--wave",), metavar="WAVE", help="Name or number of the wave, if several gates are open")
COMMENT = Arg(("--comment",), metavar="TEXT", help="Kept with the answer")
TICKET = Arg(("--ticket",), metavar="TEXT", help="Number of the change or incident, kept with the answer")
YES = Arg(("-y", "--yes"), action="store_true", help="Do not ask")
EMERGENCY = Arg(
    ("--emergency",),
    action="store_true",
    help="Approve alone, as one of the plan's emergency approvers; needs a --comment that says why",
)
ANSWER = (OPEN_RUN, WAVE, COMMENT, TICKET, OUTPUT, *REMOTE)


def command(name: str, text: str, path: str, *args: Arg) -> ActionCommand:
    """Return a verb for Airflow's parser.

    :param path: ``module:function`` below :mod:`drs_provider.cli.commands`
    """
    return ActionCommand(name=name, help=text, func=verb(path), args=args)
