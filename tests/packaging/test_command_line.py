"""`airflow drs` where the wheel is installed, and the same program where the folders are only mounted."""

from __future__ import annotations

import pytest

from tests.contract.repository import PLANS, PLUGINS

pytestmark = pytest.mark.contract

VALIDATE = ("plans", "validate", "--plans", str(PLANS))


def test_airflow_has_the_verbs_if_the_wheel_is_installed(installed, in_installed):
    assert "4 plans are good" in installed.airflow("drs", *VALIDATE)
    assert "Usage: airflow drs drill" in in_installed.airflow("drs", "drill", "--help").replace("\n", " ")


def test_mounted_the_program_is_called_by_its_module(mounted):
    program = mounted.with_(settings={"PYTHONPATH": str(PLUGINS)})
    assert "4 plans are good" in program.python("-m", "drs_provider.cli", *VALIDATE)
