"""Acts and their forms as the front end shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from drs_provider.rules.record.schema import without_empty

FieldType = Literal["text", "longtext", "choice", "number", "boolean", "datetime", "list"]


@dataclass(frozen=True)
class Field:
    """A field of a form.

    :param choices: values, or values by what they are called
    :param section: heading under which it stands
    """

    name: str
    label: str
    type: FieldType = "text"
    help: str = ""
    required: bool = False
    choices: Sequence[str] | Mapping[str, str] = ()
    default: Any = None
    section: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        choices: list[Any] = (
            [{"value": value, "label": label} for value, label in self.choices.items()]
            if isinstance(self.choices, Mapping)
            else list(self.choices)
        )
        return without_empty(
            {
                "name": self.name,
                "label": self.label,
                "help": self.help or None,
                "type": self.type,
                "required": self.required,
                "choices": choices or None,
                "default": self.default,
                "section": self.section or None,
            }
        )


@dataclass(frozen=True)
class Act:
    """What the caller may do now, or why not.

    :param confirmation: what will happen
    :param does_not_stop: what goes on nevertheless
    :param why: why it cannot be done, or who may
    """

    name: str
    label: str
    confirmation: str = ""
    does_not_stop: str = ""
    why: str = ""
    danger: bool = False
    fields: Sequence[Field] = field(default=())

    @property
    def allowed(self) -> bool:
        """Whether it can be done now."""
        return not self.why

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "name": self.name,
            "label": self.label,
            "confirmation": self.confirmation,
            "doesNotStop": self.does_not_stop,
            "allowed": self.allowed,
            "why": self.why,
            "danger": self.danger,
            "fields": [each.to_dict() for each in self.fields],
        }


def start_fields(params: Mapping[str, Mapping[str, Any]]) -> list[Field]:
    """Return the form of a DAG's params, as Airflow's API shows them."""
    return [_of_param(name, param) for name, param in params.items()]


def _of_param(name: str, param: Mapping[str, Any]) -> Field:
    schema = param.get("schema") or {}
    types = schema.get("type") or "string"
    types = types if isinstance(types, list) else [types]
    choices: Sequence[str] = schema.get("enum") or ()
    kind: FieldType = "text"
    if types == ["boolean"]:
        kind = "boolean"
    elif "array" in types:
        kind, choices = "list", (schema.get("items") or {}).get("enum") or ()
    elif choices:
        kind = "choice"
    elif schema.get("format") == "date-time":
        kind = "datetime"
    elif schema.get("format") == "multiline":
        kind = "longtext"
    return Field(
        name,
        str(schema.get("title") or name),
        kind,
        help=str(param.get("description") or "").replace("`", ""),
        required=name == "execution_type",
        choices=[str(each) for each in choices],
        default=param.get("value") or None,
        section=str(schema.get("section") or ""),
    )
