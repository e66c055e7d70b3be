"""The report as one self-contained HTML file: no script, nothing loaded from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from drs_provider.core.texts import NAMES_SHOWN, comparable, visible
from drs_provider.core.times import format_duration, format_time
from drs_provider.report.timeline import timeline
from drs_provider.rules.record.clocks import TWO_CLOCKS, two_clocks

TEMPLATE = "report.html.j2"


def words(status: str) -> str:
    """Return a status as words: ``IN_PROGRESS`` as ``in progress``."""
    return status.replace("_", " ").lower()


def plainly(value: Any) -> str:
    """Return data as a text: maps as ``name: value``, lists with commas, nothing as ``none``."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {plainly(item)}" for name, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(plainly(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("drs_provider.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "time": format_time,
        "duration": format_duration,
        "words": words,
        "plainly": plainly,
    }
    return environment.get_template(TEMPLATE)


def report_html(report: Mapping[str, Any], *, sha256: str) -> str:
    """Return the report as an HTML page.

    People's texts (names, reasons, comments, errors) are shown as they are, control characters escaped, and never as
    markup.

    :param report: see :func:`drs_provider.report.build.build_report`
    :param sha256: hash of the report's JSON file
    """
    record = report["record"]
    lines = []
    for wave, figures in zip(record["waves"], report["waves"], strict=True):
        servers = list(zip(wave.get("serverStatuses", ()), figures["servers"], strict=True))
        lines.append({"wave": wave, "figures": figures, "servers": servers})
    page = _template().render(
        report=report,
        record=record,
        waves=lines,
        failures=failure_groups(report["failedServers"]),
        timeline=timeline(record),
        clock_note=TWO_CLOCKS if two_clocks(record) else "",
        sha256=sha256,
    )
    # Nothing of the template itself is a control character, and HTML may hold none.
    return visible(page)


def failure_groups(failed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return failed servers by wave and cause: the first of each, how many there are more, and their jobs."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for server in failed:
        error = server.get("error", "not launched before the wave ended")
        key = (server["waveNumber"], server["launchStatus"], comparable(error))
        group = groups.setdefault(key, {**server, "error": error, "servers": [], "more": 0, "jobs": {}})
        if len(group["servers"]) < NAMES_SHOWN:
            group["servers"].append(server)
        else:
            group["more"] += 1
        if "jobId" in server:
            group["jobs"][server["jobId"]] = None
    return list(groups.values())
