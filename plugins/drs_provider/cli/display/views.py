"""How an execution looks: one table that is drawn again in place, or a line for each change, or data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from drs_provider.airflow_rest.texts import command, one_line
from drs_provider.cli.display.output import COLOURS, Output, table
from drs_provider.cli.display.steps import accepted_text, all_step_lines, step_commands
from drs_provider.core.times import format_duration, format_time
from drs_provider.snapshot.model import ExecutionSnapshot, Question, WaveSnapshot

_WAVE_COLUMNS = {
    "wave": "wave",
    "status": "status",
    "servers": "servers",
    "phase": "phase",
    "done": "done",
    "elapsed": "elapsed",
    "expected": "expected",
    "left": "about left",
}


class View(Protocol):
    """Shows an execution while it goes on."""

    def show(self, snapshot: ExecutionSnapshot) -> None:
        """Show where the execution stands."""

    def trouble(self, message: str) -> None:
        """Tell that the last look failed."""

    def close(self) -> None:
        """Stop drawing."""


def view_for(output: Output) -> View:
    """Return the view that suits an output."""
    if not output.for_people:
        return DataView(output)
    return LiveView(output) if output.live else LineView(output)


def head(snapshot: ExecutionSnapshot) -> str:
    """Return what an execution is, in one line."""
    return one_line(f"{snapshot.execution_type} {snapshot.title}  {snapshot.name}")


def facts(snapshot: ExecutionSnapshot) -> list[str]:
    """Return an execution's times and objectives, one fact each."""
    told = [
        f"started {format_time(snapshot.started_at)}",
        f"elapsed {format_duration(snapshot.elapsed_seconds)}",
    ]
    if snapshot.expected_seconds:
        told.append(f"expected {format_duration(snapshot.expected_seconds)} without waiting for people")
    if snapshot.initiated_by:
        told.append(f"by {snapshot.initiated_by}")
    if snapshot.ticket:
        told.append(f"ticket {snapshot.ticket}")
    if snapshot.attempt > 1:
        told.append(f"attempt {snapshot.attempt}")
    return told


def rto_text(snapshot: ExecutionSnapshot) -> str:
    """Return what is used of the recovery time objective, or an empty text if the plan has none."""
    rto = snapshot.rto
    if rto is None or rto.remaining_seconds is None:
        return ""
    if rto.met is not None:
        state = "met" if rto.met else "MISSED"
    elif rto.remaining_seconds < 0:
        state = f"MISSED by {format_duration(-rto.remaining_seconds)}"
    else:
        state = f"{format_duration(rto.remaining_seconds)} left"
    used = f"{format_duration(rto.used_seconds)} used since the {rto.counted_from}"
    return f"RTO {format_duration(rto.objective_seconds)}: {used}, {state}{accepted_text(snapshot)}"


def eta_text(snapshot: ExecutionSnapshot) -> str:
    """Return when everything will be recovered, or an empty text where that is not known, or is over."""
    return f"all recovered {snapshot.eta.text()}" if snapshot.eta else ""


def question_lines(snapshot: ExecutionSnapshot, question: Question) -> list[str]:
    """Return who is waited for, until when, and the commands that answer."""
    until = ""
    if question.deadline is not None:
        until = f" until {format_time(question.deadline)} (then: {question.on_timeout})"
    if question.is_gate:
        wave = ("--wave", question.wave_name or str(question.wave_number))
        verbs = ("approve", "reject", "skip")
        commands = [command(verb, snapshot.name, *wave) for verb in verbs]
        if question.emergency_approvers:
            alone = command("approve", snapshot.name, *wave, "--emergency", "--comment", "…")
            commands.append(f"{alone}  (only {', '.join(question.emergency_approvers)}, alone)")
    elif question.step_name:
        commands = step_commands(snapshot, question)
    else:
        commands = [
            command("verdict", snapshot.name, result, "--notes", "…") for result in ("passed", "failed")
        ]
    notes = [f"  {one_line(note)}" for note in question.notes]
    return [f"{question.label} waits for {question.who}{until}", *notes, *(f"  {each}" for each in commands)]


