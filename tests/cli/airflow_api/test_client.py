"""Logging in, and what Airflow's refusals become: one line, a remedy, an exit code, never a secret."""

from __future__ import annotations

import io
import sys

import pytest

from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.cli.exit_codes import MEANINGS, epilog
from tests.cli.airflow_server import Refuse, new_run


def test_a_token_of_the_environment_is_enough(airflow, drs):
    airflow.add(new_run())
    assert drs("status", "CHG1").code == ExitCode.OK
    assert airflow.users == []


def test_a_token_is_read_from_a_file_and_from_standard_input(airflow, drs, monkeypatch, tmp_path):
    airflow.add(new_run())
    monkeypatch.delenv("AIRFLOW_CLI_TOKEN")
    file = tmp_path / "token"
    file.write_text("token-dr-operator-7\n")
    assert drs("status", "CHG1", "--token-file", str(file)).code == ExitCode.OK
    monkeypatch.setattr(sys, "stdin", io.StringIO("token-dr-operator-8\n"))
    assert drs("status", "CHG1", "--token-file", "-").code == ExitCode.OK


def test_a_password_gets_a_token_and_a_new_one_when_that_has_ended(airflow, drs, monkeypatch):
    airflow.add(new_run())
    monkeypatch.setenv("AIRFLOW_API_PASSWORD", "secret-1")
    airflow.tokens_end = True
    assert drs("status", "CHG1", "--username", "dr-operator").code == ExitCode.OK
    assert airflow.users == ["dr-operator", "dr-operator"]


@pytest.mark.parametrize(
    ("environment", "words", "code", "told"),
    [
        ({"AIRFLOW_CLI_TOKEN": ""}, [], ExitCode.NOT_ALLOWED, "AIRFLOW_CLI_TOKEN"),
        ({"AIRFLOW_CLI_TOKEN": "nonsense"}, [], ExitCode.NOT_ALLOWED, "get a new one"),
        (
            {"AIRFLOW_API_PASSWORD": "wrong-pw"},
            ["--username", "dr-operator"],
            ExitCode.NOT_ALLOWED,
            "password",
        ),
        ({}, ["--username", "dr-operator"], ExitCode.NOT_ALLOWED, "AIRFLOW_API_PASSWORD"),
        ({}, ["--token-file", "/nowhere/token"], ExitCode.REFUSED_INPUT, "/nowhere/token"),
        ({}, ["--url", "localhost:8080"], ExitCode.REFUSED_INPUT, "http://"),
        ({}, ["--url", "http://127.0.0.1:1"], ExitCode.UNREACHABLE, "cannot be reached"),
    ],
)
def test_what_keeps_people_out_is_told(airflow, drs, monkeypatch, environment, words, code, told):
    airflow.add(new_run())
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = drs("status", "CHG1", *words)
    assert done.code == code
    assert told in done.err
    assert done.err.count("\n") == 1
    assert "nonsense" not in done.err
    assert "wrong-pw" not in done.err
    assert done.out == ""


def test_without_an_address_the_command_says_where_to_put_it(airflow, drs, monkeypatch):
    from airflow.sdk.configuration import conf

    monkeypatch.delenv("AIRFLOW_API_URL")
    monkeypatch.setattr(type(conf), "get", lambda *_args, **_kwargs: "")
    done = drs("status")
    assert done.code == ExitCode.REFUSED_INPUT
    assert "AIRFLOW_API_URL" in done.err


@pytest.mark.parametrize(
    ("refusal", "code", "told"),
    [
        (Refuse(403, "Forbidden"), ExitCode.NOT_ALLOWED, "does not allow you this"),
        (
            Refuse(422, [{"loc": ["body", "conf"], "msg": "Field required"}]),
            ExitCode.REFUSED_INPUT,
            "body.conf: Field",
        ),
        (Refuse(400, {"reason": "bad", "more": "x"}), ExitCode.REFUSED_INPUT, "reason: bad"),
        (Refuse(500, "boom\nTraceback\x1b[31m"), ExitCode.ERROR, "API server's log"),
        (Refuse(503, "starting", {"Retry-After": "1"}), ExitCode.UNREACHABLE, "starting"),
        (
            Refuse(302, "moved", {"Location": "https://sso.example/login"}),
            ExitCode.UNREACHABLE,
            "redirects to",
        ),
    ],
)
def test_refusals_are_one_line_with_a_meaning(airflow, drs, refusal, code, told):
    def refuse(_method, path, _body):
        if "dagRuns/list" in path:
            raise refusal

    airflow.add_plan("erp")
    airflow.script = refuse
    done = drs("status")
    assert done.code == code
    assert told in done.err
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err


def test_a_web_server_that_is_not_airflow_is_told_as_one(airflow, drs):
    airflow.script = lambda *_: "<html>hello</html>"
    done = drs("status")
    assert done.code == ExitCode.UNREACHABLE
    assert "is not Airflow's API" in done.err


def test_every_exit_code_has_a_meaning_that_help_shows():
    assert set(MEANINGS) == set(ExitCode)
    for code in ExitCode:
        assert f"{code.value:>3}  {MEANINGS[code]}" in epilog()
