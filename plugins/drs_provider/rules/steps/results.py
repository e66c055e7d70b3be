"""What a step looks at, and what one look came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

#: Key of the subject of a step that runs once
WAVE_SUBJECT: Final = "wave"
#: Kind of the step that people do
MANUAL: Final = "manual"


@dataclass(frozen=True)
class Subject:
    """What a step is about: a recovered server, or the wave as a whole.

    :param key: source server id, or ``wave``
    :param name: for people
    :param values: placeholder → value
    """

    key: str
    name: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Look:
    """What one look at a subject came to.

    :param state: ``waiting`` is looked at again until the deadline
    :param output: what was seen, in short
    :param handle: id of the remote work, by which a later look finds it
    """

    state: Literal["waiting", "passed", "failed"]
    output: str = ""
    handle: str | None = None
