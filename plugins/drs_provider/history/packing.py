"""How a record becomes items, and items become a record again.

The main item has everything but the rows of waves. Those are in items of their own, a fixed number of rows each, so
that a row stays in its item from poll to poll and a reader in the middle of a write sees older and newer rows, but
never one twice. When the attempt is over, rows are put into the main item as well while they fit, for who reads by an
index.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from drs_provider.core.states import TERMINAL_EXECUTION, TERMINAL_WAVE
from drs_provider.history.table import HASH_KEY, RANGE_KEY, is_rows_key, rows_key
from drs_provider.history.values import cut_texts, fit, size_of
from drs_provider.rules.record.schema import OF_POLL, EarlierWave, ExecutionRecord

log = logging.getLogger(__name__)

#: Until here rows are put into the main item: each of its writes costs by its size.
INLINE_BYTES = 64 * 1024
ROWS_PER_ITEM = 100
ROW_KINDS = ("serverStatuses", "steps")
_WAVE_FIELDS_SHARE = 60_000
_FIELD_BYTES = 10_000
_ATTEMPT_FIELD_BYTES = 1_000
_WAVE_TEXT_BYTES = 1_000
_ROW_BYTES = 3_500


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


def _fit_field(name: str, value: Any) -> Any:
    if name == "attempts":
        return [{key: fit(item, _ATTEMPT_FIELD_BYTES) for key, item in row.items()} for row in value]
    return fit(value, _FIELD_BYTES)


def _fit_wave_field(name: str, value: Any, share: int) -> Any:
    if name == "earlierAttempts":
        return _fit_earlier(value, share)
    if name in {"jobs", "gate"}:
        return cut_texts(value, _WAVE_TEXT_BYTES)
    return fit(value, share, text_limit=_WAVE_TEXT_BYTES)


def _fit_earlier(earlier: Iterable[EarlierWave], share: int) -> list[EarlierWave]:
    # The oldest go first.
    kept = cast("list[EarlierWave]", cut_texts(list(earlier), 200))
    while len(kept) > 1 and size_of(kept) > share:
        kept.pop(0)
    return kept


def pack_record(record: ExecutionRecord) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a record's main item and the items for its rows, as plain data."""
    main = {name: _fit_field(name, value) for name, value in record.items() if name != "waves"}
    share = max(_WAVE_TEXT_BYTES, _WAVE_FIELDS_SHARE // max(1, len(record["waves"])))
    main["waves"] = [
        {name: _fit_wave_field(name, value, share) for name, value in wave.items() if name not in ROW_KINDS}
        for wave in record["waves"]
    ]
    rows = [
        (number, kind, [fit_row(row) for row in wave[kind]])  # type: ignore[literal-required]
        for number, wave in enumerate(record["waves"])
        for kind in ROW_KINDS
        if kind in wave
    ]
    room = INLINE_BYTES - size_of(main) if record["status"] in TERMINAL_EXECUTION else 0
    for number, kind, of_wave in rows:
        size = 1 + len(kind) + size_of(of_wave)
        if size <= room or not of_wave:
            main["waves"][number][kind] = of_wave
            room -= size
    items = [
        item
        for number, kind, of_wave in rows
        for item in _rows_items(record, record["waves"][number], kind, of_wave)
    ]
    return main, items


def _rows_items(
    record: ExecutionRecord, wave: Mapping[str, Any], kind: str, rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    chunks = [rows[start : start + ROWS_PER_ITEM] for start in range(0, len(rows), ROWS_PER_ITEM)]
    for number, chunk in enumerate(chunks):
        yield {
            HASH_KEY: record["executionId"],
            RANGE_KEY: rows_key(record["planId"], wave["waveNumber"], number, kind),
            "waveNumber": wave["waveNumber"],
            "kind": kind,
            "chunk": number,
            "chunks": len(chunks),
            "attempt": wave["attempt"],
            "final": wave["status"] in TERMINAL_WAVE,
            "polledTime": wave.get("lastPolledTime", 0),
            "rows": list(chunk),
        }


def news_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes an item of rows worth a write: of rows that are not final, not when they were polled."""
    news = {name: value for name, value in item.items() if name != "polledTime"}
    if not item["final"]:
        news["rows"] = [
            {name: value for name, value in row.items() if name not in OF_POLL} for row in item["rows"]
        ]
    return news


def unpack_record(items: Iterable[Mapping[str, Any]], plan_id: str | None = None) -> ExecutionRecord | None:
    """Return the record that an execution's items hold, or None if its main item is not among them."""
    main: dict[str, Any] | None = None
    of_wave: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for item in items:
        key = item[RANGE_KEY]
        if is_rows_key(key):
            of_wave.setdefault((item.get("waveNumber"), item.get("kind")), []).append(item)
        elif plan_id is None or key == plan_id:
            main = {name: value for name, value in item.items() if name != "version"}
    if main is None:
        return None
    main.setdefault("waves", [])
    if of_wave:  # else there is nothing to put in, also not into what another system calls waves
        main["waves"] = [_unpack_wave(wave, of_wave) for wave in main["waves"]]
    return cast("ExecutionRecord", main)


def _unpack_wave(
    wave: Mapping[str, Any], of_wave: Mapping[tuple[Any, Any], Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    whole = dict(wave)
    for kind in ROW_KINDS:
        found = of_wave.get((wave.get("waveNumber"), kind), ())
        if kind == "steps":
            # Steps of an earlier attempt say nothing of this one.
            found = [item for item in found if item["attempt"] == wave["attempt"]]
        if kind in whole or not found:
            continue
        newest = max(found, key=lambda item: (item["attempt"], item["final"], item["polledTime"]))
        # What lies behind was left by an attempt with more rows.
        chunks = sorted(
            (item for item in found if item["chunk"] < newest["chunks"]), key=lambda item: item["chunk"]
        )
        whole[kind] = [row for item in chunks for row in item["rows"]]
    return whole
