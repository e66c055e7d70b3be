from __future__ import annotations

from typing import Any

import pytest

from drs_provider.history import reader
from drs_provider.history.table import (
    INDEX_FIELDS,
    PLAN_INDEX,
    STATUS_INDEX,
    create_table_arguments,
    ensure_table,
    is_rows_key,
    rows_key,
    table_properties,
)


def test_trap_22_the_table_has_the_indexes_that_are_asked(client: Any) -> None:
    assert ensure_table(client, "template-test") is True
    table = client.describe_table(TableName="template-test")["Table"]
    indexes = {
        index["IndexName"]: index["KeySchema"][0]["AttributeName"]
        for index in table["GlobalSecondaryIndexes"]
    }
    assert indexes == {"StatusIndex": "status", "planIdIndex": "planId"} == INDEX_FIELDS
    assert (reader.STATUS_INDEX, reader.PLAN_INDEX) == (STATUS_INDEX, PLAN_INDEX)
    assert table["KeySchema"] == [
        {"AttributeName": "executionId", "KeyType": "HASH"},
        {"AttributeName": "planId", "KeyType": "RANGE"},
    ]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSEDescription"]["Status"] == "ENABLED"
    backups = client.describe_continuous_backups(TableName="template-test")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_ensure_table_leaves_an_existing_one_alone(client: Any) -> None:
    ensure_table(client, "twice")
    assert ensure_table(client, "twice") is False


def test_trap_22_the_template_is_made_from_the_same_names() -> None:
    properties, arguments = table_properties(), create_table_arguments()
    for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"):
        assert properties[name] == arguments[name]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"]["SSEEnabled"] is True


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (rows_key("wiki", 2, 3), "wiki#wave#2#3"),
        (rows_key("wiki", 2, 3, "steps"), "wiki#wave#2#steps#3"),
    ],
)
def test_row_items_have_keys_of_their_own(key: str, text: str) -> None:
    assert key == text
    assert is_rows_key(key)
    assert not is_rows_key("wiki")
