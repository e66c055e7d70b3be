"""Export files are read in every form in which they come."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from drs_provider.plan_import import SourceError, read_sources
from drs_provider.plan_import.sources import plain
from tests.plan_import.exports import EXPORT, export, imported, typed_item


def test_json_lines_gzip_and_folders(tmp_path):
    lines = [json.dumps({"Item": typed_item(record)}) for records in EXPORT.values() for record in records]
    data = tmp_path / "export" / "data"
    data.mkdir(parents=True)
    (data / "a.json.gz").write_bytes(gzip.compress("\n".join(lines[:3]).encode()))
    (data / "b.jsonl").write_text("\n\n".join(lines[3:]) + "\n")
    (tmp_path / "export" / "manifest-summary.json").write_text("{}")
    sources = read_sources([tmp_path / "export"])
    assert [source.name for source in sources] == ["a.json.gz", "b.jsonl"]
    assert imported(*(source.data for source in sources)).plans == ("erp_three_tiers",)


def test_one_object_on_one_line_and_files_of_one_name(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.json").write_text('{"planId": 1}')
    first, second = read_sources([tmp_path / "x" / "a.json", tmp_path / "y" / "a.json"])
    assert first.data == {"planId": 1}
    assert first.name.endswith("x/a.json")
    assert second.name.endswith("y/a.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"{", "line 1"),
        (b'{"a": 1}\n{"b": ', "line 2"),
        (b'{"planId": 1, "planId": 2}', "`planId` twice"),
        (b"\xff\xfe", "empty"),
        (b"\xff\xfe{", "UTF-16"),
        (b'{"planId": "\xff"}', "UTF-8"),
        (b"[" * 200_000, "nested"),
    ],
)
def test_bad_files_are_refused_by_name(content, words, tmp_path):
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        read_sources([file])
    assert "bad.json" in str(caught.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"], ids=str
)
def test_files_are_read_in_the_encodings_that_shells_write(tmp_path, encoding):
    """Windows PowerShell's `>` writes UTF-16 with a byte order mark and CRLF."""
    data = export(note="Grüße")
    text = json.dumps(data, indent=1, ensure_ascii=False).replace("\n", "\r\n") + "\r\n"
    (tmp_path / "a.json").write_bytes(text.encode(encoding))
    (source,) = read_sources([tmp_path / "a.json"])
    assert source.data == data


def as_text(data):
    return json.dumps(data)


def as_base64(data):
    return base64.b64encode(json.dumps(data).encode()).decode()


@pytest.mark.parametrize(
    "envelope",
    [
        {"statusCode": 200, "body": as_text(EXPORT)},
        {"statusCode": 200, "headers": {"x": "y"}, "body": EXPORT},
        {"statusCode": 200, "isBase64Encoded": True, "body": as_base64(EXPORT)},
        [{"statusCode": 200, "body": as_text({name: value})} for name, value in EXPORT.items()],
        {"Payload": {"statusCode": 200, "body": as_text({"data": EXPORT})}},
        {"status": "SUCCEEDED", "output": as_text({"Payload": {"body": as_text(EXPORT)}})},
        {"data": {"data": {"result": EXPORT}}},
        {"items": [record for records in EXPORT.values() for record in records]},
        {
            "body": as_text(
                {"Items": [typed_item(record) for records in EXPORT.values() for record in records]}
            )
        },
        {
            "Responses": {
                "dr-orchestration-tables": [
                    typed_item(record) for records in EXPORT.values() for record in records
                ]
            }
        },
        {name: as_text(value) for name, value in EXPORT.items()},
        as_text(EXPORT),
        as_text({"body": as_text(EXPORT)}),
    ],
)
def test_exports_are_found_in_their_envelopes(envelope):
    assert imported(envelope).plans == imported(EXPORT).plans == ("erp_three_tiers",)


def test_what_is_wrong_inside_of_an_envelope_is_told_with_its_place():
    with pytest.raises(SourceError, match=r"body.*`planId` twice"):
        imported({"body": '{"planId": 1, "planId": 2}'})
    nested: list = []
    for _ in range(100_000):  # more than any recursion limit that a library sets
        nested = [nested]
    with pytest.raises(SourceError, match="nested"):
        imported(nested)
    (entry,) = imported({"body": "Forbidden"}).report.entries
    assert (entry.path, entry.value) == ("body", "Forbidden")


def test_missing_files_broken_archives_and_empty_folders(tmp_path):
    with pytest.raises(SourceError, match="No such file"):
        read_sources([tmp_path / "none.json"])
    with pytest.raises(SourceError, match="no JSON files"):
        read_sources([tmp_path])
    (tmp_path / "x.json.gz").write_bytes(b"no archive")
    with pytest.raises(SourceError, match=r"x\.json\.gz"):
        read_sources([tmp_path])


def test_typed_values_become_plain():
    item = {
        "a": {"S": "text"},
        "b": {"N": "12"},
        "c": {"N": "1.5"},
        "d": {"BOOL": True},
        "e": {"NULL": True},
        "f": {"L": [{"S": "x"}, {"M": {"y": {"N": "1"}}}]},
        "g": {"SS": ["p", "q"]},
        "h": {"NS": ["1", "2"]},
    }
    assert plain({"Items": [item]}) == {
        "Items": [
            {
                "a": "text",
                "b": 12,
                "c": 1.5,
                "d": True,
                "e": None,
                "f": ["x", {"y": 1}],
                "g": ["p", "q"],
                "h": [1, 2],
            }
        ]
    }


@pytest.mark.parametrize(
    "value", [{"tags": {"S": "small"}, "name": "x"}, {"M": {"a": 1}, "n": 1}, {}, {"S": {"S": 1}}]
)
def test_what_only_looks_typed_is_left_alone(value):
    assert plain(value) == value


def test_a_source_of_nonsense_is_reported():
    assert len(imported(None, 7, "text", []).report.entries) == 3
