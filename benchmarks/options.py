"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """How much is measured; the defaults are those of the table in docs/performance.md.

    :param folder: for files of the parts, which make what they need of it anew
    :param plans: plan files in one Airflow
    :param executions: that recover one after the other in the part `waves`
    :param waves: of each of them
    :param launch_seconds: median of a server's launch in simulated DRS
    :param at_once: how many executions are started in one moment
    :param waits: in one triggerer
    :param servers: in one wave
    """

    folder: Path
    plans: int = 500
    executions: int = 6
    waves: int = 4
    launch_seconds: float = 40.0
    at_once: tuple[int, ...] = (10, 50)
    waits: int = 1000
    servers: int = 1000
