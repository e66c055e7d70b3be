"""The wheel: what is in it, and what an Airflow with it installed shows."""

from __future__ import annotations

import json
import os
import subprocess
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
from tests.packaging.support import PIP

pytestmark = pytest.mark.contract

#: Versions of other people's installations that the ranges reach down to
OLDEST = {
    "apache-airflow": "3.3.0",
    "apache-airflow-providers-amazon": "9.22.0",
    "apache-airflow-providers-standard": "1.21.0",
    "boto3": "1.43.0",
    "pydantic": "2.11.0",
    "httpx": "0.27.0",
}
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
    page = {".css", ".html", ".js", ".sha256", ".txt"}
    assert {Path(name).suffix for name in files} == {".py", ".j2", ".sh", ".yaml", *page}


def test_the_wheel_holds_what_code_reads_as_files(contents):
    assert "drs_provider/report/templates/report.html.j2" in contents
    assert "react-dom" in contents["drs_provider/web/static/licenses.txt"]


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


@pytest.mark.parametrize(("there", "extras"), [({}, "[async,s3]"), (OLDEST, "")], ids=["lock", "oldest"])
def test_installing_it_changes_nothing_else(wheel, tmp_path, there, extras):
    """Pip itself resolves, offline, beside the lock's libraries and beside the oldest that people may have."""
    for name, version in there.items():
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
        )
    dry_run = [*PIP, "install", "--dry-run", "--no-index", "--report", "-", f"{wheel}{extras}"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(dry_run, env=environment, check=True, capture_output=True, text=True)
    changed = [each["metadata"]["name"] for each in json.loads(done.stdout)["install"]]
    assert changed == [PACKAGE_NAME]


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