def wave_line(wave: WaveSnapshot) -> str:
    """Return a wave as one line."""
    parts = [f"wave {wave.number} {wave.name}: {wave.status}", wave.counts, wave.phase]
    if wave.remaining_seconds:
        parts.append(f"about {format_duration(wave.remaining_seconds)} left")
    if wave.note:
        parts.append(wave.note)
    return one_line(", ".join(part for part in parts if part))


def result_line(snapshot: ExecutionSnapshot) -> str:
    """Return how an execution ended, in one line."""
    took = f" after {format_duration(snapshot.elapsed_seconds)}"
    if snapshot.status in ("DRY_RUN", "EXCLUDED"):
        return f"{snapshot.status}: nothing was launched{took}"
    done = sum(wave.status == "COMPLETED" for wave in snapshot.waves)
    waves = f", {done} of {len(snapshot.waves)} waves" if snapshot.waves else ""
    verdict = f", verdict {snapshot.verdict}" if snapshot.verdict else ""
    return f"{snapshot.status}{waves}{verdict}{took}"


def own_message(snapshot: ExecutionSnapshot) -> str:
    """Return what an execution says of its end, unless a wave says it already."""
    return "" if snapshot.message in {wave.note for wave in snapshot.waves} else snapshot.message


def wave_table(waves: Sequence[WaveSnapshot]) -> RenderableType:
    """Return the waves as a table."""
    rows = [
        {
            "wave": f"{wave.number} {wave.name}",
            "status": str(wave.status),
            "servers": wave.counts,
            "phase": wave.phase,
            "done": None if wave.fraction is None else f"{wave.fraction:.0%}",
            "elapsed": format_duration(wave.elapsed_seconds),
            "expected": format_duration(wave.expected_seconds),
            "left": format_duration(wave.remaining_seconds),
        }
        for wave in waves
    ]
    return table(_WAVE_COLUMNS, rows)


def whole(snapshot: ExecutionSnapshot) -> Group:
    """Return everything that there is to see of an execution."""
    parts: list[RenderableType] = [
        Text.assemble(
            (head(snapshot), "bold"), "  ", (str(snapshot.status), f"bold {COLOURS.get(snapshot.status, '')}")
        ),
        Text(one_line(", ".join(facts(snapshot)))),
    ]
    if rto := rto_text(snapshot):
        parts.append(Text(rto, style="red" if "MISSED" in rto else ""))
    if eta := eta_text(snapshot):
        parts.append(Text(eta, style="red" if "miss the RTO" in eta else ""))
    if snapshot.step:
        parts.append(Text(f"now: {snapshot.step}"))
    if snapshot.waves:
        parts.append(wave_table(snapshot.waves))
    parts += [Text(one_line(f"wave {w.number} {w.name}: {w.note}")) for w in snapshot.waves if w.note]
    parts += [Text(line) for line in all_step_lines(snapshot)]
    for question in snapshot.questions:
        lines = [Text(_indented(line)) for line in question_lines(snapshot, question)]
        parts.append(Padding(Group(*lines), (0, 0, 1, 0)))
    if own_message(snapshot):
        parts.append(Text(one_line(snapshot.message), style="red"))
    if snapshot.ended:
        parts.append(Text(result_line(snapshot), style=COLOURS.get(snapshot.status, "")))
    if report := report_text(snapshot):
        parts.append(Text(report, style="red" if snapshot.report_error else ""))
    parts.append(Text(snapshot.link, style="dim"))
    return Group(*parts)


def report_text(snapshot: ExecutionSnapshot) -> str:
    """Return where the report is, or why there is none; empty before the end."""
    if snapshot.report_error:
        return one_line(f"report: NOT WRITTEN: {snapshot.report_error}")
    return one_line(f"report: {snapshot.report}") if snapshot.report else ""


def _indented(line: str) -> str:
    text = line.lstrip()
    return " " * (len(line) - len(text)) + one_line(text)


