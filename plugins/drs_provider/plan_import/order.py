"""The order of the waves of a source: numbers that count from 0 or from 1, and dependencies of many forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.journal import Journal, Refusal
from drs_provider.plan_import.result import Outcome

_NUMBER: Final = ("wavenumber", "executionorder", "launchorder", "order", "number")
_DEPENDS: Final = ("dependsonwaves", "dependson", "dependencies", "dependsonwavenumbers", "depends")
_INSIDE: Final = ("dependsonwaveid", "dependsonwavenumber", "waveid", "wavenumber", "wavename", "id", "name")
_TRAILING: Final = re.compile(r"^(?:wave)?[-_ ]?([0-9]+)$", re.IGNORECASE)


@dataclass
class SourceWave:
    """A wave of the source in its place.

    :param fields: its record
    :param name: its name, as it was
    :param number: the number that the source gives it, or None
    :param depends_on: indexes of the waves that come first; None: nothing said, the wave before
    """

    fields: Fields
    name: str
    number: int | None
    depends_on: tuple[int, ...] | None = None


def ordered_waves(records: list[Fields], journal: Journal, plan: str) -> list[SourceWave]:
    """Return the waves in their order, with their dependencies resolved.

    :raises Refusal: for a dependency that leads nowhere or forward
    """
    waves = [_wave(position, fields) for position, fields in enumerate(records)]
    numbers = [wave.number for wave in waves]
    if None not in numbers and len(set(numbers)) == len(numbers):
        waves.sort(key=lambda wave: wave.number or 0)
    elif any(number is not None for number in numbers):
        why = "the waves' numbers are incomplete or not unique: the waves keep the order of the list"
        for wave in waves:
            journal.say(Outcome.DECIDE, wave.fields, "wavenumber", why, "check the order", plan=plan)
        for wave in waves:
            wave.number = None
    _resolve(waves, journal, plan)
    return waves


def _wave(position: int, fields: Fields) -> SourceWave:
    identity = fields.peek("waveid", "id")
    name = fields.take("wavename", "name", "stepname")
    number = next((n for key in _NUMBER if (n := _integer(fields.peek(key))) is not None), None)
    fields.has("waveid", "id", *_NUMBER)
    return SourceWave(fields, str(name or identity or f"wave {position + 1}"), number)


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return int(value) if float(value) == int(float(value)) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _resolve(waves: list[SourceWave], journal: Journal, plan: str) -> None:
    said = [_said(wave.fields) for wave in waves]
    find = _finder(waves, said, journal, plan)
    reasons = []
    for index, (wave, values) in enumerate(zip(waves, said, strict=True)):
        if values is None:
            continue
        found = [find(value) for value in values]
        wrong = [value for value, place in zip(values, found, strict=True) if place is None or place >= index]
        if wrong:
            text = ", ".join(str(value) for value in wrong)
            reasons.append(
                f"wave {wave.name}: it depends on {text}, which is no earlier wave of the plan: correct the export"
            )
            continue
        wave.depends_on = tuple(sorted({place for place in found if place is not None}))
        _tell(index, wave, waves, journal, plan)
    if reasons:
        raise Refusal(*reasons)


def _said(fields: Fields) -> list[Any] | None:
    """Return what the wave says that it depends on: numbers and names; None if it says nothing."""
    if not fields.has(*_DEPENDS):
        return None
    value = fields.peek(*_DEPENDS)
    values = value if isinstance(value, list) else [] if value is None else [value]
    plain = []
    for item in values:
        if isinstance(item, Mapping):
            plain.append(Fields(fields.source, fields.spelled(*_DEPENDS), item).peek(*_INSIDE))
        else:
            plain.append(item)
    return plain


def _finder(
    waves: list[SourceWave], said: list[list[Any] | None], journal: Journal, plan: str
) -> Callable[[Any], int | None]:
    """Return the function that gives a dependency's index."""
    ids = {
        str(wave.fields.peek("waveid", "id")): i
        for i, wave in enumerate(waves)
        if wave.fields.peek("waveid", "id")
    }
    names = {wave.name: index for index, wave in enumerate(waves)}
    numbers = {wave.number: index for index, wave in enumerate(waves) if wave.number is not None}
    if not numbers:
        base = _base(waves, said, journal, plan)
        numbers = {index + base: index for index in range(len(waves))}

    def find(value: Any) -> int | None:
        text = str(value)
        for known in (ids, names):
            if text in known:
                return known[text]
        match = _TRAILING.match(text)
        number = _integer(value) if match is None else int(match[1])
        return None if number is None else numbers.get(number)

    return find


def _base(waves: list[SourceWave], said: list[list[Any] | None], journal: Journal, plan: str) -> int:
    """Return whether unnumbered waves are counted from 0 or from 1 by those that depend on them."""
    numbers = [
        (index, int(match[1]))
        for index, values in enumerate(said)
        for value in values or ()
        if (match := _TRAILING.match(str(value)))
    ]
    if not numbers:
        return 0
    from_zero = all(number < index for index, number in numbers)
    from_one = all(1 <= number <= index for index, number in numbers)
    if from_zero and from_one:
        for index, _ in numbers:
            why = "waves without numbers: a dependency is read as counted from 0, the first wave being 0"
            journal.say(
                Outcome.DECIDE,
                waves[index].fields,
                waves[index].fields.which(*_DEPENDS),
                why,
                "check depends_on",
                plan=plan,
            )
    return 0 if from_zero or not from_one else 1


def _tell(index: int, wave: SourceWave, waves: list[SourceWave], journal: Journal, plan: str) -> None:
    field = wave.fields.which(*_DEPENDS)
    if not wave.depends_on:
        wave.depends_on = None
        if index > 0:
            why = (
                "it depends on nothing, but the other system ran waves one after the other: so does the plan"
            )
            remedy = "write `depends_on: []` to start it beside the waves before"
            journal.say(Outcome.CHANGED, wave.fields, field, why, remedy, plan=plan)
    elif wave.depends_on != (index - 1,):
        before = ", ".join(waves[place].name for place in wave.depends_on)
        why = f"the other system ran waves one after the other; here it starts as soon as these are done: {before}"
        remedy = "remove depends_on to keep one after the other"
        journal.say(Outcome.CHANGED, wave.fields, field, why, remedy, plan=plan)
