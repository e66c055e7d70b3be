"""What people write in a terminal, and other people's text as a terminal shows it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.core.texts import clean, visible

#: How this program was called; the mounted form sets its own
program = "airflow drs"

_UNITS = {"s": 1, "m": 60, "h": 3600}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)([smh])")
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)")


def command(*words: str) -> str:
    """Return a command of this program that can be copied into a shell."""
    import shlex

    return f"{program} {shlex.join(words)}"


def epoch(text: str | None) -> float | None:
    """Return a time of Airflow's REST API as epoch seconds."""
    return datetime.fromisoformat(text).timestamp() if text else None


def seconds_of(text: str) -> float:
    """Read a length of time: ``30s``, ``90m``, ``2h`` or ``h:mm:ss``.

    :raises ValueError: if it is none
    """
    if found := _LENGTH.fullmatch(text):
        return float(found[1]) * _UNITS[found[2]]
    if found := _CLOCK.fullmatch(text):
        return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    raise ValueError("write it like 30s, 90m, 2h or 1:30:00")


def text_or_map(text: str) -> Any:
    """Read a text, a map as JSON, or a map as ``key=value,key=value``.

    :raises ValueError: if it begins like a map and is none
    """
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except (TypeError, ValueError) as error:
            raise ValueError(f"this is no JSON object: {error}") from error
    if "=" not in text:
        return text
    pairs = [each.partition("=") for each in text.split(",")]
    if not all(key.strip() and value.strip() for key, _, value in pairs):
        raise ValueError("write s-…=pit-…, with commas between servers")
    return {key.strip(): value.strip() for key, _, value in pairs}


def one_line(value: Any) -> str:
    """Return other people's text on one line, without what could move a terminal's cursor or colour it."""
    text = " ".join(visible(clean(str(value))).split())
    return "".join(each if each.isprintable() else "�" for each in text)


def wave_number(word: str, waves: dict[int, str]) -> int:
    """Return the number of the wave that a word names, by name or by number.

    :param waves: names by number
    :raises RefusedError: if there is no such wave
    """
    from drs_provider.plan.problems import did_you_mean, quoted_list

    numbers = {name: number for number, name in waves.items()}
    if word in numbers:
        return numbers[word]
    if word.isdecimal() and int(word) in waves:
        return int(word)
    remedy = did_you_mean(word, numbers, f"the waves are {quoted_list(numbers)}")
    raise RefusedError(f"there is no wave `{one_line(word)}`", remedy, ExitCode.NOT_FOUND)
