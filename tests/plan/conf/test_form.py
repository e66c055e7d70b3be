from __future__ import annotations

import json

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from drs_provider.plan.conf.parsing import RunConf, params_schema, parse_run_conf
from tests.plan.plan_files import DB_1, make_plan, plan_data

PLAN = make_plan()
PIT = "pit-1111111111111111a"


@pytest.fixture
def params():
    return {name: Param(**spec) for name, spec in params_schema(PLAN).items()}


def test_every_parameter_has_its_place_in_the_form():
    schema = params_schema(PLAN)
    assert set(schema) == set(RunConf.model_fields)
    for spec in schema.values():
        assert spec["title"]
        assert spec["description"]
        assert spec["section"]
        assert spec["type"]
    assert next(iter(schema)) == "execution_type"
    assert json.loads(json.dumps(schema)) == schema


def test_what_the_untouched_form_sends_is_what_nothing_means(params):
    sent = {name: param.resolve() for name, param in params.items()}
    assert parse_run_conf(sent, PLAN) == parse_run_conf({}, PLAN)


def test_cleanup_shows_the_plans_value():
    data = plan_data()
    data["drill"]["cleanup"] = "keep"
    assert params_schema(make_plan(data))["cleanup"]["default"] == "keep"


def test_waves_are_offered_by_name(params):
    assert params["waves"].schema["examples"] == ["database", "application", "web"]
    assert params["pause_before"].schema["examples"] == ["database", "application", "web", "all"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("execution_type", "RECOVERY"),
        ("waves", ["web"]),
        ("waves", None),
        ("pause_before", "all"),
        ("pause_before", ["all"]),
        ("incident_time", "2026-06-01T11:30:00+02:00"),
        ("incident_time", "2026-06-01T11:30:00.000Z"),
        ("snapshots", {DB_1: PIT}),
        ("snapshots", "2026-06-01T11:30:00Z"),
        ("replace_live_instances", [DB_1]),
        ("confirm_plan", "erp"),
        ("reason", "two\nlines"),
    ],
)
def test_good_values_pass_airflows_check(params, name, value):
    assert params[name].resolve(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("execution_type", "BOGUS"),
        ("waves", ["other"]),
        ("waves", [9]),
        ("dry_run", "true"),
        ("snapshots", {DB_1: "latest"}),
        ("replace_live_instances", ["s-1"]),
        ("cleanup", "maybe"),
        ("incident_time", "yesterday"),
    ],
)
def test_bad_values_fail_airflows_check(params, name, value):
    with pytest.raises(ParamValidationError):
        params[name].resolve(value)
