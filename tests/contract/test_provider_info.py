"""What Airflow's provider manager reads of the distribution: a mistake in it breaks all of Airflow, not just us."""

from __future__ import annotations

import importlib
import json
import pkgutil
from importlib.metadata import EntryPoint
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow import providers_manager
from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink, BaseSensorOperator
from airflow.triggers.base import BaseTrigger
from packaging.utils import canonicalize_name

from drs_provider import __version__
from drs_provider.get_provider_info import get_provider_info
from drs_provider.options import OPTIONS
from tests.contract.repository import PACKAGE, REPOSITORY, pyproject

pytestmark = pytest.mark.contract

INFO = get_provider_info()
KINDS = {"hooks": BaseHook, "operators": BaseOperator, "sensors": BaseSensorOperator, "triggers": BaseTrigger}


def listed_modules(kind: str) -> list[str]:
    return [module for integration in INFO[kind] for module in integration["python-modules"]]


def test_it_is_valid_against_airflows_schema():
    schema_file = Path(airflow.__file__).parent / "provider_info.schema.json"
    jsonschema.validate(INFO, json.loads(schema_file.read_text(encoding="utf-8")))


def test_its_package_name_is_the_canonical_name_of_the_distribution():
    assert INFO["package-name"] == canonicalize_name(pyproject()["project"]["name"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_listed_module_defines_a_class_of_its_kind(kind):
    for name in listed_modules(kind):
        module = importlib.import_module(name)
        own = [
            item
            for item in vars(module).values()
            if isinstance(item, type) and issubclass(item, KINDS[kind]) and item.__module__ == name
        ]
        assert own, f"{name} defines no {KINDS[kind].__name__}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_of_a_kind_is_listed(kind):
    listed = set(listed_modules(kind))
    for module_info in pkgutil.iter_modules([str(PACKAGE / kind)], f"drs_provider.{kind}."):
        module = importlib.import_module(module_info.name)
        named_for_users = [
            name
            for name, item in vars(module).items()
            if isinstance(item, type)
            and issubclass(item, KINDS[kind])
            and item.__module__ == module_info.name
            and name.startswith("Drs")
        ]
        assert (module_info.name in listed) == bool(named_for_users), module_info.name


def test_every_listed_integration_is_declared():
    declared = {integration["integration-name"] for integration in INFO["integrations"]}
    assert {item["integration-name"] for kind in KINDS for item in INFO[kind]} <= declared


def test_every_extra_link_is_one():
    for name in INFO["extra-links"]:
        assert issubclass(pkgutil.resolve_name(name), BaseOperatorLink), name


def test_no_connection_type_is_registered_beside_aws():
    assert not {"connection-types", "hook-class-names"} & INFO.keys()


def test_plugins_are_not_declared_because_airflow_does_not_load_them_from_here():
    assert "plugins" not in INFO


def test_its_options_are_the_packages_options():
    (section,) = INFO["config"]
    declared = INFO["config"][section]["options"]
    assert section == "drs"
    assert list(declared) == list(OPTIONS)
    for name, option in OPTIONS.items():
        for field in ("type", "default", "description", "example", "sensitive"):
            assert declared[name][field] == getattr(option, field), (name, field)


def test_one_version_for_package_provider_info_distribution_and_changelog():
    project = pyproject()
    assert project["project"]["dynamic"] == ["version"]
    assert REPOSITORY / project["tool"]["hatch"]["version"]["path"] == PACKAGE / "__init__.py"
    assert INFO["versions"][0] == __version__
    headings = [
        line
        for line in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## [")
    ]
    released = [heading for heading in headings if not heading.startswith("## [Unreleased]")]
    assert released[0].startswith(f"## [{__version__}]")


@pytest.mark.parametrize("group", ["apache_airflow_provider", "airflow.plugins"])
def test_the_entry_points_lead_somewhere(group):
    entries = pyproject()["project"]["entry-points"][group]
    for name, value in entries.items():
        assert callable(EntryPoint(name, value, group).load())


def test_airflow_takes_the_command_line_and_the_links():
    """It passes over what does not look as if it were its own, if the distribution's name says that it is."""
    for path in (*INFO["cli"], *INFO["extra-links"]):
        assert providers_manager._correctness_check(INFO["package-name"], path, None) is not None, path
