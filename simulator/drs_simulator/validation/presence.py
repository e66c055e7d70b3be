"""Check of an object, and all below it, against the table of the members due in each state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from botocore.model import Shape

from drs_simulator.validation.checks import check_type
from drs_simulator.validation.model import shape
from drs_simulator.validation.presence_rule import Condition, PresenceRule, Values
from drs_simulator.validation.presence_table import PRESENCE_RULES
from drs_simulator.validation.violations import Check, Violation, shown
from drs_simulator.validation.walker import Place, children

_MISSING = object()
_NOTHING: Mapping[str, Any] = MappingProxyType({})

_RULES_BY_SHAPE: dict[str, tuple[PresenceRule, ...]] = {
    name: tuple(rule for rule in PRESENCE_RULES if rule.shape == name)
    for name in {rule.shape for rule in PRESENCE_RULES}
}


def check_presence(shape_name: str, obj: Any, *, operation: str = "") -> list[Violation]:
    """Every rule of PRESENCE_RULES that `obj`, of that shape, or an object inside it breaks.

    Values of a wrong type are passed over: `validate_response` names them. Raises botocore's
    NoShapeFoundError for a name that the model does not have.
    """
    return list(_walk(shape(shape_name), obj, Place(operation), _NOTHING))


def _walk(node: Shape, value: Any, place: Place, ancestors: Mapping[str, Any]) -> Iterator[Violation]:
    if check_type(node, value) is not None:
        return
    for rule in _RULES_BY_SHAPE.get(node.name, ()):
        if all(_holds(condition, values, value, ancestors) for condition, values in rule.when.items()):
            for path, message in _faults(rule, value):
                yield Violation(Check.PRESENCE, place.operation, _joined(place.path, path), message)
    inside = {**ancestors, node.name: value} if node.type_name == "structure" else ancestors
    for child_shape, child, child_place in children(node, value, place):
        yield from _walk(child_shape, child, child_place, inside)


def _holds(condition: str, values: Values, obj: Any, ancestors: Mapping[str, Any]) -> bool:
    owner, _, rest = condition.partition(".")
    # Shapes begin with a capital, members never do.
    found = _look_up(ancestors.get(owner, _NOTHING), rest) if owner[0].isupper() else _look_up(obj, condition)
    if values is Condition.PRESENT:
        return found is not _MISSING
    return isinstance(values, tuple) and found in values


def _faults(rule: PresenceRule, obj: Any) -> Iterator[tuple[str, str]]:
    for path, message in (*_presence_faults(rule, obj), *_value_faults(rule, obj)):
        yield path, f"{message} ({_state(rule)})"


def _presence_faults(rule: PresenceRule, obj: Any) -> Iterator[tuple[str, str]]:
    for path in (*rule.present, *rule.not_empty):
        if _look_up(obj, path) is _MISSING:
            yield path, "must be present"
    for path in rule.absent:
        if _look_up(obj, path) is not _MISSING:
            yield path, "must be absent"


def _value_faults(rule: PresenceRule, obj: Any) -> Iterator[tuple[str, str]]:
    for path in rule.not_empty:
        if _look_up(obj, path) in ([], {}, ""):
            yield path, "must not be empty"
    for path, allowed in rule.values.items():
        if (value := _look_up(obj, path)) is not _MISSING and value not in allowed:
            yield path, f"{shown(value)} is not one of {allowed}"
    for left, right in rule.equal:
        if _look_up(obj, left) != _look_up(obj, right):
            yield left, f"must equal {right}"


def _state(rule: PresenceRule) -> str:
    parts = [
        f"{name} present" if isinstance(values, Condition) else f"{name} in {values}"
        for name, values in rule.when.items()
    ]
    return " and ".join(parts) or "in every state"


def _look_up(obj: Any, dotted: str) -> Any:
    for name in dotted.split("."):
        if not isinstance(obj, Mapping) or name not in obj:
            return _MISSING
        obj = obj[name]
    return obj


def _joined(path: str, member: str) -> str:
    return f"{path}.{member}" if path else member
