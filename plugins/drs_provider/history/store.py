"""The execution history in DynamoDB: writes along the status tables.

A write changes its own paths only and carries its condition with it, so parallel waves, retries and
late polls cannot overwrite each other. A transition that the tables do not allow is refused, and the
caller is told what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider.core.states import TERMINAL_EXECUTION, ExecutionStatus, WaveStatus, allowed_from
from drs_provider.history.expressions import Update
from drs_provider.history.outcome import ExecutionRef, Outcome, WriteResult
from drs_provider.history.packing import pack_wave, rows_elsewhere, without_rows_elsewhere
from drs_provider.history.updates import (
    OWN_EXECUTION_FIELDS,
    OWN_WAVE_FIELDS,
    execution_update,
    finalize_update,
    refuse_fields,
    report_update,
    wave_rollover_update,
    wave_update,
    whole_waves_update,
)
from drs_provider.history.writer import ROUNDS, FullRecord, HistoryWriter, Item, wave_of
from drs_provider.rules.record.merging import attempt_index, merge_final
from drs_provider.rules.record.schema import ExecutionRecord

_WAVES_PER_UPDATE = 25


class DynamoDbHistory(HistoryWriter):
    """Writes and reads execution records; errors of DynamoDB are raised.

    Writes take ``full_record``: the caller's whole record as it is now, asked for only if the table does
    not have the execution (an earlier write was lost), which is then caught up.

    :param client: boto3's DynamoDB client
    :param table_name: name of the history table
    :param clock: epoch seconds; when an attempt begins that no earlier write announced
    """

    def start(self, record: ExecutionRecord) -> WriteResult:
        """Write the record of an execution that starts, or open the next attempt of one that is stored.

        A retry finds its own record and changes nothing. Refused if the attempt is over already.
        """
        ref = ExecutionRef.of(record)
        stored: Item | None = None
        for _ in range(ROUNDS):
            if self._create(record):
                return WriteResult(Outcome.APPLIED, record["status"], ref.attempt)
            stored = self._main_item(ref.execution_id, ref.plan_id)
            if stored is None:
                continue
            if stored["attempt"] > ref.attempt:
                break
            if stored["attempt"] < ref.attempt:
                if opened := self._open_attempt(ref, stored, record):
                    return WriteResult(Outcome.APPLIED, opened, ref.attempt)
                continue
            if stored["status"] not in TERMINAL_EXECUTION:
                return WriteResult(Outcome.UNCHANGED, stored["status"], ref.attempt)
            break
        return self._refused(ref, stored)

    def set_execution_status(
        self,
        ref: ExecutionRef,
        status: ExecutionStatus | None,
        fields: Mapping[str, Any] | None = None,
        *,
        full_record: FullRecord | None = None,
    ) -> WriteResult:
        """Move the execution's status, and write fields with it.

        :param status: None writes fields only
        :param fields: record fields; ``startTime`` and ``endTime`` are written once
        :raises ValueError: for a terminal status, which only :meth:`finalize` writes (trap 7), and for
            fields that the history itself writes
        """
        if status in TERMINAL_EXECUTION:
            raise ValueError(f"{status} is written by finalize only")
        given = dict(fields or {})
        refuse_fields(given, OWN_EXECUTION_FIELDS)

        def decide(stored: Item | None) -> tuple[Update, Outcome] | WriteResult:
            index = ref.attempt - 1 if stored is None else attempt_index(stored, ref.attempt)
            update = execution_update(ref, index, status, given)
            if stored is None:
                return update, Outcome.APPLIED
            current = stored["status"]
            if current == status:
                if not given:
                    return WriteResult(Outcome.UNCHANGED, current, ref.attempt)
                return execution_update(ref, index, None, given), Outcome.UNCHANGED
            allowed = current not in TERMINAL_EXECUTION and (
                status is None or current in allowed_from(status)
            )
            return (update, Outcome.APPLIED) if allowed else self._refused(ref, stored)

        return self._write(ref, decide, full_record, status.value if status else None)

    def set_wave(
        self,
        ref: ExecutionRef,
        wave_number: int,
        status: WaveStatus | None,
        fields: Mapping[str, Any] | None = None,
        *,
        full_record: FullRecord | None = None,
    ) -> WriteResult:
        """Move a wave's status, and write fields of the wave with it, in one conditional write.

        The first status or gate that a later attempt writes takes the wave over: what it was is kept in
        ``earlierAttempts``.

        :param status: None writes fields only
        :param fields: wave fields, also ``serverStatuses``; ``startTime`` and ``endTime`` are written once
        :raises ValueError: if the plan has no such wave, or for fields that the history itself writes
        """
        return self._set_wave(ref, wave_number, status, dict(fields or {}), full_record=full_record)

    def put_servers(
        self,
        ref: ExecutionRef,
        wave_number: int,
        rows: Sequence[Mapping[str, Any]],
        last_polled: float | None = None,
        *,
        full_record: FullRecord | None = None,
    ) -> WriteResult:
        """Replace a wave's server rows.

        :param rows: all rows of the wave, in the same order at every call
        :param last_polled: when DRS was asked: the rows of a poll are refused once the wave is over, or
            newer rows are stored. None for what comes after the verdict (enrichment).
        """
        fields: Item = {"serverStatuses": list(rows)}
        if last_polled is not None:
            fields["lastPolledTime"] = last_polled
        return self._set_wave(ref, wave_number, None, fields, polled_at=last_polled, full_record=full_record)

    def finalize(self, ref: ExecutionRef, record: ExecutionRecord) -> ExecutionRecord:
        """End the attempt: write what waves became, then, as the last thing, the terminal status.

        An attempt that has ended stays as it is: the stored record is returned. So it is if the stored
        status does not allow the end; its status is then not terminal.

        :param record: the whole record, its newest attempt ended
            (:func:`~drs_provider.rules.record.merging.close_attempt`)
        :return: the record that is stored now
        :raises ValueError: if the record's status is not terminal
        """
        target = ExecutionStatus(record["status"])
        if target not in TERMINAL_EXECUTION:
            raise ValueError(f"{target} does not end an execution")
        main: Item | None = None
        for _ in range(ROUNDS):
            main = self._main_item(ref.execution_id, ref.plan_id)
            if main is None:
                if self._create(record):
                    return record
                continue
            if main["attempt"] < ref.attempt:
                self._open_attempt(ref, main, record)
                continue
            if main["attempt"] > ref.attempt or main["status"] in TERMINAL_EXECUTION:
                break
            if main["status"] not in allowed_from(target):
                self._refused(ref, main)
                break
            final = merge_final(self._with_rows_needed(ref, main, record), record)
            if self._write_changed_waves(ref, main, final) and self._end(ref, final):
                return final
        return self.read(ref.execution_id, ref.plan_id) or record

    def set_report(self, ref: ExecutionRef, *, uri: str, sha256: str) -> WriteResult:
        """Note where the attempt's report is; written once, and also after the attempt's end."""

        def decide(stored: Item | None) -> tuple[Update, Outcome] | WriteResult:
            index = ref.attempt - 1 if stored is None else attempt_index(stored, ref.attempt)
            known = None if stored is None else stored["attempts"][index].get("reportSha256")
            if stored is None or known is None:
                return report_update(ref, index, uri=uri, sha256=sha256), Outcome.APPLIED
            outcome = Outcome.UNCHANGED if known == sha256 else Outcome.REFUSED
            return WriteResult(outcome, stored["status"], stored["attempt"])

        return self._write(ref, decide, None, None)

    def _set_wave(
        self,
        ref: ExecutionRef,
        wave_number: int,
        status: WaveStatus | None,
        fields: Item,
        *,
        polled_at: float | None = None,
        full_record: FullRecord | None,
    ) -> WriteResult:
        refuse_fields(fields, OWN_WAVE_FIELDS)
        packed, items = pack_wave(ref, {"waveNumber": wave_number, **fields})
        del packed["waveNumber"]
        opens = status is not None or "gate" in fields or polled_at is not None

        def decide(stored: Item | None) -> tuple[Update, Outcome] | WriteResult:
            update = wave_update(ref, wave_number, status, packed, polled_at=polled_at, opens=opens)
            if stored is None:
                return update, Outcome.APPLIED
            wave = wave_of(stored, wave_number)
            if stored["status"] in TERMINAL_EXECUTION:
                return self._refused(ref, stored, wave_number)
            if opens and wave["attempt"] < ref.attempt:
                rollover = wave_rollover_update(ref, wave, status, packed, polled_at=polled_at)
                return rollover, Outcome.APPLIED
            if status is not None and wave["status"] == status:
                if not packed:
                    return WriteResult(Outcome.UNCHANGED, wave["status"], ref.attempt)
                return wave_update(ref, wave_number, None, packed), Outcome.UNCHANGED
            return self._refused(ref, stored, wave_number)

        result = self._write(ref, decide, full_record, status.value if status else None)
        if result:
            self._put_rows(items)
        return result

    def _with_rows_needed(self, ref: ExecutionRef, main: Item, record: ExecutionRecord) -> ExecutionRecord:
        # Rows in items of their own are read only if the caller's record cannot replace them.
        given = {wave["waveNumber"]: wave for wave in record["waves"]}
        if all(rows_elsewhere(wave) <= given.get(wave["waveNumber"], {}).keys() for wave in main["waves"]):
            return without_rows_elsewhere(main)
        return self.read(ref.execution_id, ref.plan_id) or without_rows_elsewhere(main)

    def _write_changed_waves(self, ref: ExecutionRef, main: Item, final: ExecutionRecord) -> bool:
        before = {wave["waveNumber"]: wave for wave in main["waves"]}
        packed = {wave["waveNumber"]: pack_wave(ref, wave) for wave in final["waves"]}
        changed = [number for number, (wave, _) in packed.items() if wave != before[number]]
        for start in range(0, len(changed), _WAVES_PER_UPDATE):
            numbers = changed[start : start + _WAVES_PER_UPDATE]
            update = whole_waves_update(ref, {number: packed[number][0] for number in numbers})
            if self._apply(ref, update) is not None:
                return False
            self._put_rows(item for number in numbers for item in packed[number][1])
        return True

    def _end(self, ref: ExecutionRef, final: ExecutionRecord) -> bool:
        return self._apply(ref, finalize_update(ref, final)) is None
