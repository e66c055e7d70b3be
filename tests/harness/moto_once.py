"""What moto works out for every answer, and is always the same, is worked out once, or not at all where none needs it.

A third of the time of a run with a history went into it: for each member of each value of a DynamoDB item, moto's
serializer tries half a dozen names under which an object might have it. These values are dictionaries in DynamoDB's
own form, which have a member under its name or not at all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import moto.core.responses
import moto.kms.models
import pytest
from moto.core.serialize import BaseJSONSerializer

_by_names = BaseJSONSerializer._serialize_type_structure
_names_of = lru_cache(maxsize=None)(moto.core.responses.method_names_from_class)
#: DynamoDB makes a key for itself in every world; nothing is encrypted with it.
_key = lru_cache(maxsize=None)(moto.kms.models.generate_private_key)


def install(patch: pytest.MonkeyPatch) -> None:
    """Let moto work these out once."""
    patch.setattr(BaseJSONSerializer, "_serialize_type_structure", _structure)
    patch.setattr(moto.core.responses, "method_names_from_class", _names_of)
    patch.setattr(moto.kms.models, "generate_private_key", _key)


def _structure(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    if shape.name != "AttributeValue" or type(value) is not dict or not key:
        _by_names(serializer, serialized, value, shape, key)
        return
    made = serializer.MAP_TYPE()
    for name, member in value.items():
        if member is not None:
            serializer._serialize(made, member, shape.members[name], name)
    serializer._default_serialize(serialized, made, shape, key)
