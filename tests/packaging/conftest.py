from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.repository import REPOSITORY, SIMULATOR
from tests.packaging.support import COMMANDS, PIP, Commands, Installation, built


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AIRFLOW_HOME with a database, for all tests of this folder: they only read it."""
    home = tmp_path_factory.mktemp("airflow-home")
    Installation(home, plugins_folder=home / "plugins", dags_folder=home / "dags").airflow("db", "migrate")
    return home


@pytest.fixture(scope="session")
def mounted(airflow_home: Path) -> Installation:
    """`dags/` and `plugins/` as Airflow's folders, nothing installed."""
    return Installation(airflow_home)


@pytest.fixture(scope="module")
def in_mounted(mounted: Installation) -> Iterator[Commands]:
    """Airflow's commands where the folders are mounted."""
    with mounted.loaded(COMMANDS) as evaluate:
        yield Commands(evaluate)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The provider's wheel, built with the build backend of this Python."""
    return built(REPOSITORY, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def simulator_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulator's wheel, built from its folder alone."""
    return built(SIMULATOR, tmp_path_factory.mktemp("simulator-wheel"))


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(folder), str(wheel)], check=True)
    return folder


@pytest.fixture(scope="session")
def installed(airflow_home: Path, site: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel installed, the DAG file mounted, the plugins folder empty."""
    return Installation(airflow_home, plugins_folder=tmp_path_factory.mktemp("plugins"), site=site)


@pytest.fixture(scope="session")
def in_installed(installed: Installation) -> Iterator[Commands]:
    """Airflow's commands where the wheel is installed."""
    with installed.loaded(COMMANDS) as evaluate:
        yield Commands(evaluate)
