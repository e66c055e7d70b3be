"""Names for plan files from names of other systems: slugs, unique, at most as long as the schema allows."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")
_MAX: Final = 60


def slug(text: str, otherwise: str) -> str:
    """Return lower-case letters, digits and single ``_``; ``otherwise`` if nothing of the text is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_SLUG.sub("_", plain.casefold()).strip("_")[:_MAX].strip("_") or otherwise


class Names:
    """Names that were given out; a name that is taken gets a number."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, wanted: str) -> str:
        """Return the name, or with ``_2``, ``_3``, … if it is taken."""
        name, number = wanted, 2
        while name in self._taken:
            name = f"{wanted}_{number}"
            number += 1
        self._taken.add(name)
        return name
