"""Who may import whom, who makes AWS clients, and what parsing a DAG may load."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contract.repository import (
    DAGS,
    PACKAGE,
    PLUGINS,
    REPOSITORY,
    SIMULATOR,
    calls,
    imported_names,
    modules,
    pyproject,
)

pytestmark = pytest.mark.contract

#: The two distributions: folder with the pyproject.toml, package, what has to be on the path
PROVIDER = pytest.param(REPOSITORY, PACKAGE, [PLUGINS, REPOSITORY], id="provider")
OTHER = pytest.param(SIMULATOR, SIMULATOR / "drs_simulator", [SIMULATOR], id="simulator")
HEAVY = {
    "aiobotocore",
    "boto3",
    "botocore",
    "fastapi",
    "flask",
    "jinja2",
    "moto",
    "sqlalchemy",
    "airflow.api_fastapi",
    "airflow.models",
}
#: What every process of Airflow imports of this package: plugin, provider info, DAGs
DAG_MODULES = [
    "drs_provider.drs_plugin",
    "drs_provider.get_provider_info",
    "drs_provider.dag_factory.register",
]
STANDARD_CLIENT_MAKERS = {"client", "resource", "create_client"}
CLIENT_ROOM = "hooks"


@pytest.mark.parametrize(("folder", "_package", "path"), [PROVIDER, OTHER])
def test_imports_point_down(folder, _package, path):
    # In a process of its own: import-linter configures logging, which would switch off every logger there is.
    script = (
        "import sys; from importlinter.cli import lint_imports; "
        f"sys.exit(lint_imports({str(folder / 'pyproject.toml')!r}, no_cache=True))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_hooks_name_a_maker_of_aws_clients():
    makers = [
        f"{file.relative_to(PACKAGE)}:{call.lineno}"
        for file in modules()
        for call in calls(file)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in STANDARD_CLIENT_MAKERS
        and not ast.unparse(call.func.value).endswith("clients")
        and file.relative_to(PACKAGE).parts[0] != CLIENT_ROOM
    ]
    assert makers == []


def test_only_the_hooks_name_boto_sessions():
    named = {
        str(file.relative_to(PACKAGE))
        for file in modules()
        if any(
            re.match(r"(boto3|botocore|aiobotocore)(\.session)?$", name) or name.startswith("aiobotocore")
            for name in imported_names(file)
        )
    }
    assert {name.partition("/")[0] for name in named} == {CLIENT_ROOM}


@pytest.mark.parametrize("module", DAG_MODULES)
def test_parsing_a_dag_loads_nothing_heavy(module, tmp_path):
    code = (
        "import importlib, sys; from airflow.sdk import DAG, BaseOperator; before = set(sys.modules)\n"
        f"importlib.import_module({module!r}); print(sorted({HEAVY!r} & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PLUGINS), "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def third_party(names: set[str]) -> Iterator[str]:
    for name in names:
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("airflow", "drs_provider", "drs_simulator"):
            yield top


def declared_by(folder: Path) -> list[Requirement]:
    project = pyproject(folder)["project"]
    extras = project.get("optional-dependencies", {}).values()
    return [Requirement(text) for texts in (project["dependencies"], *extras) for text in texts]


@pytest.mark.parametrize(("folder", "package", "_path"), [PROVIDER, OTHER])
def test_every_library_that_the_package_imports_is_declared(folder, package, _path):
    declared = {requirement.name for requirement in declared_by(folder)}
    # What a declared extra or a declared package brings by contract
    declared |= {"aiobotocore", "botocore", "pydantic-core"}
    owners = importlib.metadata.packages_distributions()
    undeclared = {
        top
        for file in modules(package)
        for top in third_party(imported_names(file))
        if not {canonicalize_name(name) for name in owners[top]} & declared
    }
    assert undeclared == set()


def test_every_provider_that_the_package_imports_is_declared():
    declared = {Requirement(text).name for text in pyproject()["project"]["dependencies"]}
    providers = {
        match[1]
        for file in modules()
        for name in imported_names(file)
        if (match := re.match(r"airflow\.providers\.(\w+)", name))
    }
    assert {f"apache-airflow-providers-{name}" for name in providers} <= declared


@pytest.mark.parametrize("folder", [REPOSITORY, SIMULATOR])
def test_the_declared_ranges_admit_what_the_tests_run_with(folder):
    for requirement in declared_by(folder):
        version = importlib.metadata.version(requirement.name)
        assert requirement.specifier.contains(version), requirement


def test_no_module_is_called_like_one_of_the_standard_library():
    """A plugins folder without its .airflowignore is executed under the files' stems."""
    files = [*modules(), *DAGS.glob("*.py")]
    clashes = {str(file.relative_to(REPOSITORY)) for file in files if file.stem in sys.stdlib_module_names}
    assert clashes == set()
