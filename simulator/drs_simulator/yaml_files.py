"""Strict YAML reading: a key written twice is an error, not a silent choice of the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class DuplicateKeyError(yaml.YAMLError):
    """A mapping has the same key twice."""


class _StrictLoader(yaml.SafeLoader):
    pass


def _mapping(loader: Any, node: yaml.MappingNode) -> Any:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            msg = f"line {key_node.start_mark.line + 1}: the key {key!r} is written twice"
            raise DuplicateKeyError(msg)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_LOADER: Any = _StrictLoader
_LOADER.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file. OSError if unreadable, yaml.YAMLError if malformed."""
    loader = _LOADER(path.read_text(encoding="utf-8"))
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
