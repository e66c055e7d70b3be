"""How a record becomes items of at most 400 KB, and items become a record again.

Every wave has an equal share of the main item for its rows. Rows that outgrow it move to items of their
own, a fixed number of rows each, so that a row stays in its item from poll to poll and a reader in the
middle of a write sees older and newer rows, but never one twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from drs_provider.core.canonical import content_hash
from drs_provider.history.outcome import ExecutionRef
from drs_provider.history.table import HASH_KEY, RANGE_KEY, is_rows_key, rows_key
from drs_provider.history.values import cut_texts, fit, size_of
from drs_provider.rules.record.schema import EarlierWave, ExecutionRecord

log = logging.getLogger(__name__)

ITEM_LIMIT_BYTES = 400 * 1024
# Shares of the main item. What is left is for what a record always has.
_SHARES = {"serverStatuses": 160_000, "checks": 40_000}
_WAVE_FIELDS_SHARE = 60_000
_FIELD_BYTES = 10_000
_ATTEMPT_FIELD_BYTES = 1_000
_WAVE_TEXT_BYTES = 1_000
ROWS_PER_ITEM = 100
_ROW_BYTES = 3_500
# rows of a wave -> the wave field that tells of the items they moved to (how many, and a hash of the rows)
ROW_KINDS = {"serverStatuses": "serverStatusItems", "checks": "checkItems"}


def fit_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row within its share of an item: without its oldest history first, then with texts cut."""
    fitted = dict(row)
    if size_of(fitted) <= _ROW_BYTES:
        return fitted
    log.warning(
        "A row of %s is too large for the history table and is cut", row.get("sourceServerId", "a wave")
    )
    fitted["truncated"] = True
    fitted["transitionHistory"] = list(row.get("transitionHistory", ()))[-8:]
    for text_bytes in (500, 200, 80):
        fitted = dict(cut_texts(fitted, text_bytes))
        if size_of(fitted) <= _ROW_BYTES:
            return fitted
    return dict(fit(fitted, _ROW_BYTES, text_limit=80))


def split_rows(
    ref: ExecutionRef, kind: str, rows: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]] | None, list[list[dict[str, Any]]]]:
    """Return a wave's rows as ``(inline, [])`` or, if they outgrow the wave's share, ``(None, chunks)``."""
    fitted = [fit_row(row) for row in rows]
    if size_of(fitted) <= _SHARES[kind] // max(1, ref.total_waves):
        return fitted, []
    return None, [fitted[start : start + ROWS_PER_ITEM] for start in range(0, len(fitted), ROWS_PER_ITEM)]


def rows_item(
    ref: ExecutionRef, wave_number: int, kind: str, chunk: int, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the item that holds a chunk of a wave's rows; it has no ``status``, so no index shows it."""
    return {
        HASH_KEY: ref.execution_id,
        RANGE_KEY: rows_key(ref.plan_id, wave_number, chunk, kind),
        "waveNumber": wave_number,
        "chunk": chunk,
        "attempt": ref.attempt,
        kind: list(rows),
    }


def fit_field(name: str, value: Any) -> Any:
    """Return a field of the execution within its share of the main item."""
    if name == "waves":
        return value
    if name == "attempts":
        return [{key: fit(item, _ATTEMPT_FIELD_BYTES) for key, item in row.items()} for row in value]
    return fit(value, _FIELD_BYTES)


def fit_wave_field(ref: ExecutionRef, name: str, value: Any) -> Any:
    """Return a field of a wave, other than rows, within the wave's share of the main item."""
    if name in {"jobs", "gate", "earlierAttempts"}:
        return cut_texts(value, _WAVE_TEXT_BYTES)
    share = max(_WAVE_TEXT_BYTES, _WAVE_FIELDS_SHARE // max(1, ref.total_waves))
    return fit(value, share, text_limit=_WAVE_TEXT_BYTES)


def fit_earlier(ref: ExecutionRef, earlier: Iterable[EarlierWave]) -> list[EarlierWave]:
    """Return a wave's earlier attempts within their share: the oldest go first."""
    share = max(_WAVE_TEXT_BYTES, _WAVE_FIELDS_SHARE // max(1, ref.total_waves))
    kept = cast("list[EarlierWave]", cut_texts(list(earlier), 200))
    while len(kept) > 1 and size_of(kept) > share:
        kept.pop(0)
    return kept


def pack_wave(ref: ExecutionRef, wave: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a wave as it stands in the main item, and the items for rows that outgrow its share."""
    packed: dict[str, Any] = {}
    items: list[dict[str, Any]] = []
    for name, value in wave.items():
        if name not in ROW_KINDS:
            packed[name] = fit_wave_field(ref, name, value)
            continue
        inline, chunks = split_rows(ref, name, value)
        if inline is not None:
            packed[name] = inline
        else:
            rows = [row for chunk in chunks for row in chunk]
            packed[ROW_KINDS[name]] = {"count": len(chunks), "sha256": content_hash(rows)}
            items += [rows_item(ref, wave["waveNumber"], name, n, rows) for n, rows in enumerate(chunks)]
    return packed, items


def pack_record(record: ExecutionRecord) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a record's main item and the items for rows, as plain data."""
    ref = ExecutionRef.of(record)
    main = {name: fit_field(name, value) for name, value in record.items()}
    packed = [pack_wave(ref, wave) for wave in record["waves"]]
    main["waves"] = [wave for wave, _ in packed]
    return main, [item for _, items in packed for item in items]


def unpack_record(items: Iterable[Mapping[str, Any]], plan_id: str | None = None) -> ExecutionRecord | None:
    """Return the record that an execution's items hold, or None if its main item is not among them.

    Rows that the main item does not count (left behind by a larger earlier attempt) are left out.
    """
    main: dict[str, Any] | None = None
    rows: dict[str, Mapping[str, Any]] = {}
    for item in items:
        key = item[RANGE_KEY]
        if is_rows_key(key):
            rows[key] = item
        elif plan_id is None or key == plan_id:
            main = dict(item)
    if main is None:
        return None
    main["waves"] = [_unpack_wave(main[RANGE_KEY], wave, rows) for wave in main.get("waves", [])]
    return cast("ExecutionRecord", main)


def rows_elsewhere(wave: Mapping[str, Any]) -> set[str]:
    """Return the kinds of rows that a wave of the main item has in items of their own."""
    return {kind for kind, counter in ROW_KINDS.items() if counter in wave}


def without_rows_elsewhere(main: Mapping[str, Any]) -> ExecutionRecord:
    """Return the main item as a record in which rows that are elsewhere are absent."""
    counters = set(ROW_KINDS.values())
    waves = [{name: value for name, value in wave.items() if name not in counters} for wave in main["waves"]]
    return cast("ExecutionRecord", {**main, "waves": waves})


def _unpack_wave(
    plan_id: str, wave: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    whole = dict(wave)
    for kind, counter in ROW_KINDS.items():
        if counter not in whole:
            continue
        found: list[Any] = []
        for chunk in range(whole.pop(counter)["count"]):
            key = rows_key(plan_id, wave["waveNumber"], chunk, kind)
            found.extend(rows.get(key, {}).get(kind, ()))
        whole[kind] = found
    return whole
