"""The verbs and their options, as Airflow's command line reads them from the provider info."""

from __future__ import annotations

import argparse

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

from drs_provider.cli.conf_options import DRY_RUN, conf_args, option_args, sweep_schema
from drs_provider.cli.entry import verb
from drs_provider.cli.exit_codes import epilog
from drs_provider.cli.texts import seconds_of


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
REMOTE = (URL, TOKEN_FILE, USERNAME)

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
RUN_ID = Arg(
    ("--run-id",),
    metavar="ID",
    help="Your name for the execution, a ticket number say; given again, it starts nothing",
)
WAVE = Arg(("--wave",), metavar="WAVE", help="Name or number of the wave, if several gates are open")
COMMENT = Arg(("--comment",), metavar="TEXT", help="Kept with the answer")
TICKET = Arg(("--ticket",), metavar="TEXT", help="Number of the change or incident, kept with the answer")
YES = Arg(("-y", "--yes"), action="store_true", help="Do not ask")
ANSWER = (OPEN_RUN, WAVE, COMMENT, TICKET, OUTPUT, *REMOTE)


_IMPORT = (
    Arg(("files",), metavar="FILE", nargs="*", help="Exports: JSON files, or folders of them"),
    Arg(("--native",), action="store_true", help="Ask DRS for its own recovery plans in each --account"),
    Arg(("--to",), metavar="FOLDER", required=True, help="Folder for the plan files"),
    Arg(("--overwrite",), action="store_true", help="Replace files of the same name"),
    Arg(("--dry-run",), action="store_true", help="Write nothing, only report"),
    Arg(("--notes",), action="store_true", help="Report also what has no effect, such as other systems' ids"),
    Arg(("--connection",), metavar="CONN", help="Airflow connection of every account that has no other"),
    Arg(
        ("--account",),
        action="append",
        metavar="ACCOUNT=ROLE",
        help="How to reach an account: ACCOUNT=own or ACCOUNT=ROLE, then ,external_id=… ,connection=… ,region=…",
    ),
    Arg(("--account-id",), metavar="ACCOUNT", help="Account of protection groups that name none"),
    Arg(("--region",), metavar="REGION", help="Region of protection groups that name none"),
    Arg(("--only",), action="append", metavar="PLAN", help="Import only this plan; may be given again"),
)


def get_drs_cli_commands() -> list[CLICommand]:
    """Return what this provider adds to ``airflow``."""
    return [
        GroupCommand(
            name="drs",
            help="Recovery plans for AWS Elastic Disaster Recovery",
            subcommands=(plans_group(), *_starting(), *_looking(), *_answering(), *_steering()),
            epilog=epilog(),
        )
    ]


def plans_group() -> GroupCommand:
    """Return the verbs for plan files; they need no Airflow that runs."""
    return GroupCommand(
        name="plans",
        help="Plan files: list, check, show, draw, import",
        subcommands=(
            _verb("list", "List the plans of a folder", "plans:list_plans", PLANS_FOLDER, OUTPUT),
            _verb(
                "validate",
                "Tell everything that is wrong with plan files; exit code 2 if something is",
                "plans:validate",
                Arg(("names",), metavar="PLAN", nargs="*", help="Only these plans"),
                PLANS_FOLDER,
                OUTPUT,
            ),
            _verb("show", "Show a plan with all its defaults", "plans:show", PLAN, PLANS_FOLDER, OUTPUT),
            _verb(
                "graph",
                "Draw the order of a plan's waves",
                "plans:graph",
                PLAN,
                PLANS_FOLDER,
                Arg(("--format",), choices=("text", "mermaid", "dot"), default="text", help="Default: text"),
            ),
            _verb(
                "import",
                "Make plan files from the exports of another orchestrator, or from DRS's own recovery plans",
                "import_plans:import_files",
                *_IMPORT,
                OUTPUT,
            ),
        ),
    )


