"""What a plan says about itself in its DAG's tags: Airflow filters by them, and lists read them without the plan."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_CRITICALITY: Final = re.compile(r"criticality:(\d+)")
_DRILL_EVERY: Final = re.compile(r"drill-every:(\d+)d")


class PlanTags(NamedTuple):
    """What the tags tell.

    :param criticality: 1 is the most critical; None if the plan does not say
    :param drill_every_days: a drill is overdue after so many days; None if never
    """

    criticality: int | None = None
    drill_every_days: int | None = None

    @classmethod
    def read(cls, tags: Iterable[str]) -> PlanTags:
        """Read a DAG's tags; what is none of these is left out."""
        names = list(tags)
        return cls(_number(_CRITICALITY, names), _number(_DRILL_EVERY, names))

    def to_list(self) -> list[str]:
        """Return the tags."""
        tags = [] if self.criticality is None else [f"criticality:{self.criticality}"]
        return tags if self.drill_every_days is None else [*tags, f"drill-every:{self.drill_every_days}d"]


def _number(pattern: re.Pattern[str], names: Iterable[str]) -> int | None:
    found = (pattern.fullmatch(name) for name in names)
    return next((int(match[1]) for match in found if match), None)
