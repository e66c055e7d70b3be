from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from drs_provider.plan.files.json_schema import plan_json_schema, schema_text
from drs_provider.plan.model import Library, Plan
from tests.plan.plan_files import BRANCH, MAIN, SAMPLE_FOLDER, plan_data, small_plan

PUBLISHED = Path(__file__).parents[3] / "schemas" / "recovery-plan.schema.json"


@pytest.fixture(scope="module")
def validator():
    schema = plan_json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_published_file_is_the_generated_schema():
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(
    "data",
    [
        plan_data(),
        small_plan(),
        small_plan(drill={"hold": False}),
        {"targets": {"main": MAIN}},
        {"schema_version": 1, "protection_groups": {"a": {"target": "main", "tags": {"A": "b"}}}},
        {"teams": {"storage": ["alice"]}, "persons": {"Alice A.": ["alice", "assumed-role/Ops"]}},
    ],
)
def test_good_files_fit(validator, data):
    assert list(validator.iter_errors(data)) == []


def samples():
    return sorted(SAMPLE_FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.stem)
def test_samples_fit_and_name_the_schema(validator, path):
    text = path.read_text(encoding="utf-8")
    data = json.loads(json.dumps(yaml.safe_load(text), default=str))
    assert list(validator.iter_errors(data)) == []
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == PUBLISHED


@pytest.mark.parametrize(
    "change",
    [
        {"titel": "x"},
        {"name": "With Blank"},
        {"waves": []},
        {"waves": [{"name": "x"}]},
        {"drill": None},
        {"priority": "10"},
        {"targets": {"main": {**MAIN, "role": "X"}}},
        {"targets": {"main": {**BRANCH, "account_id": "1"}}},
        {"targets": {"a b": MAIN}},
        {"protection_groups": {"all": {"target": "main"}}},
        {"schedule": {"cron": "0 3 * * 6", "exclude": [{"from": "2026-12-19"}]}},
        {"schema_version": 2},
        {"teams": {"storage": ["alice"]}},
    ],
)
def test_bad_files_do_not_fit(validator, change):
    assert list(validator.iter_errors(small_plan(**change)))


@pytest.mark.parametrize(
    "data", [{}, {"name": "x"}, {"schema_version": 1}, {"waves": []}, {"teams": {"a": []}}]
)
def test_files_that_are_neither_plan_nor_library(validator, data):
    assert list(validator.iter_errors(data))


def test_every_field_has_a_description_for_editors():
    schema = plan_json_schema()
    fields = {f"Plan.{name}": field for name, field in schema["properties"].items()}
    for model, definition in schema["$defs"].items():
        assert model == "JsonValue" or definition["description"]
        for name, field in definition.get("properties", {}).items():
            fields[f"{model}.{name}"] = field
    assert len(fields) > 50
    assert [name for name, field in fields.items() if not field.get("description")] == []


def test_schema_knows_every_field_of_the_model():
    fields = {**Plan.model_fields, **Library.model_fields}
    expected = {field.alias or name for name, field in fields.items()}
    assert set(plan_json_schema()["properties"]) == expected