class LineView:
    """A line for each change, for pipes and logs."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown: dict[object, object] = {}

    def _changed(self, what: object, value: object) -> bool:
        if self._shown.get(what) == value:
            return False
        self._shown[what] = value
        return True

    def show(self, snapshot: ExecutionSnapshot) -> None:
        """Print what has changed since the last look."""
        clock = f"[{format_duration(snapshot.elapsed_seconds)}]"
        self._show_head(snapshot, clock)
        say = self._output.say
        for wave in snapshot.waves:
            seen = (wave.status, wave.counts, wave.phase, wave.note)
            if self._changed(wave.number, seen) and wave.status != "PENDING":
                say(f"{clock} {wave_line(wave)}")
        for line in all_step_lines(snapshot):
            if self._changed(line.partition(": ")[0], line):
                say(f"{clock} {line}")
        for question in snapshot.questions:
            if self._changed(question.task_id, (question.opened_at, question.body, question.notes)):
                for line in question_lines(snapshot, question):
                    say(f"{clock} {_indented(line)}")
        if snapshot.ended:
            self._end(snapshot, clock)

    def _show_head(self, snapshot: ExecutionSnapshot, clock: str) -> None:
        say = self._output.say
        if self._changed("head", snapshot.attempt):
            self._shown["expected"] = snapshot.expected_seconds
            say(f"{clock} {head(snapshot)}")
            say(f"{clock} {one_line(', '.join(facts(snapshot)))}")
        if self._changed("expected", snapshot.expected_seconds) and snapshot.expected_seconds:
            say(f"{clock} expected {format_duration(snapshot.expected_seconds)} without waiting for people")
        if self._changed("status", snapshot.status) and not snapshot.ended:
            rto = rto_text(snapshot)
            say(f"{clock} {snapshot.status}" + (f"; {rto}" if rto else ""))
        missed = snapshot.eta is not None and snapshot.eta.rto_miss_seconds is not None
        if self._changed("misses the RTO", missed) and missed:
            say(f"{clock} {eta_text(snapshot)}")
        if self._changed("step", snapshot.step) and snapshot.step:
            say(f"{clock} now: {snapshot.step}")

    def _end(self, snapshot: ExecutionSnapshot, clock: str) -> None:
        if own_message(snapshot):
            self._output.say(f"{clock} {one_line(snapshot.message)}")
        if rto := rto_text(snapshot):
            self._output.say(f"{clock} {rto}")
        self._output.say(f"{clock} {result_line(snapshot)}")
        if report := report_text(snapshot):
            self._output.say(f"{clock} {report}")

    def trouble(self, message: str) -> None:
        """Tell it once, beside the lines."""
        if self._changed("trouble", message):
            self._output.note(one_line(message))

    def close(self) -> None:
        """Nothing is held."""


class LiveView:
    """A table that is drawn again in place, for terminals."""

    def __init__(self, output: Output) -> None:
        self._live = Live(console=output.console, auto_refresh=False)
        self._last: RenderableType = Text("")
        self._live.start()

    def show(self, snapshot: ExecutionSnapshot) -> None:
        """Draw it again."""
        self._last = whole(snapshot)
        self._live.update(self._last, refresh=True)

    def trouble(self, message: str) -> None:
        """Show it below what was seen last."""
        self._live.update(Group(self._last, Text(one_line(message), style="red")), refresh=True)

    def close(self) -> None:
        """Leave what was drawn last."""
        self._live.stop()


class DataView:
    """One JSON object per line (or YAML document) for each change, for programs."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown: object = None

    def show(self, snapshot: ExecutionSnapshot) -> None:
        """Print it if more than times has changed."""
        waves = [(w.status, w.counts, w.phase) for w in snapshot.waves]
        steps = all_step_lines(snapshot)
        seen = (
            snapshot.status,
            snapshot.ended,
            snapshot.attempt,
            waves,
            steps,
            [q.to_dict() for q in snapshot.questions],
        )
        if seen != self._shown:
            self._shown = seen
            self._output.data_line(snapshot.to_dict())

    def trouble(self, message: str) -> None:
        """Tell it beside the data."""
        self._output.note(one_line(message))

    def close(self) -> None:
        """Nothing is held."""
