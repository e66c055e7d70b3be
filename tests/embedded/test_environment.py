from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
import yaml

from drs_provider import keys
from drs_provider.options import OPTIONS
from embedded.environment import (
    DAGS,
    PLUGINS,
    REPOSITORY,
    Paths,
    Ports,
    Secrets,
    airflow_environment,
    inherited,
    simulator_environment,
)
from embedded.needs import ACCOUNT, STANDARD_ROLES, Needs, dag_id_of
from embedded.processes import StackError
from embedded.stack import COMPONENTS, Stack

PORTS = Ports(api=8081, simulator=5101)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "drill")


def environment(paths: Paths, speed: float = 60.0, needs: Needs | None = None) -> dict[str, str]:
    needs = needs or Needs()
    return airflow_environment(paths, PORTS, Secrets.generate(needs.roles), needs, speed=speed)


def test_nothing_of_a_real_airflow_or_aws_account_is_inherited(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW_CONN_REAL",
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "PYTHONPATH",
    ):
        monkeypatch.setenv(name, "from outside")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "intranet.invalid")

    for given in (environment(paths), simulator_environment(), inherited()):
        assert "from outside" not in given.values()
        assert given["HTTPS_PROXY"] == "http://proxy.invalid:3128"
        assert given["NO_PROXY"] == "intranet.invalid,127.0.0.1,localhost"
    assert environment(paths)["AWS_EC2_METADATA_DISABLED"] == "true"


def test_airflow_runs_the_mounted_folders_in_a_home_of_its_own(paths: Paths) -> None:
    given = environment(paths)

    assert given["AIRFLOW__CORE__DAGS_FOLDER"] == str(DAGS)
    assert given["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(PLUGINS)
    assert given["AIRFLOW_HOME"] == str(paths.airflow_home)
    assert given["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{paths.airflow_home}/airflow.db"
    assert given["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"


def test_connections_lead_to_the_simulator_for_sts_too(paths: Paths) -> None:
    needs = Needs(connections={"aws_dr": ACCOUNT, "aws_other": "222233334444"})

    given = environment(paths, needs=needs)

    for name, account in needs.connections.items():
        connection = json.loads(given[f"AIRFLOW_CONN_{name.upper()}"])
        assert connection["login"] == f"AKIA{account}DRSS"
        assert connection["extra"]["endpoint_url"] == PORTS.simulator_url
        assert connection["extra"]["service_config"]["sts"]["endpoint_url"] == PORTS.simulator_url


@pytest.mark.parametrize("speed", [0.5, 60.0, 600.0])
def test_every_setting_of_the_package_is_known_and_valid(paths: Paths, speed: float) -> None:
    prefix = "AIRFLOW__DRS__"
    given = {
        name.removeprefix(prefix).lower(): value
        for name, value in environment(paths, speed).items()
        if name.startswith(prefix)
    }

    assert set(given) <= set(OPTIONS)
    assert len(given["signing_key"]) >= 32
    assert given["reports_path"] == paths.reports.as_uri()
    for name, value in given.items():
        if OPTIONS[name].type in ("float", "integer"):
            assert float(value) > 0, name


def test_airflow_refuses_run_ids_that_no_log_folder_can_be_called_by(paths: Paths, tmp_path: Path) -> None:
    pattern = environment(paths)["AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN"]
    longest = "x" * keys.MOST_RUN_ID
    assert re.match(pattern, longest)
    assert not re.match(pattern, longest + "x")
    (tmp_path / f"run_id={longest}").mkdir()
    with pytest.raises(OSError, match="too long"):
        (tmp_path / f"run_id={longest}x").mkdir()
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())["x-airflow"]["environment"]
    assert compose["AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN"].replace("$$", "$") == pattern


def test_secrets_are_new_each_time_and_hidden() -> None:
    first, second = Secrets.generate(STANDARD_ROLES), Secrets.generate(STANDARD_ROLES)

    for name in ("jwt", "session", "signing", "fernet"):
        assert getattr(first, name) != getattr(second, name)
        assert getattr(first, name) not in repr(first)
    assert set(first.passwords) == set(STANDARD_ROLES)
    assert len({*first.passwords.values(), *second.passwords.values()}) == 2 * len(STANDARD_ROLES)


def test_only_the_owner_reads_the_passwords(tmp_path: Path) -> None:
    file = tmp_path / "home" / "passwords.json"
    generated = Secrets.generate(STANDARD_ROLES)

    generated.write_passwords(file)

    assert json.loads(file.read_text()) == generated.passwords
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


PLAN = """
name: payroll
targets:
  main: {account_id: "333344445555", region: eu-west-1, connection: aws_payroll, own_account: true}
protection_groups: {all: {target: main, tags: {App: payroll}}}
recovery: {initiators: [paula], approvers: [peter]}
waves:
  - {name: everything, groups: [all], gate: {approvers: ["ann:marie", pia]}}
"""


def test_needs_follow_the_plans(tmp_path: Path) -> None:
    (tmp_path / "payroll.yaml").write_text(PLAN)
    (tmp_path / "broken.yaml").write_text("name: broken\nwaves: 7\n")

    needs = Needs.of(tmp_path)

    # A name with a colon cannot be told to Airflow's simple auth manager.
    assert needs.roles == STANDARD_ROLES | dict.fromkeys(("paula", "peter", "pia"), "user")
    assert needs.connections["aws_payroll"] == "333344445555"
    assert dag_id_of("payroll", tmp_path) == "drs_payroll"


def test_a_plan_that_is_missing_or_broken_is_told(tmp_path: Path) -> None:
    (tmp_path / "payroll.yaml").write_text(PLAN)
    (tmp_path / "broken.yaml").write_text("name: broken\nwaves: 7\n")

    with pytest.raises(StackError, match=r"no plan 'nope'(?s:.*): payroll$"):
        dag_id_of("nope", tmp_path)
    with pytest.raises(StackError, match=r"no plan 'broken'(?s:.*)broken\.yaml(?s:.*)waves"):
        dag_id_of("broken", tmp_path)


def test_components_wait_for_the_databases_lock_and_the_api_server_lets_go_of_it(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "drill")
    waits = {
        name: stack.environment_of(name)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].endswith(
            "airflow.db?timeout=60"
        )
        for name in COMPONENTS
    }
    assert waits == {"api-server": False, "scheduler": True, "dag-processor": True, "triggerer": True}
