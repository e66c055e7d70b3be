"""The options: generated from the run configuration's schema, read strictly, loaded with next to nothing."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator

import pytest
from airflow.cli.cli_config import ActionCommand, GroupCommand

from drs_provider.cli.__main__ import build_parser
from drs_provider.cli.conf_options import given_conf, schema, sweep_schema
from drs_provider.cli.definition import get_drs_cli_commands
from tests.contract.repository import PLUGINS

VERBS = {
    "doctor",
    "answer-step",
    "drill", "recover", "preflight", "status", "watch", "report", "approve", "reject", "skip", "verdict", "pause",
    "cancel", "retry", "clean-up", "extend", "sweep", "plans list", "plans validate", "plans show", "plans estimate",
    "plans graph", "plans import",
    "plans runbook", "whoami",
    "evidence close", "evidence coverage", "evidence finding", "evidence history",
    "evidence key", "evidence link", "evidence sign-off", "evidence timeline", "evidence verify",
    "note",
}  # fmt: skip
RECOVERY_ONLY = {name for name, spec in schema().items() if spec["section"] == "Only for a RECOVERY"}
DRILL_ONLY = {name for name, spec in schema().items() if spec["section"] == "Only for a DRILL"}
EVERYBODY = set(schema()) - RECOVERY_ONLY - DRILL_ONLY - {"execution_type"}


def verbs(command, prefix: str = "") -> Iterator[tuple[str, ActionCommand]]:
    for each in command.subcommands:
        if isinstance(each, GroupCommand):
            yield from verbs(each, f"{each.name} ")
        else:
            yield prefix + each.name, each


def parsed(*words: str) -> argparse.Namespace:
    return build_parser("airflow drs").parse_args(words)


def conf_of(*words: str) -> dict[str, object]:
    return given_conf(parsed(*words))


def options_of(*words: str) -> set[str]:
    return {name.removeprefix("conf_") for name in vars(parsed(*words)) if name.startswith("conf_")}


def test_airflow_gets_one_group_with_all_verbs():
    (group,) = get_drs_cli_commands()
    assert group.name == "drs"
    assert {name for name, _ in verbs(group)} == VERBS


def test_every_parameter_of_the_run_configuration_is_an_option_where_it_makes_sense():
    assert RECOVERY_ONLY
    assert DRILL_ONLY
    assert options_of("drill", "erp") == EVERYBODY | DRILL_ONLY
    assert options_of("recover", "erp") == EVERYBODY | RECOVERY_ONLY
    assert options_of("preflight", "erp") == set(schema()) - {"execution_type", "dry_run", "confirm_plan"}
    assert options_of("sweep") == set(sweep_schema())


def test_what_is_not_given_is_not_sent():
    for verb in ("drill", "recover", "preflight"):
        assert conf_of(verb, "erp") == {}


def test_options_become_the_values_that_airflow_checks():
    words = ["--waves", "database,web", "--waves", "jobs", "--pause-before", "all", "--reason", "a, b = c"]
    words += ["--dry-run", "--cleanup", "keep", "--snapshots", "s-1=pit-1, s-2=pit-2"]
    assert conf_of("drill", "erp", *words) == {
        "waves": ["database", "web", "jobs"],
        "pause_before": ["all"],
        "reason": "a, b = c",
        "dry_run": True,
        "cleanup": "keep",
        "snapshots": {"s-1": "pit-1", "s-2": "pit-2"},
    }


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("latest", "latest"),
        ("2026-03-01T14:30:00Z", "2026-03-01T14:30:00Z"),
        ('{"s-1": "pit-1"}', {"s-1": "pit-1"}),
    ],
)
def test_points_in_time(given, value):
    assert conf_of("recover", "erp", "--snapshots", given) == {"snapshots": value}


@pytest.mark.parametrize(
    "words",
    [
        ["drill"],
        ["drill", "erp", "--source-state", "lost"],
        ["drill", "erp", "--cleanup", "maybe"],
        ["recover", "erp", "--skip-gates"],
        ["drill", "erp", "--waves", "a,,b"],
        ["drill", "erp", "--snapshots", "s-1="],
        ["drill", "erp", "--snapshots", "{"],
        ["drill", "erp", "--timeout", "5"],
        ["verdict", "erp", "maybe"],
        ["plans"],
        ["explode"],
    ],
)
def test_wrong_command_lines_are_refused_in_one_line(words, capsys):
    with pytest.raises(SystemExit) as end:
        parsed(*words)
    printed = capsys.readouterr()
    assert end.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert "--help" in printed.err


@pytest.mark.parametrize("name", sorted(VERBS))
def test_help_of_every_verb_is_whole(name, capsys):
    with pytest.raises(SystemExit) as end:
        parsed(*name.split(), "--help")
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert "Usage: airflow drs" in text
    # What formatters take for markup would be missing: no double space within a sentence.
    assert "  base_url" not in text
    assert "[drs]" not in text


def test_definitions_load_next_to_nothing_beside_airflows_own_command_line():
    code = """
import sys
import airflow.cli.cli_config, airflow.providers_manager
before = set(sys.modules)
from drs_provider.cli.definition import get_drs_cli_commands
get_drs_cli_commands()
heavy = ("boto3", "botocore", "aiobotocore", "httpx", "jinja2", "fastapi", "sqlalchemy.orm", "moto", "rich.live")
print([name for name in heavy if name in set(sys.modules) - before])
print([name for name in sys.modules if name.startswith("drs_provider.cli.commands.")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PLUGINS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-2:] == ["[]", "[]"]
