"""``python -m tests.contract.stored_state [--write]``: what the last snapshot has and today's code does not store.

With ``--write`` today's is written, as the snapshot of this version; not if anything of an earlier one is lost.
"""

from __future__ import annotations

import os
import sys

import tests.conftest  # noqa: F401  settles the environment before Airflow is imported

os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"

from drs_provider import __version__
from tests.contract.stored_state import snapshot
from tests.contract.stored_state.scenes import SCENES


def main(arguments: list[str]) -> int:
    """Compare, and write if asked to; return the exit code."""
    lost: list[str] = []
    for known in snapshot.snapshots():
        lost += snapshot.lost_words(known.facts["words"], snapshot.words())
        lost += snapshot.lost_triggers(known.facts["triggers"], snapshot.triggers())
        for name in SCENES:
            lost += [f"{known.folder.name}, {name}: {text}" for text in snapshot.lost_in_scene(known, name)]
    print("\n".join(lost) or "Nothing is lost.")
    if lost:
        return 1
    if arguments == ["--write"]:
        snapshot.write(snapshot.FOLDER / __version__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
