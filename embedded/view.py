"""What a drill looks like in a terminal, live or line by line, and its final table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

_WIDTH_WITHOUT_TERMINAL = 140
_COLOURS = {"COMPLETED": "green", "FAILED": "red", "CANCELLED": "red", "WAITING": "yellow", "SKIPPED": "dim"}


@dataclass(frozen=True)
class WaveView:
    """One wave as it stands.

    :param state: PENDING, WAITING (for a person), LAUNCHING, POLLING, ENRICHING, COMPLETED, FAILED or SKIPPED
    :param servers: number of servers by launch status
    :param fraction: how far the wave is, 0 to 1; None if unknown
    :param remaining_seconds: estimate in simulated seconds; None if unknown
    """

    number: int
    name: str
    state: str
    servers: Mapping[str, int] = field(default_factory=dict)
    phase: str = ""
    fraction: float | None = None
    remaining_seconds: float | None = None

    @property
    def counts(self) -> str:
        """The servers by state as a text, for example ``2 LAUNCHED, 1 IN_PROGRESS``."""
        return ", ".join(f"{count} {state}" for state, count in self.servers.items() if count)


@dataclass(frozen=True)
class Snapshot:
    """A run as it stands.

    :param elapsed_seconds: real seconds since the run was triggered
    """

    title: str
    run_state: str
    elapsed_seconds: float
    waves: Sequence[WaveView] = ()
    step: str = ""


class View(Protocol):
    """Shows steps and progress."""

    def say(self, message: str) -> None:
        """Show one step of the launcher."""

    def show(self, snapshot: Snapshot) -> None:
        """Show where the run stands."""

    def close(self) -> None:
        """Stop showing progress; steps may still follow."""


def clock(seconds: float | None) -> str:
    """Return seconds as ``m:ss`` or ``h:mm:ss``; a dash if unknown."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class PlainView:
    """Lines for logs and pipes: one for each change, and nothing while nothing changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[int, tuple[str, ...]] = {}
        self._run_state = ""

    def say(self, message: str) -> None:
        """Print a step."""
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """Print a line for each wave that has changed."""
        if snapshot.run_state != self._run_state:
            self._run_state = snapshot.run_state
            self.say(f"[{clock(snapshot.elapsed_seconds)}] run {snapshot.run_state}")
        for wave in snapshot.waves:
            seen = (wave.state, wave.counts, wave.phase)
            if self._shown.get(wave.number, ("PENDING", "", "")) != seen:
                self._shown[wave.number] = seen
                self.say(f"[{clock(snapshot.elapsed_seconds)}] {_wave_line(wave)}")

    def close(self) -> None:
        """Nothing is held."""


def _wave_line(wave: WaveView) -> str:
    parts = [f"wave {wave.number} {wave.name}: {wave.state}", wave.counts, wave.phase]
    if wave.remaining_seconds:
        parts.append(f"about {clock(wave.remaining_seconds)} left")
    return ", ".join(part for part in parts if part)


class LiveView:
    """A table that is redrawn in place, for terminals."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def say(self, message: str) -> None:
        """Print a step above the table."""
        self._console.print(message, markup=False, highlight=False)

    def show(self, snapshot: Snapshot) -> None:
        """Redraw the table."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(_progress_table(snapshot), refresh=True)

    def close(self) -> None:
        """Leave the table as it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _progress_table(snapshot: Snapshot) -> Group:
    head = f"{snapshot.title}   {snapshot.run_state}   {clock(snapshot.elapsed_seconds)}"
    table = Table(expand=False)
    for title in ("wave", "state", "servers", "phase", "done", "left (simulated)"):
        table.add_column(title)
    for wave in snapshot.waves:
        table.add_row(
            f"{wave.number} {wave.name}",
            Text(wave.state, style=_COLOURS.get(wave.state, "")),
            wave.counts or "-",
            wave.phase or "-",
            "-" if wave.fraction is None else f"{wave.fraction:.0%}",
            clock(wave.remaining_seconds),
        )
    return Group(Text(head, style="bold"), table, Text(snapshot.step, style="dim"))


def console() -> Console:
    """Return a console for standard output; as wide as the final table needs where there is no terminal."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=_WIDTH_WITHOUT_TERMINAL)


def view_for(output: Console) -> View:
    """Return the view that suits an output."""
    return LiveView(output) if output.is_terminal else PlainView(output)


def result_table(record: Mapping[str, Any]) -> Table:
    """Return the servers of an execution record as a table; times are the simulated AWS's own."""
    table = Table(title=f"{record.get('planName', '')}: {record['status']}")
    for title in (
        "wave",
        "server",
        "instance ID",
        "type",
        "private IP",
        "launch time (UTC)",
        "duration",
        "status",
    ):
        table.add_column(title, no_wrap=True)
    for wave in record.get("waves", ()):
        for server in wave.get("serverStatuses", ()):
            table.add_row(f"{wave['waveNumber']} {wave['waveName']}", *_server_cells(wave, server))
    return table


def _server_cells(wave: Mapping[str, Any], server: Mapping[str, Any]) -> list[str]:
    # From the start of the wave's job: what a recovery takes, not only what EC2 takes to launch.
    started, launched = wave.get("startTime"), server.get("launchedTime")
    return [
        str(server.get("serverName") or server["sourceServerId"]),
        str(server.get("instanceId") or "-"),
        str(server.get("instanceType") or "-"),
        str(server.get("privateIp") or "-"),
        _utc(server.get("launchTime")),
        clock(float(launched) - float(started)) if launched and started else "-",
        str(server["launchStatus"]),
    ]


def _utc(epoch_seconds: Any) -> str:
    if not epoch_seconds:
        return "-"
    return datetime.fromtimestamp(float(epoch_seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")
