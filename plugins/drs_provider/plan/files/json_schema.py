"""The JSON Schema of plan files, for editors; the published file is made by running this module."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from drs_provider.plan.fields import PlanModel
from drs_provider.plan.files.libraries import LIBRARY_FIELDS, PEOPLE
from drs_provider.plan.model import Library, Plan

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _PlanFileSchema(GenerateJsonSchema):
    """pydantic's schema without null: a field without a value is refused in plan files."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default is None or default in ((), {}) or not isinstance(default, str | int | bool):
            return inner
        return {**inner, "default": default} if "$ref" not in inner else inner


def plan_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of plan and library files.

    It knows fields, types, patterns and limits. What parts of a plan say about each other is checked when
    the plan is loaded.
    """
    schema = Plan.model_json_schema(schema_generator=_PlanFileSchema)
    library = Library.model_json_schema(schema_generator=_PlanFileSchema)
    people = {name: library["properties"][name] for name in PEOPLE}
    schema["properties"] |= people
    required = schema.pop("required")
    hold = schema["$defs"]["DrillRules"]["properties"]["hold"]
    schema["$defs"]["DrillRules"]["properties"]["hold"] = {
        "anyOf": [{"$ref": hold["$ref"]}, {"type": "boolean"}],
        "description": hold["description"],
    }
    _drop_titles(schema)
    _close_maps(schema)
    _describe_fields(schema, Plan)
    _describe_fields(schema, Library)
    for model in PlanModel.__subclasses__():
        _describe_fields(schema["$defs"].get(model.__name__, {}), model)
    return {
        "$schema": DIALECT,
        "title": "Recovery plan",
        **schema,
        "description": "A recovery plan, or a library with only targets, protection groups, teams and persons.",
        # A library needs no name and no waves; everything else is a plan.
        "if": {"propertyNames": {"enum": sorted(LIBRARY_FIELDS)}, "minProperties": 1},
        "then": {"anyOf": [{"required": [name]} for name in sorted(LIBRARY_FIELDS - {"schema_version"})]},
        "else": {"required": required, "properties": dict.fromkeys(PEOPLE, False)},
    }


def schema_text() -> str:
    """Return the published file's text."""
    return json.dumps(plan_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _drop_titles(schema: Any) -> None:
    """Remove the titles that pydantic makes of field names: editors show the description."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for value in schema.values():
            _drop_titles(value)
    elif isinstance(schema, list):
        for value in schema:
            _drop_titles(value)


def _describe_fields(schema: dict[str, Any], model: type[PlanModel]) -> None:
    """Put the descriptions back that pydantic drops from fields with a model as their default."""
    for name, field in model.model_fields.items():
        if (key := field.alias or name) in schema.get("properties", {}):
            schema["properties"][key]["description"] = field.description


def _close_maps(schema: Any) -> None:
    """Refuse keys of maps that do not match their pattern; pydantic leaves them open."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        for value in schema.values():
            _close_maps(value)
    elif isinstance(schema, list):
        for value in schema:
            _close_maps(value)


if __name__ == "__main__":
    sys.stdout.write(schema_text())
