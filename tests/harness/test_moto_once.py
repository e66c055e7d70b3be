"""What moto answers is the same, whether or not the stage saves it the work."""

from __future__ import annotations

from typing import Any

import pytest
from moto.core.serialize import JSONSerializer, XFormedAttributePicker
from moto.core.utils import get_service_model

from tests.harness import moto_once

VALUES: dict[str, Any] = {
    "text": {"S": "a"},
    "empty": {"S": ""},
    "number": {"N": "1.5"},
    "binary": {"B": b"\x00\xff"},
    "binaries": {"BS": [b"1", b"2"]},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "nothing": {"NULL": True},
    "no": {"BOOL": False},
    "list": {"L": [{"S": "b"}, {"L": []}, {"M": {}}, {"BOOL": True}]},
    "map": {"M": {"s": {"S": "S"}, "n": {"N": "0"}, "deeper": {"M": {"l": {"L": [{"N": "2"}]}}}}},
}


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("GetItem", {"Item": VALUES}),
        ("GetItem", {}),
        ("Query", {"Items": [VALUES, {}], "Count": 2, "LastEvaluatedKey": {"id": {"S": "a"}}}),
        ("PutItem", {"Attributes": VALUES, "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.0}}),
        ("DescribeTable", {"Table": {"TableName": "t", "TableArn": "arn", "ItemCount": 3}}),
    ],
)
def test_answers_of_dynamodb_are_motos_own(
    operation: str, result: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer() -> Any:
        model = get_service_model("dynamodb").operation_model(operation)
        return JSONSerializer(model, value_picker=XFormedAttributePicker()).serialize(result)

    motos_own = answer()
    moto_once.install(monkeypatch)
    assert answer() == motos_own
    assert "body" in motos_own
