"""The verbs and their options, as Airflow's command line reads them from the provider info."""

from __future__ import annotations

import argparse

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

from drs_provider.cli.arguments import (
    ANSWER,
    COMMENT,
    EMERGENCY,
    FOLLOWING,
    HOW_MUCH_LONGER,
    INTERVAL,
    MAYBE_RUN,
    OPEN_RUN,
    OUTPUT,
    PLAN,
    PLANS_FOLDER,
    REMOTE,
    RUN,
    RUN_ID,
    STATE,
    TICKET,
    TIMEOUT,
    YES,
    command,
)
from drs_provider.cli.conf_options import DRY_RUN, conf_args, option_args, runbook_schema, sweep_schema
from drs_provider.cli.evidence_definition import NOTE, VERIFYING, evidence_group
from drs_provider.cli.exit_codes import epilog

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
            subcommands=(
                plans_group(),
                NOTE,
                *_starting(),
                *_looking(),
                *_answering(),
                *_steering(),
                evidence_group(),
            ),
            epilog=epilog(),
        )
    ]


def plans_group() -> GroupCommand:
    """Return the verbs for plan files; but for estimates and states, they need no Airflow that runs."""
    return GroupCommand(
        name="plans",
        help="Plan files: list, check, show, draw, write as a runbook, import",
        subcommands=(
            command(
                "list",
                "List the plans of a folder, or what those of Airflow are now",
                "plans:list_plans",
                STATE,
                PLANS_FOLDER,
                OUTPUT,
                *REMOTE,
            ),
            command(
                "validate",
                "Tell everything that is wrong with plan files; exit code 2 if something is",
                "plans:validate",
                Arg(("names",), metavar="PLAN", nargs="*", help="Only these plans"),
                PLANS_FOLDER,
                OUTPUT,
            ),
            command(
                "show",
                "Show a plan with all its defaults, or what it is now",
                "plans:show",
                PLAN,
                STATE,
                PLANS_FOLDER,
                OUTPUT,
                *REMOTE,
            ),
            command(
                "graph",
                "Draw the order of a plan's waves",
                "plans:graph",
                PLAN,
                PLANS_FOLDER,
                Arg(("--format",), choices=("text", "mermaid", "dot"), default="text", help="Default: text"),
            ),
            command(
                "estimate",
                "Tell how long the next execution will take, wave by wave, and what decides it",
                "estimate:estimate",
                PLAN,
                Arg(
                    ("--type",),
                    dest="execution_type",
                    choices=("DRILL", "RECOVERY"),
                    default="DRILL",
                    help="Which execution (default DRILL)",
                ),
                Arg(
                    ("--wave-factor",),
                    action="append",
                    type=wave_factor,
                    metavar="WAVE=FACTOR",
                    help="What if this wave (its number) took so many times as long; may be given again",
                ),
                Arg(
                    ("--profile",),
                    action="store_true",
                    help="From the plan's file and documented times only; no Airflow is asked",
                ),
                PLANS_FOLDER,
                OUTPUT,
                *REMOTE,
            ),
            command(
                "runbook",
                "Write a plan down for the night without Airflow: a page, and a script for the aws command line",
                "runbook:runbook",
                PLAN,
                PLANS_FOLDER,
                Arg(
                    ("--to",), metavar="FOLDER", default=".", help="Folder for the files (default: this one)"
                ),
                Arg(
                    ("--type",),
                    dest="execution_type",
                    choices=("DRILL", "RECOVERY"),
                    default="RECOVERY",
                    help="What the script does (default RECOVERY); writing it starts nothing",
                ),
                *option_args(runbook_schema()),
                OUTPUT,
            ),
            command(
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
        command(
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
        command(
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
        command(
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
        command(
            "whoami",
            "Print the name that a plan's lists must contain to mean you",
            "whoami:whoami",
            OUTPUT,
            *REMOTE,
        ),
        command(
            "status",
            "Show an execution, or the newest executions of all plans",
            "status:status",
            MAYBE_RUN,
            Arg(("--limit",), type=int, default=10, help="How many executions to list (default 10)"),
            OUTPUT,
            *REMOTE,
        ),
        command(
            "watch",
            "Show an execution's progress until its end; Ctrl-C leaves it running",
            "status:watch",
            RUN,
            TIMEOUT,
            INTERVAL,
            OUTPUT,
            *REMOTE,
        ),
        command(
            "doctor",
            "Check this installation, and say what to do",
            "doctor:doctor",
            Arg(("--notify",), action="store_true", help="Send each plan's notifications a test message"),
            TIMEOUT,
            INTERVAL,
            OUTPUT,
            *REMOTE,
        ),
        command(
            "report",
            "Print or save the report of an execution that has ended; `report verify`: prove all evidence",
            "report:report",
            RUN,
            Arg(("--format",), choices=("json", "html"), default="json", help="Default: json"),
            Arg(("-o", "--output"), metavar="FILE", help="File to write instead of standard output"),
            *VERIFYING,
            *REMOTE,
        ),
    )


def _answering() -> tuple[ActionCommand, ...]:
    return (
        command("approve", "Approve an open gate: its wave starts", "answer:approve", EMERGENCY, *ANSWER),
        command("reject", "Reject an open gate: the execution is CANCELLED", "answer:reject", *ANSWER),
        command("skip", "Leave out the wave behind an open gate", "answer:skip", *ANSWER),
        command(
            "verdict",
            "Judge a drill that holds before its cleanup",
            "answer:verdict",
            OPEN_RUN,
            Arg(("result",), choices=("passed", "failed"), help="What the tests showed"),
            Arg(("--notes",), metavar="TEXT", help="What was tested, what was seen"),
            OUTPUT,
            *REMOTE,
        ),
        command(
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
        command(
            "pause",
            "Make a running execution wait for an approval before a wave",
            "steer:pause",
            OPEN_RUN,
            Arg(("wave",), metavar="WAVE", help="Name or number of the wave"),
            Arg(("--undo",), action="store_true", help="Take it back, before the gate is reached"),
            OUTPUT,
            *REMOTE,
        ),
        command(
            "extend",
            "Let a drill that holds before its cleanup hold longer",
            "steer:extend",
            OPEN_RUN,
            HOW_MUCH_LONGER,
            OUTPUT,
            *REMOTE,
        ),
        command(
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
        command(
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
        command(
            "clean-up",
            "Clean up again after a drill that has left instances; nothing else of it runs again",
            "steer:clean_up",
            RUN,
            YES,
            *FOLLOWING,
            OUTPUT,
            *REMOTE,
        ),
        command(
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


def wave_factor(text: str) -> tuple[int, float]:
    """Read ``2=1.5``: a wave's number and how many times as long it takes.

    :raises ArgumentTypeError: if it is no such text
    """
    number, _, factor = text.partition("=")
    try:
        told = int(number), float(factor)
    except ValueError:
        told = 0, 0.0
    if told[0] < 1 or not 0 < told[1] < 1_000:
        raise argparse.ArgumentTypeError(f"`{text}` is no wave's number with a factor, such as 2=1.5")
    return told


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]
