"""botocore's own model of the service `drs`, loaded once per process."""

from __future__ import annotations

import re
from functools import lru_cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

SERVICE = "drs"
API_VERSION = "2020-02-26"


@lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    """The service model; the API version is fixed so that a newer one is a decision, not a surprise."""
    description = Loader().load_service_model(SERVICE, "service-2", API_VERSION)
    return ServiceModel(description, SERVICE)


def operation(name: str) -> OperationModel:
    """The model of one operation; raises botocore's OperationNotFoundError for a name it does not know."""
    found: OperationModel = service_model().operation_model(name)
    return found


@lru_cache(maxsize=512)
def shape(name: str) -> Shape:
    """The shape of that name; raises botocore's NoShapeFoundError."""
    found: Shape = service_model().shape_for(name)
    return found


def error_shape(code: str) -> StructureShape | None:
    """The modelled error of that code, declared by some operation or other; None for generic errors."""
    found = service_model().shape_for_error_code(code)
    return found if isinstance(found, StructureShape) else None


def located_members(structure: StructureShape) -> dict[str, Shape]:
    """The members that travel in the URI, the query string or a header rather than in the body."""
    return {name: member for name, member in structure.members.items() if "location" in member.serialization}


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The compiled pattern of a shape (to be used with fullmatch: the service's patterns are whole)."""
    return re.compile(pattern)
