"""The page of a runbook: one HTML file to read and to print, nothing loaded from elsewhere, every text escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from drs_provider.core.account import AwsTarget
from drs_provider.core.texts import visible
from drs_provider.core.times import format_duration, format_time
from drs_provider.partitions import role_arn
from drs_provider.runbook.resolved import AROUND, Runbook
from drs_provider.runbook.script import instructions


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("drs_provider.runbook", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"time": format_time, "duration": format_duration}
    return environment.get_template("page.html.j2")


def page(runbook: Runbook) -> str:
    """Return the page of a runbook.

    :raises DrsIdentityError: if a target's Region is in no partition that is known
    """
    waves = [
        [
            {
                "wave": (wave := runbook.wave(number)),
                "after": [other.name for other in runbook.plan.waves if other.number in wave.depends_on],
                "before_steps": instructions(runbook, number, "before"),
                "after_steps": instructions(runbook, number, "after"),
            }
            for number in stage
        ]
        for stage in runbook.stages
    ]
    targets: dict[AwsTarget, str | None] = {
        wave.target: role_arn(wave.target) for wave in runbook.waves if wave.servers
    }
    text = _template().render(
        runbook=runbook,
        plan=runbook.plan,
        stages=waves,
        empty=[wave for wave in runbook.waves if not wave.servers],
        targets=targets,
        first=instructions(runbook, AROUND, "before_first"),
        last=instructions(runbook, AROUND, "after_last"),
        servers=sum(len(wave.servers) for wave in runbook.waves),
    )
    return visible(text)
