"""From YAML nodes to data: text keys, each once, plain tags only, and a line for every field."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from drs_provider.plan.problems import Parts, PlanProblem, format_path

MAX_DEPTH: Final = 40
MAX_NODES: Final = 100_000
"""Values in a file with all aliases written out; more is an alias bomb."""


_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TEXT, _MERGE = f"{_TAG}str", f"{_TAG}merge"
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class StrictLoader(_BaseLoader):  # type: ignore[misc]  # the C loader where libyaml is there
    """PyYAML's safe loader; mappings and lists are built here, only scalars by PyYAML."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a field stands, and its text in the file where YAML made something else of it."""

    line: int
    raw: str | None = None


class UnreadableError(Exception):
    """The file as a whole cannot be used."""

    def __init__(self, message: str, remedy: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message, self.remedy, self.line = message, remedy, line


def _events(text: str) -> Iterator[Any]:
    loader = StrictLoader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def check_shape(text: str) -> None:
    """Refuse deep nesting and several documents before any recursive code sees the text.

    :raises UnreadableError: with the line
    """
    depth = documents = 0
    for event in _events(text):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise UnreadableError(
                    f"it is nested deeper than {MAX_DEPTH} levels",
                    "look for unclosed brackets",
                    event.start_mark.line + 1,
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise UnreadableError(
                    "it holds several YAML documents",
                    "keep one plan in a file, without `---` between plans",
                    event.start_mark.line + 1,
                )


def _endless_aliases() -> UnreadableError:
    return UnreadableError(
        "its aliases expand to far too many values", "remove aliases (*name) that contain one another"
    )


class NodeReader:
    """Turns YAML nodes into data, and notes ``marks`` and ``problems`` on the way.

    :param file: the file's name, for problems
    :param loader: the loader that composed the nodes; it reads scalars
    """

    def __init__(self, file: str, loader: Any) -> None:
        self._file = file
        self._loader = loader
        self.marks: dict[Parts, Mark] = {}
        self.problems: list[PlanProblem] = []
        self._nodes = 0

    def read(self, node: Any) -> dict[str, Any]:
        """Return the document's data.

        :raises UnreadableError: if it holds no fields, or far too many
        """
        data = None if node is None else self._value(node, ())
        if data is None and self.problems:
            first = self.problems[0]
            raise UnreadableError(first.message, first.remedy, first.line)
        if data is None:
            raise UnreadableError("the file is empty", "write a plan into it, or remove it")
        if not isinstance(data, dict):
            raise UnreadableError(
                "it does not hold fields",
                "a plan is a mapping: lines like `name: wiki`",
                node.start_mark.line + 1,
            )
        return data

    def _problem(self, node: Any, parts: Parts, message: str, remedy: str) -> None:
        line = node.start_mark.line + 1
        self.problems.append(PlanProblem(self._file, format_path(parts), message, remedy, line))

    def _value(self, node: Any, parts: Parts) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(parts) > MAX_DEPTH:
            raise _endless_aliases()
        self.marks.setdefault(parts, Mark(node.start_mark.line + 1))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, parts)
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._problem(node, parts, f"the YAML tag `{node.tag}` is not supported", "remove the tag")
            return None
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*parts, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, parts)

    def _scalar(self, node: Any, parts: Parts) -> Any:
        implied = _TEXT if node.style else self._loader.resolve(yaml.ScalarNode, node.value, (True, False))
        if node.tag not in (implied, _TEXT):
            self._problem(node, parts, f"the YAML tag `{node.tag}` is not supported", "remove the tag")
            return None
        if node.tag == _TEXT:
            return self._text(node, parts)
        mark = self.marks[parts]
        self.marks[parts] = Mark(mark.line, node.value)
        try:
            value = self._loader.construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError):
            value = math.nan
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(node, parts, f"`{node.value[:40]}` has no value", "put it in quotes if it is text")
            return None
        return value

    def _text(self, node: Any, parts: Parts) -> str:
        if _UNFIT.search(node.value):
            self._problem(node, parts, "the text holds control characters", "remove them")
        return _UNFIT.sub("", node.value)

    def _mapping(self, node: Any, parts: Parts) -> dict[str, Any]:
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        own = [pair for pair in node.value if pair[0].tag != _MERGE]
        for key_node, value_node in own:
            key = self._key(key_node, parts)
            if key is None:
                continue
            line = key_node.start_mark.line + 1
            if key in lines:
                where = f"in line {line}" if line == lines[key] else f"in lines {lines[key]} and {line}"
                message = f"the key `{key}` is given twice, {where}"
                self._problem(key_node, (*parts, key), message, "keep one of them")
                continue
            lines[key] = line
            self.marks[(*parts, key)] = Mark(line)
            data[key] = self._value(value_node, (*parts, key))
        for key_node, value_node in self._merged(node, parts, 0):
            # The mapping's own fields win, then the mappings merged first.
            if key_node.tag == _TEXT and key_node.value not in data:
                data[key_node.value] = self._value(value_node, (*parts, key_node.value))
        return data

    def _merged(self, node: Any, parts: Parts, depth: int) -> Iterator[tuple[Any, Any]]:
        """Yield key and value of the fields that ``<<`` brings into a mapping."""
        if depth > MAX_DEPTH:
            raise _endless_aliases()
        for key_node, value_node in node.value:
            if key_node.tag != _MERGE:
                continue
            for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                if not isinstance(source, yaml.MappingNode):
                    remedy = "use an alias of a mapping: `<<: *name`"
                    self._problem(source, parts, "`<<` must name a mapping", remedy)
                    continue
                yield from (pair for pair in source.value if pair[0].tag != _MERGE)
                yield from self._merged(source, parts, depth + 1)

    def _key(self, node: Any, parts: Parts) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._problem(node, parts, "a key must be text, not a list or a mapping", "mend the brackets")
            return None
        if node.tag != _TEXT:
            self._problem(
                node,
                parts,
                f"YAML reads the key `{node.value}` as {_read_as(node)}, not as text",
                _key_remedy(node),
            )
            return None
        return self._text(node, parts)


def _read_as(node: Any) -> str:
    kind = node.tag.removeprefix(_TAG)
    if kind == "bool":
        return "true" if node.value.lower() in ("on", "yes", "true", "y") else "false"
    names = {"int": "a number", "float": "a number", "null": "nothing", "timestamp": "a date"}
    return names.get(kind, f"`{kind}`")


def _key_remedy(node: Any) -> str:
    if node.value.lower() == "on":
        return "in notifications the key is `events`; elsewhere put it in quotes"
    return f'put it in quotes: "{node.value}"'
