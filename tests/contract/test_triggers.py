"""Every trigger survives being stored: Airflow makes it again from its path and its arguments."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from typing import Any

import pytest
from airflow._shared.module_loading import import_string
from airflow.models.trigger import Trigger
from airflow.triggers.base import BaseTrigger

import drs_provider.triggers
from tests.rules.rule_builders import wave

pytestmark = pytest.mark.contract

#: Arguments of every trigger class by its name, none at its default
ARGUMENTS: dict[str, dict[str, Any]] = {
    "DrsRunEndTrigger": {"dag_id": "drs_wiki", "run_id": "drs__1", "poll_interval_seconds": 10.0},
    "DrsRecoveryTrigger": {
        "wave": wave().model_dump(mode="json"),
        "started": {
            "attempt": 1,
            "jobs": [{"jobId": "drsjob-1111111111111111a", "attempt": 1, "servers": ["s-1111111111111111a"]}],
            "startedAt": 1800000000.25,
            "deadline": 1800005400.25,
        },
        "memory": {"not_found_since": 1800000010.5},
        "execution_id": "0b2f6a62-9d2e-5f0e-8f1f-3d5a8a1a2b3c",
        "plan_id": "erp_three_tier",
        "execution_type": "DRILL",
        "attempt": 2,
        "poll_interval_seconds": 7.5,
        "may_end_task": True,
    },
    "DrsStepTrigger": {
        "step": {"name": "port", "kind": "tcp", "is_check": True, "settings": {"port": 1}, "networks": None},
        "subjects": [{"key": "s-1111111111111111a", "name": "db", "values": {"private_ip": "10.0.0.4"}}],
        "target": {
            "name": "main",
            "connection": "aws_dr",
            "account_id": "111122223333",
            "region": "eu-west-1",
        },
        "execution_id": "0b2f6a62-9d2e-5f0e-8f1f-3d5a8a1a2b3c",
        "deadline": 1800003600.25,
        "handles": {"s-1111111111111111a": "11111111-2222-3333-4444-555555555555"},
    },
    "DrsDoctorTrigger": {
        "targets": [
            {"name": "main", "connection": "aws_dr", "account_id": "111122223333", "region": "eu-west-1"}
        ],
        "session_name": "drs-doctor",
    },
    "DrsGateTrigger": {
        "ti_id": "01a21d43-b58f-75ee-9725-c1310cc16b9c",
        "deadline": 1800003600.25,
        "not_before": 1800000008.5,
        "closing": "Reject",
        "turn_at": 1800001800.25,
    },
}
ARGUMENTS["DrsJobTrigger"] = ARGUMENTS["DrsRecoveryTrigger"]


def trigger_classes() -> dict[str, type[BaseTrigger]]:
    found: dict[str, type[BaseTrigger]] = {}
    for module_info in pkgutil.walk_packages(drs_provider.triggers.__path__, "drs_provider.triggers."):
        module = importlib.import_module(module_info.name)
        for name, item in vars(module).items():
            if (
                isinstance(item, type)
                and issubclass(item, BaseTrigger)
                and item.__module__ == module_info.name
            ):
                found[name] = item
    return found


CLASSES = trigger_classes()


def test_every_trigger_is_tested_here():
    assert CLASSES.keys() == ARGUMENTS.keys()


@pytest.fixture(params=CLASSES)
def trigger(request: pytest.FixtureRequest) -> BaseTrigger:
    return CLASSES[request.param](**ARGUMENTS[request.param])


def test_a_trigger_is_made_again_from_what_is_stored(trigger):
    stored = Trigger.from_object(trigger)
    again = import_string(stored.classpath)(**stored.kwargs)
    assert type(again) is type(trigger)
    assert again.serialize() == trigger.serialize()


def test_every_argument_is_stored(trigger):
    _, arguments = trigger.serialize()
    assert arguments == ARGUMENTS[type(trigger).__name__]
    assert arguments.keys() == inspect.signature(type(trigger).__init__).parameters.keys() - {"self"}


def test_arguments_are_plain_json(trigger):
    _, arguments = trigger.serialize()
    assert json.loads(json.dumps(arguments, allow_nan=False)) == arguments


def test_making_a_trigger_raises_nothing_whatever_is_stored(trigger):
    """An error other than TypeError in __init__ stops the whole triggerer, again after each restart."""
    assert type(trigger)(**dict.fromkeys(ARGUMENTS[type(trigger).__name__]))
