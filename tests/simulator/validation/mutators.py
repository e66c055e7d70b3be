"""Systematic damage to known-good answers: each mutator knows which check must notice it.

The walk over the model here is not the validator's own, so that a hole there is no hole here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import botocore.session

from drs_simulator.validation import Check
from tests.simulator.validation.samples import SAMPLES, SUCCESSES, Sample

MODEL = botocore.session.get_session().get_service_model("drs", "2020-02-26")
DROP = object()

Path = tuple[Any, ...]


@dataclass(frozen=True)
class Node:
    """A value inside a sample, with its shape."""

    sample: Sample
    path: Path
    shape: Any
    value: Any

    def replaced(self, value: Any, *below: Any) -> Sample:
        """The sample with this value, or the one below it, replaced or dropped."""
        path = (*self.path, *below)
        if not path:
            return Sample(**vars(self.sample) | {"body": value})
        body = deepcopy(self.sample.body)
        parent: Any = body
        for key in path[:-1]:
            parent = parent[key]
        if value is DROP:
            del parent[path[-1]]
        else:
            parent[path[-1]] = value
        return Sample(**vars(self.sample) | {"body": body})


@dataclass(frozen=True)
class Mutant:
    mutator: str
    check: Check
    sample: Sample
    where: str

    def __str__(self) -> str:
        return f"{self.mutator}({self.sample.name} {self.where})"


def output_of(sample: Sample) -> Any:
    if sample.error_code is not None:
        return MODEL.shape_for_error_code(sample.error_code)
    return MODEL.operation_model(sample.operation).output_shape


def nodes(sample: Sample) -> Iterator[Node]:
    shape = output_of(sample)
    if shape is not None:
        yield from _nodes(sample, (), shape, sample.body)


def _nodes(sample: Sample, path: Path, shape: Any, value: Any) -> Iterator[Node]:
    yield Node(sample, path, shape, value)
    if shape.type_name == "structure":
        for name in value.keys() & shape.members.keys():
            yield from _nodes(sample, (*path, name), shape.members[name], value[name])
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from _nodes(sample, (*path, index), shape.member, item)
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _nodes(sample, (*path, key), shape.value, item)


NodeMutator = Callable[[Node], Iterator[Sample]]
NODE_MUTATORS: dict[str, tuple[Check, NodeMutator]] = {}


def node_mutator(check: Check) -> Callable[[NodeMutator], NodeMutator]:
    def register(function: NodeMutator) -> NodeMutator:
        NODE_MUTATORS[function.__name__] = (check, function)
        return function

    return register


def is_text(node: Node) -> bool:
    return node.shape.type_name == "string"


def is_number(node: Node) -> bool:
    return node.shape.type_name in ("integer", "long")


@node_mutator(Check.REQUIRED)
def required_member_dropped(node: Node) -> Iterator[Sample]:
    for name in node.shape.metadata.get("required", []):
        yield node.replaced(DROP, name)


@node_mutator(Check.TYPE)
def other_json_type(node: Node) -> Iterator[Sample]:
    own = "boolean" if isinstance(node.value, bool) else type(node.value).__name__
    for kind, value in {"str": "text", "int": 7, "boolean": True, "dict": {"a": "b"}, "list": ["a"]}.items():
        if kind != own and node.path:
            yield node.replaced(value)


@node_mutator(Check.TYPE)
def null(node: Node) -> Iterator[Sample]:
    if node.path:
        yield node.replaced(None)


@node_mutator(Check.TYPE)
def number_as_float_or_text(node: Node) -> Iterator[Sample]:
    if is_number(node):
        yield node.replaced(float(node.value))
        yield node.replaced(str(node.value))


@node_mutator(Check.UNKNOWN)
def extra_member(node: Node) -> Iterator[Sample]:
    if node.shape.type_name == "structure":
        yield node.replaced("x", "surprise")


@node_mutator(Check.UNKNOWN)
def member_name_in_other_case(node: Node) -> Iterator[Sample]:
    if node.shape.type_name == "structure":
        for name in node.value:
            renamed = {(key.upper() if key == name else key): value for key, value in node.value.items()}
            yield node.replaced(renamed)


@node_mutator(Check.ENUM)
def value_outside_enum(node: Node) -> Iterator[Sample]:
    if is_text(node) and node.shape.enum:
        for value in ("NO_SUCH_VALUE", node.value.lower() + "x", node.value + "\n", ""):
            yield node.replaced(value)


@node_mutator(Check.PATTERN)
def pattern_broken(node: Node) -> Iterator[Sample]:
    if is_text(node) and "pattern" in node.shape.metadata and node.value:
        yield node.replaced("~" + node.value[1:])
        yield node.replaced(node.value[:-1] + "\n")


@node_mutator(Check.PATTERN)
def trailing_newline(node: Node) -> Iterator[Sample]:
    # AccountID's pattern has ".*" at both ends, but "." takes no newline either.
    if is_text(node) and "pattern" in node.shape.metadata:
        yield node.replaced(node.value + "\n")


@node_mutator(Check.LENGTH)
def text_too_long_or_short(node: Node) -> Iterator[Sample]:
    if is_text(node) and node.shape.metadata.get("max") is not None:
        yield node.replaced((node.value or "x") * (node.shape.metadata["max"] + 1))
    if is_text(node) and node.shape.metadata.get("min", 0) > 0:
        yield node.replaced(node.value[: node.shape.metadata["min"] - 1])


@node_mutator(Check.RANGE)
def number_out_of_range(node: Node) -> Iterator[Sample]:
    if is_number(node):
        for bound, step in (("min", -1), ("max", 1)):
            if bound in node.shape.metadata:
                yield node.replaced(node.shape.metadata[bound] + step)


@node_mutator(Check.SIZE)
def list_or_map_out_of_size(node: Node) -> Iterator[Sample]:
    least, most = node.shape.metadata.get("min", 0), node.shape.metadata.get("max")
    if node.shape.type_name == "list" and most is not None and node.value:
        yield node.replaced(node.value * (most + 1))
    if node.shape.type_name == "map" and most is not None:
        entry = next(iter(node.value.values()))
        yield node.replaced({f"a{index}": entry for index in range(most + 1)})
    if node.shape.type_name == "list" and least > 0:
        yield node.replaced([])


@node_mutator(Check.UNION)
def union_of_none_or_two(node: Node) -> Iterator[Sample]:
    if node.shape.metadata.get("union"):
        yield node.replaced({})
        if len(node.shape.members) > 1:
            yield node.replaced({name: node.value.get(name, {}) for name in node.shape.members})


@node_mutator(Check.FORMAT)
def no_date_or_duration(node: Node) -> Iterator[Sample]:
    if node.shape.name == "ISO8601DatetimeString" or node.shape.type_name == "timestamp":
        yield node.replaced("2026-02-30T10:00:00Z")
    if node.shape.name == "ISO8601DurationString":
        for value in ("45", "PT", "P", "PT1D", "1d"):
            yield node.replaced(value)


def other_status(sample: Sample) -> Iterator[tuple[Check, Sample]]:
    for status in {200, 201, 202, 204, 400, 403, 404, 409, 429, 500} - {sample.http_status}:
        yield Check.STATUS, Sample(**vars(sample) | {"http_status": status})


def undeclared_error(sample: Sample) -> Iterator[tuple[Check, Sample]]:
    declared = {shape.name for shape in MODEL.operation_model(sample.operation).error_shapes}
    anywhere = {"ValidationException", "AccessDeniedException"}
    if sample.operation == "DescribeJobLogItems":
        anywhere.add("ResourceNotFoundException")  # recorded, though not declared
    modelled = {shape.name for shape in MODEL.error_shapes}
    for code in (modelled | {"", "NoSuchException", "conflictexception"}) - declared - anywhere:
        shape = MODEL.shape_for_error_code(code)
        status = shape.metadata["error"]["httpStatusCode"] if shape else 400
        yield Check.ERROR, Sample("error", sample.operation, status, {"message": "m"}, code)


def header_member_in_body(sample: Sample) -> Iterator[tuple[Check, Sample]]:
    if sample.error_code in ("ThrottlingException", "InternalServerException"):
        yield Check.UNKNOWN, Sample(**vars(sample) | {"body": sample.body | {"retryAfterSeconds": "2"}})


def bad_retry_after(sample: Sample) -> Iterator[tuple[Check, Sample]]:
    if sample.error_code == "InternalServerException":
        yield Check.TYPE, Sample(**vars(sample) | {"headers": {"Retry-After": "soon"}})
        yield Check.RANGE, Sample(**vars(sample) | {"headers": {"Retry-After": "-1"}})


def extra_in_generic_error(sample: Sample) -> Iterator[tuple[Check, Sample]]:
    if sample.error_code is not None and output_of(sample) is None:
        yield Check.UNKNOWN, Sample(**vars(sample) | {"body": sample.body | {"jobID": "x"}})
        yield Check.TYPE, Sample(**vars(sample) | {"body": {"message": 1}})


def body_where_none_is_due(sample: Sample) -> Iterator[tuple[Check, Sample]]:
    if not sample.body and sample.error_code is None:
        yield Check.UNKNOWN, Sample(**vars(sample) | {"body": {"tags": {}}})


SAMPLE_MUTATORS = (
    other_status,
    undeclared_error,
    header_member_in_body,
    bad_retry_after,
    extra_in_generic_error,
    body_where_none_is_due,
)
MUTATOR_NAMES = (*NODE_MUTATORS, *(mutator.__name__ for mutator in SAMPLE_MUTATORS))


def mutants(name: str) -> Iterator[Mutant]:
    """Every mutant of one mutator over all samples."""
    if name in NODE_MUTATORS:
        check, mutate = NODE_MUTATORS[name]
        for sample in SAMPLES:
            for node in nodes(sample):
                for mutated in mutate(node):
                    yield Mutant(name, check, mutated, ".".join(map(str, node.path)))
        return
    (damage,) = [mutator for mutator in SAMPLE_MUTATORS if mutator.__name__ == name]
    for sample in SUCCESSES if damage is undeclared_error else SAMPLES:
        for check, mutated in damage(sample):
            yield Mutant(name, check, mutated, mutated.error_code or str(mutated.http_status))
