"""Reads export files: JSON, JSON lines, DynamoDB scans and table exports; typed attributes become plain values."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MAX_BYTES: Final = 256 * 1024 * 1024
_SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz")
_TYPES: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})


class SourceError(Exception):
    """A file cannot be read as an export; the message names it and the way out."""


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Data to import.

    :param name: what the report calls it: a file's name, or the account and Region that DRS was asked in
    :param data: JSON data of any nesting; DynamoDB's typed form is read as well
    """

    name: str
    data: Any


def read_sources(paths: Iterable[Path]) -> tuple[ImportSource, ...]:
    """Read export files; of a folder, all JSON files below it (such as a DynamoDB export to S3).

    :raises SourceError: if a file does not exist, is no JSON, or names a key twice
    """
    files = [file for path in paths for file in _files(path)]
    names = [file.name for file in files]
    return tuple(
        ImportSource(file.name if names.count(file.name) == 1 else str(file), _read(file)) for file in files
    )


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = sorted(file for file in path.rglob("*") if file.is_file() and _is_export(path, file))
    if not found:
        raise SourceError(f"{path}: the folder has no JSON files; name the export's files")
    yield from found


def _is_export(folder: Path, file: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    # A DynamoDB export to S3 describes itself in manifest files beside the data.
    return file.name.lower().endswith(_SUFFIXES) and not hidden and not file.name.startswith("manifest-")


def _read(file: Path) -> Any:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{file}: it cannot be read: {reason}") from error
    if len(content) > MAX_BYTES:
        raise SourceError(f"{file}: larger than {MAX_BYTES // 1024 // 1024} MiB; split it")
    try:
        # UTF-8, or UTF-16 and UTF-32 with or without a byte order mark: Windows PowerShell's > writes UTF-16.
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: it is not UTF-8 or UTF-16 text: {error}; export it as JSON") from error
    return _parse(file, text)


def opened(place: str, text: str, *, is_base64: bool) -> Any:
    """Return the JSON that an envelope carries as text, or None if the text is not a JSON object or list.

    The proxy answer of an AWS Lambda function and the output of a Step Functions execution carry one.

    :raises SourceError: if an object in it names a key twice, or it is nested too deeply
    """
    try:
        data = _json(place, base64.b64decode(text, validate=True).decode() if is_base64 else text)
    except ValueError:
        return None
    return data if isinstance(data, dict | list) else None


def _parse(file: Path, text: str) -> Any:
    if not text.strip():
        raise SourceError(f"{file}: the file is empty")
    try:
        return _json(file, text)
    except json.JSONDecodeError as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if error.msg != "Extra data" or len(lines) < 2:
            raise SourceError(f"{file}, line {error.lineno}: it is not JSON: {error.msg}") from error
    return [_json_line(file, number, line) for number, line in lines]


def _json_line(file: Path, number: int, line: str) -> Any:
    try:
        return _json(file, line)
    except json.JSONDecodeError as error:
        raise SourceError(f"{file}, line {number}: it is not JSON: {error.msg}") from error


def _json(file: Path | str, text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            raise SourceError(f"{file}: an object has the key `{repeated}` twice; keep one of them")
        return members

    try:
        return json.loads(text, object_pairs_hook=once)
    except RecursionError as error:
        raise SourceError(f"{file}: it is nested too deeply") from error


def plain(value: Any) -> Any:
    """Return the data with DynamoDB's typed attributes (``{"S": "…"}``) as plain values, at any depth."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value and all(_is_typed(item) for item in value.values()):
        return {name: _untyped(item) for name, item in value.items()}
    return {name: plain(item) for name, item in value.items()}


def _is_typed(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    kind, content = next(iter(value.items()))
    if kind not in _TYPES:
        return False
    forms: dict[str, Any] = {"BOOL": bool, "NULL": bool, "M": dict, "L": list}
    form = forms.get(kind, list if kind in ("SS", "NS", "BS") else str)
    return isinstance(content, form)


def _untyped(value: dict[str, Any]) -> Any:
    kind, content = next(iter(value.items()))
    match kind:
        case "N":
            return _number(content)
        case "NS":
            return [_number(item) for item in content]
        case "NULL":
            return None
        case "M":
            return {
                name: _untyped(item) if _is_typed(item) else plain(item) for name, item in content.items()
            }
        case "L":
            return [_untyped(item) if _is_typed(item) else plain(item) for item in content]
    return content


def _number(text: Any) -> Any:
    for convert in (int, float):
        try:
            return convert(text)
        except (TypeError, ValueError):
            continue
    return text
