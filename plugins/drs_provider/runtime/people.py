"""Teams and persons at a moment: as libraries beside the plans have them, else as when the execution began."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from drs_provider import settings
from drs_provider.plan.files.folder import load_people
from drs_provider.plan.people import NOBODY, People
from drs_provider.rules.execution.frozen import FrozenPeople, FrozenPlan

log = logging.getLogger(__name__)


def read_people(folder: Path | None) -> tuple[People, str | None]:
    """Return the teams and persons of a folder's libraries, and why some of them may be missing.

    :param folder: of the plans; None: ``[drs] plans_folder``
    """
    place = folder or settings.get("plans_folder")
    if not place:
        return NOBODY, "it is not known where the plans are: set [drs] plans_folder"
    people, problems = load_people(Path(place))
    return people, str(problems[0]) if problems else None


def people_now(plan: FrozenPlan, folder: Path | None, names: Iterable[str]) -> tuple[People, str | None]:
    """Return teams and persons as they are now; else as they were when the execution began, and why.

    A library that somebody has just broken must neither stop a recovery nor make one person two.

    :param names: the logins and teams that are about to be asked
    """
    people, problem = read_people(folder)
    if problem is None and (unknown := people.unknown_teams(names)):
        problem = f"no library has a team {', '.join(unknown)} any more"
    if problem is None or plan.people is None:
        return people, problem
    log.warning("Teams and persons are those of the execution's start: %s", problem)
    return People(plan.people.teams, plan.people.persons), problem


def frozen_people(people: People, names: Iterable[str]) -> FrozenPeople:
    """Return the part of people that an execution keeps."""
    part = people.part(names)
    return FrozenPeople(teams=dict(part.teams), persons=dict(part.persons))
