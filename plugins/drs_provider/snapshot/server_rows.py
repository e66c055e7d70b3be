"""Reads the servers of an execution, wave by wave: what the record, the waves' results or their last polls say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution, has_told
from drs_provider.core.task_states import TASK_OVER
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.snapshot.reader import Reader
from drs_provider.snapshot.wave_reader import server_rows

Row = Mapping[str, Any]


class ServerReader:
    """The servers of one execution, looked at as often as :meth:`read` is called."""

    def __init__(self) -> None:
        self._over: dict[tuple[str, Any], list[Row]] = {}

    def read(self, reader: Reader) -> dict[int, list[Row]]:
        """Return the rows of each wave by its number, after a look of the reader.

        Nothing proves them: they are for people.
        """
        if reader.record is not None:
            return {
                wave["waveNumber"]: list(wave.get("serverStatuses", ())) for wave in reader.record["waves"]
            }
        execution = reader.execution
        names = {number: wave.name for number, wave in reader.frozen.items()} or execution.waves
        return {
            number: self._of_wave(execution, reader.tasks, number, name)
            or _not_begun(execution, reader.frozen.get(number))
            for number, name in sorted(names.items())
        }

    def _of_wave(
        self, execution: Execution, tasks: Mapping[str, Mapping[str, Any]], number: int, name: str
    ) -> list[Row]:
        enrich, wait = (
            keys.wave_task_id(number, name, task) for task in (keys.ENRICH, keys.WAIT_FOR_RECOVERY)
        )
        ended = tasks.get(enrich)
        if ended is not None and ended["state"] in TASK_OVER and has_told(ended):
            key = (enrich, ended["start_date"])
            if key not in self._over:
                told = execution.facts(enrich, keys.WAVE_RESULT).get("serverStatuses")
                self._over[key] = server_rows(told) if told is not None else _pieces(execution, enrich)
            if self._over[key]:
                return self._over[key]
        state = tasks.get(wait, {}).get("state")
        return _pieces(execution, wait) if state is not None and has_told(tasks.get(wait)) else []


def _pieces(execution: Execution, task_id: str) -> list[Row]:
    rows: list[Row] = []
    number = 0
    while piece := server_rows(execution.xcom(task_id, keys.server_rows_key(number))):
        rows += piece
        number += 1
    return rows


def _not_begun(execution: Execution, wave: FrozenWave | None) -> list[Row]:
    if wave is None or execution.left_out(wave.number):
        return []
    return [
        {"sourceServerId": server.source_server_id, "serverName": server.name, "launchStatus": "PENDING"}
        for server in wave.servers
    ]
