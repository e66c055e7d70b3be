"""The bundle for Amazon MWAA: what it holds, where MWAA looks for it, and that its versions fit one another."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infrastructure import mwaa
from tests.contract.repository import REPOSITORY

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mwaa") / "bundle"
    mwaa.build(folder)
    return folder


def requirements(file: Path) -> dict[str, Requirement]:
    lines = file.read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("--")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def test_plugins_are_unpacked_as_they_are_mounted(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle / "plugins.zip") as archive:
        archive.extractall(tmp_path)
    unpacked = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    mounted = {path.relative_to(REPOSITORY / "plugins") for path in (REPOSITORY / "plugins").rglob("*.*")}
    assert unpacked == {path.as_posix() for path in mounted if path.suffix != ".pyc"}
    # Airflow would execute the package's modules by their bare names without it.
    assert "drs_provider/.airflowignore" in unpacked
    loaded = [sys.executable, "-W", "error", "-c", "import drs_provider; print(drs_provider.__file__)"]
    shown = subprocess.run(loaded, cwd=tmp_path, capture_output=True, text=True, check=True, env={}).stdout
    assert shown.strip() == str(tmp_path / "drs_provider" / "__init__.py")


def test_dag_files_and_plans_are_in_the_dags_folder(bundle: Path) -> None:
    dags = bundle / "dags"
    assert {path.name for path in dags.glob("*.py")} == {
        "recovery_plan_errors.py",
        "recovery_plans.py",
        "recovery_sweeper.py",
    }
    assert {path.name for path in (dags / "plans").glob("*.yaml")}
    assert not list(dags.rglob("__pycache__"))


def test_requirements_leave_airflow_alone_and_agree_with_the_constraints(bundle: Path) -> None:
    first, *_ = (bundle / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert first == '--constraint "/usr/local/airflow/dags/constraints.txt"'
    needed, pinned = (
        requirements(bundle / "requirements.txt"),
        requirements(bundle / "dags" / "constraints.txt"),
    )
    assert "apache-airflow" not in needed
    assert {"apache-airflow-providers-amazon", "boto3", "pydantic"} <= needed.keys()
    for name, requirement in needed.items():
        (pin,) = pinned[name].specifier
        assert requirement.specifier.contains(pin.version), name
    # pip refuses constraints with extras.
    assert not [name for name, pin in pinned.items() if pin.extras]


def test_the_same_sources_give_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    mwaa.build(tmp_path / "again")
    assert (tmp_path / "again" / "plugins.zip").read_bytes() == (bundle / "plugins.zip").read_bytes()
