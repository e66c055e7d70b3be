"""What a measurement is, how measurements are summed up, and the table that shows them: pure rules, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

HEADINGS = ("", "measured", "baseline", "ratio", "at most", "of", "baseline is")


@dataclass(frozen=True)
class Figure:
    """One measurement beside what it is compared with; both are of the same run, or nothing could be said of it.

    :param value: in ``unit``
    :param baseline: in ``unit`` too; 0 where the baseline takes nothing
    :param against: what the baseline is
    :param most: the ratio that is a defect if it is exceeded; None: the figure is shown only
    :param of: how many measurements it was made of
    """

    name: str
    value: float
    unit: str
    baseline: float
    against: str
    most: float | None = None
    of: int = 1

    @property
    def ratio(self) -> float | None:
        """The measurement as a multiple of its baseline; None if the baseline is nothing."""
        return self.value / self.baseline if self.baseline else None

    @property
    def exceeded(self) -> bool:
        """Whether it is a defect. More than nothing exceeds every multiple of nothing."""
        if self.most is None:
            return False
        return self.value > self.most * self.baseline

    def to_dict(self) -> dict[str, Any]:
        """Return the form in which it is kept."""
        return {**asdict(self), "ratio": self.ratio, "exceeded": self.exceeded}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Figure:
        """Return what :meth:`to_dict` was made of."""
        return cls(**{name: kept[name] for name in cls.__dataclass_fields__})


def percentile(values: Iterable[float], percent: float) -> float:
    """Return a percentile, linear between the two measurements next to it.

    :raises ValueError: without any measurement
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def percentiles(
    name: str,
    values: Sequence[float],
    baseline: Sequence[float],
    against: str,
    *percents: float,
    most: float | None = None,
) -> list[Figure]:
    """Return a figure in seconds for each percentile, each against the same percentile of the baseline."""
    return [
        Figure(
            f"{name}, p{percent:g}",
            percentile(values, percent),
            "s",
            percentile(baseline, percent),
            against,
            most,
            len(values),
        )
        for percent in percents
    ]


def table(parts: Mapping[str, Iterable[Figure]]) -> str:
    """Return the figures of all parts as one table, which is Markdown and can be read as it is."""
    rows: list[Sequence[str]] = [HEADINGS]
    for part, figures in parts.items():
        rows.append((f"**{part}**", "", "", "", "", "", ""))
        rows += [_row(figure) for figure in figures]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    rule = "|".join(
        ["", *("-" * (width + 1) + (":" if 0 < n < 6 else "-") for n, width in enumerate(widths)), ""]
    )
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if 0 < number < 6 else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else short(figure.ratio)
    most = "" if figure.most is None else short(figure.most)
    return (
        figure.name,
        f"{short(figure.value)} {figure.unit}".rstrip(),
        f"{short(figure.baseline)} {figure.unit}".rstrip(),
        f"{ratio} EXCEEDED" if figure.exceeded else ratio,
        most,
        f"{figure.of:,}" if figure.of > 1 else "",
        figure.against,
    )


def short(number: float) -> str:
    """Return a number with three digits that say something; whole thousands stay whole."""
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    if abs(number) < 0.001:
        return f"{number:.1e}"
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2 if abs(number) >= 1 else 3
    return f"{number:.{digits}f}"
