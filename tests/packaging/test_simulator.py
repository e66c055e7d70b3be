"""The simulator as a distribution of its own: what its wheel holds, and that it runs where nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from drs_simulator import __version__
from tests.contract.repository import REPOSITORY, SIMULATOR
from tests.packaging.support import PIP
from tests.simulator.support import printed_url, servers_in_the_branch

pytestmark = pytest.mark.contract

NAME = "drs-simulator"


@pytest.fixture(scope="module")
def metadata(simulator_wheel: Path):
    with zipfile.ZipFile(simulator_wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode("utf-8"))


@pytest.fixture(scope="module")
def python(simulator_wheel: Path, metadata, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and what it declares, but nothing else of this Python's libraries."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(site), str(simulator_wheel)], check=True)
    linked = {part for each in demanded(metadata.get_all("Requires-Dist")) for part in parts(each)}
    for part in linked:
        (site / part.name).symlink_to(part)
    return folder / "bin" / "python"


def demanded(requirements: list[str]) -> list[Distribution]:
    """What must be installed for these, with what that demands in turn; extras only where they are asked for."""
    found: dict[tuple[str, frozenset[str]], Distribution] = {}
    open_ = [Requirement(text) for text in requirements if "extra ==" not in text]
    while open_:
        one = open_.pop()
        key = (one.name.lower(), frozenset(one.extras))
        if key in found:
            continue
        found[key] = distribution(one.name)
        for text in found[key].requires or ():
            further = Requirement(text)
            if not further.marker or any(further.marker.evaluate({"extra": e}) for e in ("", *one.extras)):
                open_.append(further)
    return list(found.values())


def parts(installed: Distribution) -> Iterator[Path]:
    """The files and folders of a distribution right below its site-packages."""
    names = {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
    return (Path(str(installed.locate_file(name))) for name in names)


def run(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), *arguments],
        cwd=python.parent,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_holds_the_package_and_nothing_else(simulator_wheel):
    with zipfile.ZipFile(simulator_wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    folder = SIMULATOR / "drs_simulator"
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert names == {file.relative_to(SIMULATOR).as_posix() for file in files}
    assert {"scenarios/three_tier.yaml", "profiles/quick.yaml"} <= {
        file.relative_to(folder).as_posix() for file in files
    }


def test_the_wheel_demands_neither_airflow_nor_the_provider(metadata):
    assert (metadata["Name"], metadata["Version"]) == (NAME, __version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert (SIMULATOR / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    everything = {each.metadata["Name"].lower() for each in demanded(metadata.get_all("Requires-Dist"))}
    assert "moto" in everything
    assert not [name for name in everything if "airflow" in name or name == "pytest"]


def test_the_provider_has_no_part_of_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if "simulator" in name] == []
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        provider = Parser().parsestr(archive.read(name).decode("utf-8"))
    assert provider.get_all("Provides-Extra") == ["async", "s3"]
    assert not [
        text for text in provider.get_all("Requires-Dist") if Requirement(text).name in ("moto", NAME)
    ]


def test_the_program_serves_from_a_virtual_environment_of_its_own(python):
    assert run(python, "-m", "drs_simulator", "--version") == f"{NAME} {__version__}"
    command = [str(python), "-m", "drs_simulator", "--port", "0", "--scenario", "shop_two_regions"]
    with subprocess.Popen(
        command, cwd=python.parent, env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stdout is not None
            assert len(servers_in_the_branch(printed_url(program.stdout.readline()))) == 2
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=30) == 0


def test_it_runs_inside_a_program_without_pytest_and_without_airflow(python):
    code = """
import sys
from drs_simulator.running import in_process, simulator
for maker in (simulator, in_process):
    with maker("three_tier") as sim:
        assert sim.client("drs").describe_source_servers()["items"]
print(sys.modules["drs_simulator"].__file__)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"airflow", "drs_provider", "pytest"}))
"""
    origin, foreign = run(python, "-c", code).splitlines()
    assert Path(origin).is_relative_to(python.parents[1])
    assert foreign == "[]"


def test_the_tests_themselves_run_with_none_installed():
    """Else they would test some installed copy."""
    with pytest.raises(PackageNotFoundError):
        distribution(NAME)
