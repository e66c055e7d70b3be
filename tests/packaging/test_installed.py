"""The wheel: what is in it, and what an Airflow with it installed shows."""

from __future__ import annotations

import zipfile
from email.parser import Parser
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from drs_provider import __version__
from drs_provider.get_provider_info import PACKAGE_NAME
from drs_provider.options import OPTIONS
from tests.contract.repository import PACKAGE, PLUGINS, REPOSITORY
from tests.packaging import loading

pytestmark = pytest.mark.contract

SOURCE = f"{PACKAGE_NAME}=={__version__}: EntryPoint("


@pytest.fixture(scope="module")
def contents(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def dist_info(contents: dict[str, str], name: str) -> Any:
    (text,) = [text for path, text in contents.items() if path.endswith(f".dist-info/{name}")]
    return Parser().parsestr(text) if name == "METADATA" else text


def test_the_wheel_holds_the_package_and_nothing_else(contents):
    files = {
        file.relative_to(PLUGINS).as_posix()
        for file in PACKAGE.rglob("*")
        if file.is_file() and file.suffix != ".pyc" and file.name != ".airflowignore"
    }
    assert {name for name in contents if ".dist-info/" not in name} == files
    assert {Path(name).suffix for name in files} == {".py", ".j2", ".sh", ".yaml"}


def test_the_wheel_holds_what_code_reads_as_files(contents):
    assert "drs_provider/report/templates/report.html.j2" in contents


def test_the_wheel_carries_ranges_and_its_licence(contents):
    metadata = dist_info(contents, "METADATA")
    assert (metadata["Name"], metadata["Version"]) == (PACKAGE_NAME, __version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert dist_info(contents, "licenses/LICENSE") == (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    requirements = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    assert "apache-airflow" in {requirement.name for requirement in requirements}
    # These libraries pin botocore: an installation without them would have its boto3 replaced by an older one.
    always = [each for each in requirements if each.marker is None]
    assert not {"aiobotocore", "s3fs"} & {extra for each in always for extra in each.extras}
    assert metadata.get_all("Provides-Extra") == ["async", "s3"]
    for requirement in requirements:
        operators = {part.operator for part in requirement.specifier}
        assert operators, requirement
        assert operators <= {">=", "<"}, requirement


def test_it_shows_as_a_provider(in_installed):
    listed = {item["package_name"]: item for item in in_installed.airflow_json("providers", "list")}
    assert listed[PACKAGE_NAME]["version"] == __version__


def test_its_options_show_in_airflows_configuration(in_installed):
    printed = in_installed.airflow("config", "list", "--section", "drs", "--include-descriptions")
    shown = {line.removeprefix("# ").partition(" =")[0] for line in printed.splitlines() if " =" in line}
    assert shown == set(OPTIONS)


def test_there_are_no_import_errors(in_installed):
    assert in_installed.airflow_json("dags", "list-import-errors", "--local") == []


def test_airflow_plugins_lists_the_plugin_once(in_installed):
    listed = [plugin for plugin in in_installed.airflow_json("plugins") if plugin["name"] == "drs"]
    (source,) = [plugin["source"] for plugin in listed]
    assert source.startswith(SOURCE)


@pytest.mark.parametrize("loader", [loading.CORE, loading.SDK], ids=["core", "sdk"])
def test_installed_and_mounted_the_plugin_is_loaded_once(installed, site, loader):
    report = installed.with_(plugins_folder=PLUGINS).evaluate(loader + loading.REPORT)
    (source,) = report["sources"]
    assert source.startswith(SOURCE)
    assert (report["plugins"], report["errors"], report["by_stem"]) == (["drs"], {}, ["drs_plugin"])
    assert report["package"] == [str(site / "drs_provider" / "__init__.py")]


def test_the_tests_themselves_run_with_nothing_installed():
    """Else they would test some installed copy."""
    installed = {entry.value for entry in entry_points(group="airflow.plugins")}
    assert not [value for value in installed if value.startswith("drs_provider")]
