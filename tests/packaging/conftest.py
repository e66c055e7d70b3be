from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.repository import REPOSITORY
from tests.packaging.support import Installation


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AIRFLOW_HOME with a database, for all tests of this folder: they only read it."""
    home = tmp_path_factory.mktemp("airflow-home")
    Installation(home, plugins_folder=home / "plugins", dags_folder=home / "dags").airflow("db", "migrate")
    return home


@pytest.fixture
def mounted(airflow_home: Path) -> Installation:
    """`dags/` and `plugins/` as Airflow's folders, nothing installed."""
    return Installation(airflow_home)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the build backend of this Python."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(folder)]
    subprocess.run([*pip, "wheel", str(REPOSITORY), *options], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder), str(wheel)], check=True)
    return folder


@pytest.fixture
def installed(airflow_home: Path, site: Path, tmp_path: Path) -> Installation:
    """The wheel installed, the DAG file mounted, the plugins folder empty."""
    empty = tmp_path / "plugins"
    empty.mkdir()
    return Installation(airflow_home, plugins_folder=empty, site=site)
