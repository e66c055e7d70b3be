"""The class of a service's clients is made once, not once for each client: EC2's alone has seven hundred methods."""

from __future__ import annotations

from typing import Any

from botocore.client import ClientCreator

_make = ClientCreator._create_client_class
#: With the model, whose id stays taken by that.
_classes: dict[tuple[str, int], tuple[Any, type]] = {}


def client_class(creator: Any, service: str, model: Any) -> type:
    """Stand in for botocore's method. A class holds no credentials, no endpoint and no configuration."""
    description = model._service_description
    key = (service, id(description))
    if key not in _classes:
        _classes[key] = description, _make(creator, service, model)
    return _classes[key][1]
