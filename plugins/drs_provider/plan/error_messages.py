"""pydantic's validation errors, told to the author of a plan."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from drs_provider.core.texts import shown
from drs_provider.plan.fields import PATTERN_HINTS
from drs_provider.plan.problems import Parts, did_you_mean, quoted_list
from drs_provider.plan.references import REFERENCES_ERROR, Finding
from drs_provider.plan.steps.kinds import BY_TAG

Told = tuple[str, str]
"""Message and remedy."""


def told_errors(
    error: ValidationError, model: type[BaseModel], raw_of: Callable[[Parts], str | None] = lambda _: None
) -> Iterator[tuple[Parts, str, str]]:
    """Yield field path, message and remedy of each error, faults between parts of a plan left out.

    :param model: the model that was validated
    :param raw_of: the text in the file of a value that YAML did not read as text
    """
    details = [detail for detail in error.errors(include_url=False) if detail["type"] != REFERENCES_ERROR]
    for detail in details:
        if detail["type"] == "too_short" and _has_inner(detail["loc"], details):
            continue  # pydantic counts only the valid entries of a list
        located = tuple(part for part in detail["loc"] if part != "[key]")
        parts = tuple(part for part in located if part not in BY_TAG)
        message, remedy = _tell(detail, located, model, raw_of(parts))
        yield parts, message, remedy


def refused_references(error: ValidationError) -> list[Finding]:
    """Return the faults between the parts of a plan that a validation error names."""
    details = error.errors(include_url=False)
    return [
        item for detail in details if detail["type"] == REFERENCES_ERROR for item in detail["ctx"]["findings"]
    ]


def _has_inner(location: Parts, details: Sequence[ErrorDetails]) -> bool:
    return any(
        len(other["loc"]) > len(location) and other["loc"][: len(location)] == location for other in details
    )


def _tell(detail: ErrorDetails, parts: Parts, model: type[BaseModel], raw: str | None) -> Told:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "refused":
        return context["message"], context["remedy"]
    if kind == "missing":
        return f"`{parts[-1]}` is missing", _how_to_add(parts, model)
    if kind == "extra_forbidden":
        return _unknown_field(parts, model)
    if kind == "string_pattern_mismatch" and context["pattern"] in PATTERN_HINTS:
        what, remedy = PATTERN_HINTS[context["pattern"]]
        return f"`{shown(value, 80)}` is not {what}" if value else f"the text is empty, not {what}", remedy
    if kind == "literal_error":
        return _not_one_of(context["expected"], value)
    if kind in _WRONG_FORM:
        return _wrong_form(kind, value, raw)
    return _out_of_bounds(kind, context, value) or (
        f"{detail['msg']}: `{shown(value)}`",
        "correct the value",
    )


def _unknown_field(parts: Parts, model: type[BaseModel]) -> Told:
    name = str(parts[-1])
    if len(parts) == 1 and name in ("teams", "persons"):
        return (
            f"`{name}` stand in a library, not in a plan",
            "move them into a file with nothing but targets, protection_groups, teams and persons",
        )
    known = list(_fields_at(parts[:-1], model))
    where = f"the fields here are {quoted_list(known)}" if known else "remove it"
    return f"unknown field `{name}`", did_you_mean(name, known, where)


def _how_to_add(parts: Parts, model: type[BaseModel]) -> str:
    field = _fields_at(parts[:-1], model).get(str(parts[-1]))
    return f"add it: {field.description.rstrip('.')}" if field and field.description else "add it"


def _fields_at(parts: Parts, model: type[BaseModel]) -> dict[str, FieldInfo]:
    current: Any = model
    for part in parts:
        if part in BY_TAG:
            current = BY_TAG[str(part)]
            continue
        current = _plain_type(current)
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = _fields_of(current)[str(part)].annotation
        elif get_origin(current) in (dict, tuple):
            current = get_args(current)[1 if get_origin(current) is dict else 0]
    current = _plain_type(current)
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return {}
    return _fields_of(current)


def _fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _plain_type(annotation: Any) -> Any:
    """Return the type inside ``Annotated`` and ``| None``."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation


def _not_one_of(expected: str, value: Any) -> Told:
    choices = [word.strip("'") for part in expected.split(", ") for word in part.split(" or ")]
    remedy = f"use {quoted_list(choices)}" if len(choices) > 1 else f"use {choices[0]}"
    if isinstance(value, str):
        remedy = did_you_mean(value, choices, remedy)
    return f"{describe(value)} is not {'allowed' if len(choices) == 1 else 'one of the choices'} here", remedy


_WRONG_FORM: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
    "invalid-json-value": "text, a number, true, false, a list or a mapping",
}
"""pydantic error type → what the value must be."""


def _wrong_form(kind: str, value: Any, raw: str | None) -> Told:
    wanted = _WRONG_FORM[kind]
    if kind == "string_type" and isinstance(value, bool) and raw is not None:
        return f"YAML reads `{raw}` as {str(value).lower()}, not as text", f'put it in quotes: "{raw}"'
    message = f"it must be {wanted}, not {describe(value)}"
    if kind in ("string_type", "invalid-json-value") and raw and not isinstance(value, list | dict):
        return message, f'put it in quotes: "{raw}"'
    if kind == "int_type" and isinstance(value, str):
        return message, "write the number without quotes and without a unit"
    if kind == "bool_type":
        return message, "write true or false, without quotes"
    if kind == "tuple_type":
        return message, "write a list: [first, second]"
    return message, f"write {wanted}"


def describe(value: Any) -> str:
    """Return what a value is, for the end of "must be text, not …"."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}" if abs(value) < 1e20 else "a huge number"
    if isinstance(value, str):
        return f"the text `{shown(value, 80)}`"
    if isinstance(value, date):
        return f"the date {value}"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, Sequence) else f"a {type(value).__name__}"


def _out_of_bounds(kind: str, context: Mapping[str, Any], value: Any) -> Told | None:
    match kind:
        case "greater_than_equal":
            return f"{value} is too small", f"use at least {context['ge']}"
        case "less_than_equal":
            return f"{describe(value)} is too large", f"use at most {context['le']}"
        case "string_too_long":
            return (
                f"the text is longer than {context['max_length']} characters",
                f"use at most {context['max_length']} characters",
            )
        case "string_too_short":
            return "the text is empty", "write something"
        case "too_short":
            return "it is empty", f"it needs at least {context['min_length']} entry"
        case "too_long":
            return "it has too many entries", f"use at most {context['max_length']}"
        case "string_unicode":
            return "the text holds characters that are not Unicode", "remove them"
    return None


def empty_fields(data: Any, parts: Parts = ()) -> Iterator[Parts]:
    """Yield the places of fields without a value (``gate:``), notifier arguments left out.

    An empty field is refused, because its author may have meant the default or an empty list.
    """
    if len(parts) == 4 and parts[0] == "notifications" and parts[2] == "args":
        return
    if data is None:
        yield parts
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from empty_fields(value, (*parts, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from empty_fields(value, (*parts, index))


def told_empty(parts: Parts) -> Told:
    """Return message and remedy for a field without a value."""
    name = parts[-1]
    if isinstance(name, int):
        return "the entry has no value", "write it, or remove its line"
    if "tags" in parts[-2:-1]:
        return f"tag `{name}` has no value", f'write `{name}: ""` for a tag with an empty value, or remove it'
    return f"`{name}` has no value", "give it one, or remove it"
