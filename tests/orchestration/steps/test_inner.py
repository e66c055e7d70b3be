"""Operators as steps: only those that the installation lists."""

from __future__ import annotations

import pytest
from airflow.providers.standard.operators.bash import BashOperator

from drs_provider.exceptions import DrsConfigurationError, DrsFailError
from drs_provider.orchestration.steps.inner import build_operator
from drs_provider.rules.steps.results import Subject
from tests.steps_aws import frozen_step

BASH = "airflow.providers.standard.operators.bash.BashOperator"
SERVER = Subject("s", "db", {"private_ip": "10.0.0.4"})


def step(operator=BASH, **arguments):
    return frozen_step({"run": "operator", "name": "mend", "operator": operator, "arguments": arguments})


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    paths = f"{BASH}, airflow.providers.standard.operators.bash.Missing,no.such.Operator, json.loads"
    monkeypatch.setenv("AIRFLOW__DRS__STEP_OPERATORS", paths)


def test_a_listed_operator_is_built_with_its_arguments_filled():
    made = build_operator(
        step(bash_command="ping {private_ip}; echo ${HOME}", params={"a": 1}),
        SERVER,
        {"waveName": "database"},
    )
    assert type(made) is BashOperator
    assert (made.task_id, made.bash_command) == ("mend", "ping 10.0.0.4; echo ${HOME}")
    assert made.params.dump() == {"a": 1, "drs": {"waveName": "database"}}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("airflow.providers.standard.operators.empty.EmptyOperator", "is not in [drs] step_operators"),
        ("airflow.providers.standard.operators.bash.Missing", "cannot be imported"),
        ("no.such.Operator", "cannot be imported"),
        ("json.loads", "is no operator"),
    ],
)
def test_any_other_is_refused(path, problem):
    with pytest.raises(DrsConfigurationError) as caught:
        build_operator(step(path), SERVER, {})
    assert problem in str(caught.value)
    assert path in str(caught.value)


def test_arguments_that_it_does_not_take_are_told():
    with pytest.raises(DrsFailError, match=r"does not take the step's arguments(?s:.*)unheard_of"):
        build_operator(step(bash_command="true", unheard_of=1), SERVER, {})
