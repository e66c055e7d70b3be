"""Every `[drs]` option is read, and no option is read or set that does not exist."""

from __future__ import annotations

import ast
import re

import pytest

from drs_provider import settings
from drs_provider.options import OPTIONS
from tests.contract.repository import DAGS, PACKAGE, REPOSITORY, calls, imported_names, modules

pytestmark = pytest.mark.contract

READERS = {"get", "get_bool", "get_int", "get_int_or_default", "get_seconds", "_number"}
TYPES = {"string": str, "integer": int, "float": float, "boolean": {"True": True, "False": False}.__getitem__}


def options_read() -> dict[str, set[str]]:
    """Option → the files that read it through `settings`."""
    read: dict[str, set[str]] = {}
    for file in [*modules(), *DAGS.glob("*.py")]:
        inside = file == PACKAGE / "settings.py"
        if not inside and "drs_provider.settings" not in imported_names(file):
            continue
        for call in calls(file):
            function = call.func
            if inside:
                reads = isinstance(function, ast.Name) and function.id in READERS
            else:
                reads = (
                    isinstance(function, ast.Attribute)
                    and function.attr in READERS
                    and isinstance(function.value, ast.Name)
                    and function.value.id == "settings"
                )
            if reads and call.args and isinstance(call.args[0], ast.Constant):
                read.setdefault(call.args[0].value, set()).add(file.name)
    return read


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_read(option):
    assert option in options_read()


def test_no_other_option_is_read():
    assert options_read().keys() <= OPTIONS.keys()


@pytest.mark.parametrize(
    "file", ["docker-compose.yaml", "docker/Dockerfile", "embedded/environment.py", "README.md"]
)
def test_no_other_option_is_set(file):
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    named = {name.lower() for name in re.findall(r"AIRFLOW__DRS__([A-Z_]+)", text)}
    assert named <= OPTIONS.keys()


@pytest.mark.parametrize(("name", "option"), OPTIONS.items())
def test_defaults_are_of_the_declared_type(name, option):
    if option.default:
        assert str(TYPES[option.type](option.default)) in (option.default, f"{option.default}.0")
    assert settings.get(name) == (option.default or "")


@pytest.mark.parametrize("option", OPTIONS)
def test_the_environment_sets_an_option_that_airflow_does_not_know(option, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW__DRS__{option.upper()}", "set here")
    assert settings.get(option) == "set here"


def test_only_the_signing_key_is_secret():
    assert [name for name, option in OPTIONS.items() if option.sensitive] == ["signing_key"]
