"""docker-compose.yaml as far as it can be judged without a docker engine."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from drs_provider.plan.files.folder import load_catalog
from drs_simulator.testing import simulator
from embedded.environment import REPOSITORY, SCENARIOS
from embedded.needs import STANDARD_ROLES, Needs

COMPOSE = REPOSITORY / "docker-compose.yaml"
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)([^}]*)\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text()))


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_component_has_the_same_settings_and_mounts(compose: dict[str, Any], component: str) -> None:
    service, common = compose["services"][component], compose["x-airflow"]

    assert service["environment"].items() >= common["environment"].items()
    assert "./dags:/opt/airflow/dags:ro" in service["volumes"]
    assert "./plugins:/opt/airflow/plugins:ro" in service["volumes"]
    assert service["volumes"] == common["volumes"]
    assert service["depends_on"]["init"] == {"condition": "service_completed_successfully"}


def test_components_run_airflow_and_tell_their_health(compose: dict[str, Any]) -> None:
    services = compose["services"]

    assert {name: services[name]["command"] for name in COMPONENTS} == {
        "api-server": "api-server",
        "scheduler": "scheduler",
        "dag-processor": "dag-processor",
        "triggerer": "triggerer",
        "worker": "celery worker",
    }
    for name in (*COMPONENTS, "postgres", "redis", "simulator"):
        assert services[name]["healthcheck"]["test"], name


def test_the_simulator_is_mounted_where_it_runs_from(compose: dict[str, Any]) -> None:
    service = compose["services"]["simulator"]
    (mount,) = service["volumes"]
    source, target, mode = mount.split(":")

    assert mode == "ro"
    assert service["environment"] == {"PYTHONPATH": target}
    assert service["entrypoint"][:2] == ["python", "-m"]
    assert (REPOSITORY / source / service["entrypoint"][2] / "__main__.py").is_file()
    # Else simulated time runs ahead of Airflow's, and recovery times mean nothing.
    assert "--idle-speed=1" in service["command"]


def test_the_simulator_has_every_account_and_service_that_the_sample_plans_name(
    compose: dict[str, Any],
) -> None:
    (scenario,) = (
        each.partition("=")[2]
        for each in compose["services"]["simulator"]["command"]
        if each.startswith("--scenario=")
    )
    world = yaml.safe_load((SCENARIOS / f"{scenario}.yaml").read_text())
    loaded = load_catalog(REPOSITORY / "dags" / "plans")

    assert loaded.plans
    for name, each in loaded.plans.items():
        for target in each.plan.targets.values():
            assert target.region in world["accounts"][target.account_id]["regions"], name
    # What steps of the samples call
    assert world["services"] == yaml.safe_load((SCENARIOS / "three_tier.yaml").read_text())["services"]


def test_the_file_is_valid_and_an_unknown_field_would_be_seen(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("    healthcheck:", "    healthchek:", 1))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    assert subprocess.run([*command, str(COMPOSE)], capture_output=True, check=False).returncode == 0
    checked = subprocess.run([*command, str(wrong)], capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "healthchek" in checked.stdout


def test_there_are_two_triggerers_and_workers_that_scale(compose: dict[str, Any]) -> None:
    for name in ("triggerer", "worker"):
        service = compose["services"][name]
        assert service["deploy"]["replicas"] >= 2
        # A second one could not start with either.
        assert not {"container_name", "ports", "hostname"} & service.keys()


def test_every_image_is_pinned_and_airflow_is_that_of_the_lock(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values()}
    lock = (REPOSITORY / "requirements.txt").read_text()
    dockerfile = (REPOSITORY / "docker" / "Dockerfile").read_text()
    version = re.search(r"^apache-airflow==(\S+)", lock, re.M)

    assert version is not None
    assert f"FROM apache/airflow:{version[1]}-python3.11\n" in dockerfile
    assert f"drs-airflow:{version[1]}" in images
    assert all(re.search(r":\d", image) for image in images)


def test_no_secret_has_a_default_and_the_generator_makes_all_of_them() -> None:
    required = {name for name, rest in VARIABLE.findall(COMPOSE.read_text()) if rest.startswith(":?")}
    optional = {name: rest for name, rest in VARIABLE.findall(COMPOSE.read_text()) if name not in required}
    script = REPOSITORY / "docker" / "make_env.py"
    outputs = [
        subprocess.run([sys.executable, str(script)], check=True, capture_output=True, text=True).stdout
        for _ in "ab"
    ]
    first, second = (dict(line.split("=", 1) for line in output.splitlines()) for output in outputs)

    assert set(first) == required
    assert all(first[name] != second[name] for name in required)
    assert all(re.fullmatch(r"[\w=-]+", value) for value in first.values())
    assert all(rest == ":-" for name, rest in optional.items() if re.search("PASSWORD|SECRET|KEY", name))
    printed = subprocess.run(
        [sys.executable, str(script), "--rehearsal"], check=True, capture_output=True, text=True
    )
    rehearsal = dict(line.split("=", 1) for line in printed.stdout.splitlines())
    assert required < set(rehearsal) <= required | set(optional)


def test_a_password_that_begins_with_a_dash_is_no_option(compose: dict[str, Any]) -> None:
    (script,) = compose["services"]["init"]["command"]
    assert '--password="$${ADMIN_PASSWORD}"' in script


def rehearsal_module() -> Any:
    spec = importlib.util.spec_from_file_location("rehearsal", REPOSITORY / "docker" / "rehearsal.py")
    assert spec is not None
    assert spec.loader is not None
    rehearsal = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rehearsal)
    return rehearsal


def test_bucket_and_table_may_be_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__REPORTS_PATH", "s3://aws_dr@drs-reports/reports")
    monkeypatch.setenv("AIRFLOW__DRS__HISTORY_TABLE", "history")
    rehearsal = rehearsal_module()
    with simulator("three_tier") as aws:
        for _ in "ab":
            rehearsal.make_bucket(aws.url)
            rehearsal.make_table(aws.url)
        locked = aws.client("s3").get_object_lock_configuration(Bucket="drs-reports")
    assert locked["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"] == 1


def test_everybody_whom_the_sample_plans_name_can_log_in(compose: dict[str, Any]) -> None:
    service = compose["services"]["rehearsal"]
    rehearsal = rehearsal_module()
    named = set(Needs.of(REPOSITORY / "dags" / "plans").roles) - set(STANDARD_ROLES)

    assert named
    assert set(rehearsal.PEOPLE) == named
    assert set(rehearsal.PEOPLE.values()) <= set(service["environment"])
    assert service["profiles"] == compose["services"]["simulator"]["profiles"]


def test_settings_are_known_to_the_package(compose: dict[str, Any]) -> None:
    from drs_provider.options import OPTIONS

    names = compose["x-airflow"]["environment"]
    settings = {
        name.removeprefix("AIRFLOW__DRS__").lower() for name in names if name.startswith("AIRFLOW__DRS__")
    }

    assert settings
    assert settings <= set(OPTIONS)


def test_lock_pins_everything_and_names_no_machine() -> None:
    text = (REPOSITORY / "requirements.txt").read_text()
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    wanted = [
        Requirement(line)
        for line in (REPOSITORY / "requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    locked = {pin.name.lower(): pin for pin in map(Requirement, pins)}

    assert all(str(pin.specifier).startswith("==") for pin in locked.values())
    assert {each.name.lower() for each in wanted} <= set(locked)
    for each in wanted:
        version = str(locked[each.name.lower()].specifier).removeprefix("==")
        assert each.specifier.contains(version), each
    assert not re.search(r"https?://|file:|--(extra-)?index|@ ", text)