def _starting() -> tuple[ActionCommand, ...]:
    return (
        _verb(
            "drill",
            "Start a drill",
            "start:drill",
            PLAN,
            RUN_ID,
            *conf_args("DRILL"),
            *FOLLOWING,
            OUTPUT,
            *REMOTE,
        ),
        _verb(
            "recover",
            "Start a RECOVERY: the failover itself",
            "start:recover",
            PLAN,
            RUN_ID,
            *conf_args("RECOVERY"),
            *FOLLOWING,
            OUTPUT,
            *REMOTE,
        ),
        _verb(
            "preflight",
            "Check what would stop an execution now, and launch nothing",
            "start:preflight",
            PLAN,
            Arg(
                ("--type",),
                dest="execution_type",
                choices=("DRILL", "RECOVERY"),
                default="DRILL",
                help="Which execution to check for (default DRILL)",
            ),
            *conf_args(None, without=(DRY_RUN, "confirm_plan")),
            TIMEOUT,
            INTERVAL,
            OUTPUT,
            *REMOTE,
        ),
    )


def _looking() -> tuple[ActionCommand, ...]:
    return (
        _verb(
            "status",
            "Show an execution, or the newest executions of all plans",
            "status:status",
            MAYBE_RUN,
            Arg(("--limit",), type=int, default=10, help="How many executions to list (default 10)"),
            OUTPUT,
            *REMOTE,
        ),
        _verb(
            "watch",
            "Show an execution's progress until its end; Ctrl-C leaves it running",
            "status:watch",
            RUN,
            TIMEOUT,
            INTERVAL,
            OUTPUT,
            *REMOTE,
        ),
        _verb(
            "report",
            "Print or save the report of an execution that has ended",
            "report:report",
            RUN,
            Arg(("--format",), choices=("json", "html"), default="json", help="Default: json"),
            Arg(("-o", "--output"), metavar="FILE", help="File to write instead of standard output"),
            *REMOTE,
        ),
    )


def _answering() -> tuple[ActionCommand, ...]:
    return (
        _verb("approve", "Approve an open gate: its wave starts", "answer:approve", *ANSWER),
        _verb("reject", "Reject an open gate: the execution is CANCELLED", "answer:reject", *ANSWER),
        _verb("skip", "Leave out the wave behind an open gate", "answer:skip", *ANSWER),
        _verb(
            "verdict",
            "Judge a drill that holds before its cleanup",
            "answer:verdict",
            OPEN_RUN,
            Arg(("result",), choices=("passed", "failed"), help="What the tests showed"),
            Arg(("--notes",), metavar="TEXT", help="What was tested, what was seen"),
            OUTPUT,
            *REMOTE,
        ),
        _verb(
            "answer-step",
            "Answer what a step asks: what follows from its failure, or whether all is in order",
            "answer:answer_step",
            OPEN_RUN,
            Arg(
                ("answer",),
                choices=("retry", "accept", "fail", "confirm"),
                help="accept and confirm need a --comment",
            ),
            Arg(("--step",), metavar="STEP", help="Name of the step, if several ask"),
            Arg(("--wave",), metavar="WAVE", help="Name or number of its wave, if several ask"),
            COMMENT,
            TICKET,
            OUTPUT,
            *REMOTE,
        ),
    )


def _steering() -> tuple[ActionCommand, ...]:
    return (
        _verb(
            "pause",
            "Make a running execution wait for an approval before a wave",
            "steer:pause",
            OPEN_RUN,
            Arg(("wave",), metavar="WAVE", help="Name or number of the wave"),
            Arg(("--undo",), action="store_true", help="Take it back, before the gate is reached"),
            OUTPUT,
            *REMOTE,
        ),
        _verb(
            "cancel",
            "Stop an execution; a drill is cleaned up",
            "steer:cancel",
            OPEN_RUN,
            Arg(("--reason",), metavar="TEXT", help="Kept as the run's note"),
            YES,
            *FOLLOWING,
            OUTPUT,
            *REMOTE,
        ),
        _verb(
            "retry",
            "Run the waves again that did not complete, and what is behind them: the next attempt",
            "steer:retry",
            RUN,
            Arg(
                ("--waves",), action="extend", type=_names, metavar="WAVE[,WAVE…]", help="These waves instead"
            ),
            YES,
            *FOLLOWING,
            OUTPUT,
            *REMOTE,
        ),
        _verb(
            "sweep",
            "Close records of lost runs and find drill instances that were left behind",
            "sweep:sweep",
            *option_args(sweep_schema()),
            TIMEOUT,
            INTERVAL,
            OUTPUT,
            *REMOTE,
        ),
    )


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _verb(name: str, text: str, path: str, *args: Arg) -> ActionCommand:
    return ActionCommand(name=name, help=text, func=verb(path), args=args)
