"""The verbs of evidence and their options."""

from __future__ import annotations

from airflow.cli.cli_config import Arg, GroupCommand

from drs_provider.cli.arguments import INTERVAL, OUTPUT, PLANS_FOLDER, REMOTE, RUN, TIMEOUT, command

_EXECUTION_ID = Arg(
    ("--execution-id",),
    metavar="ID",
    help="Of an execution that Airflow no longer has; RUN is then its plan",
)
_TEXT = Arg(("text",), metavar="TEXT", help="What you state; it cannot be changed afterwards")
_ADDING = (_EXECUTION_ID, TIMEOUT, INTERVAL, OUTPUT, *REMOTE)
NOTE = command(
    "note", "Add a note to an execution, also while it runs", "evidence:note", RUN, _TEXT, *_ADDING
)
STORE = Arg(
    ("--store",),
    metavar="URL",
    help="Folder with the evidence, file:// or s3://CONN@BUCKET/… (default: drs.reports_path of Airflow)",
)
_TABLES = Arg(
    ("-o", "--output"),
    choices=("table", "json", "yaml", "csv"),
    default="table",
    help="For people or for programs (default table)",
)
VERIFYING = (
    STORE,
    Arg(
        ("--key",),
        action="append",
        metavar="FILE",
        help="Public key (PEM) that signatures are proven with; may be given again, for older ones",
    ),
    Arg(("--head",), metavar="N:SHA256", help="Link that was kept elsewhere: shows that nothing was cut off"),
)


def evidence_group() -> GroupCommand:
    """Return the verbs of evidence."""
    return GroupCommand(
        name="evidence",
        help="Evidence: prove it, add findings and sign-offs",
        subcommands=(
            command(
                "verify",
                "Prove reports, statements and their chain from the files and the public key alone",
                "evidence:verify",
                *VERIFYING,
                OUTPUT,
            ),
            command(
                "history",
                "List what was run and tested, oldest first, from the evidence store alone",
                "coverage:history",
                Arg(("--plan",), metavar="PLAN", help="Only this plan"),
                STORE,
                _TABLES,
            ),
            command(
                "coverage",
                "Tell what drills have shown, and what none has tried; exit code 1 if there are gaps",
                "coverage:show_coverage",
                Arg(
                    ("--ask-aws",),
                    action="store_true",
                    help="Ask DRS which servers exist and no drill has tried",
                ),
                PLANS_FOLDER,
                STORE,
                _TABLES,
            ),
            command(
                "timeline",
                "Print what people, product and AWS did in an execution, in one order",
                "coverage:timeline",
                Arg(
                    ("execution",),
                    metavar="PLAN[/EXECUTION_ID]",
                    help="An execution in the evidence store (default: the plan's newest)",
                ),
                Arg(
                    ("--format",), choices=("markdown", "json"), default="markdown", help="Default: markdown"
                ),
                STORE,
            ),
            command("key", "Print the public key that proves the evidence", "evidence:key", OUTPUT),
            command(
                "finding",
                "Add a finding: what has to be put right, by whom, until when",
                "evidence:finding",
                RUN,
                _TEXT,
                Arg(("--owner",), metavar="NAME", required=True, help="Who deals with it"),
                Arg(("--due",), metavar="YYYY-MM-DD", required=True, help="Until when"),
                *_ADDING,
            ),
            command(
                "close",
                "Close a finding",
                "evidence:close_finding",
                RUN,
                Arg(("finding",), metavar="NUMBER", type=int, help="Number of the finding's statement"),
                _TEXT,
                *_ADDING,
            ),
            command(
                "sign-off",
                "Sign an execution off, in your own name",
                "evidence:sign_off",
                RUN,
                Arg(("result",), choices=("passed", "failed"), help="Whether it proved what it was to prove"),
                _TEXT,
                *_ADDING,
            ),
            command(
                "link",
                "Add the links that are missing in the chain",
                "evidence:link",
                TIMEOUT,
                INTERVAL,
                OUTPUT,
                *REMOTE,
            ),
        ),
    )
