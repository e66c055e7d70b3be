"""Connections and targets against the scripted AWS and the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.clients import AwsClients, forget_clients
from drs_simulator.testing import drs_simulator, pytest_configure
from tests.hooks.scripted_aws import HUB_ACCOUNT, HUB_KEY, ScriptedAws

__all__ = ["drs_simulator", "pytest_configure"]

SESSION_NAME = "drs-0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def aws() -> Iterator[ScriptedAws]:
    scripted = ScriptedAws()
    yield scripted
    scripted.close()


@pytest.fixture(autouse=True)
def _fresh_clients() -> Iterator[None]:
    forget_clients()
    yield
    forget_clients()


@pytest.fixture
def set_connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Define an Airflow connection for the test."""

    def define(conn_id: str = "aws_dr", *, conn_type: str = "aws", **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": conn_type, **fields}))

    return define


@pytest.fixture
def connect(aws: ScriptedAws, set_connection: Callable[..., None]) -> Callable[..., None]:
    """Define the hub's connection to the scripted AWS; keyword arguments go into its extra."""

    def define(**extra: Any) -> None:
        endpoints = {"endpoint_url": aws.url, "service_config": {"sts": {"endpoint_url": aws.url}}}
        set_connection(login=HUB_KEY, password="secret-of-hub", extra={**endpoints, **extra})

    return define


@pytest.fixture
def connect_hub(drs_simulator: Any, set_connection: Callable[..., None]) -> Callable[..., None]:
    """Define the hub's connection to the simulator, with one try; keyword arguments go into its extra."""
    connection = drs_simulator.airflow_connection(HUB_ACCOUNT)
    once = {"config_kwargs": {"retries": {"mode": "standard", "max_attempts": 1}}}

    def define(**extra: Any) -> None:
        set_connection(**connection | {"extra": json.loads(connection["extra"]) | once | extra})

    return define


@pytest.fixture
def own() -> AwsTarget:
    return AwsTarget("main", "aws_dr", HUB_ACCOUNT, "eu-west-1", own_account=True)


@pytest.fixture
def remote() -> AwsTarget:
    return AwsTarget(
        "branch",
        "aws_dr",
        "222233334444",
        "eu-central-1",
        role="DRSOrchestrationRole",
        external_id="erp-dr-7f3a",
    )


@pytest.fixture
def own_clients(connect: Callable[..., None], own: AwsTarget) -> AwsClients:
    connect()
    return AwsClients(own, SESSION_NAME)
