"""People as plan files name them: logins, teams of logins, and which logins are the same person.

Teams and persons stand in libraries only, so that a change of who is on call changes no plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema

from drs_provider.plan.fields import UNIQUE_ITEMS, Line, Unique, refusal

TEAM: Final = "team:"
"""What begins the name of a team in a list of logins; no login begins so."""

TEAM_NAME: Final = re.compile(r"team:[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def _login(value: str) -> str:
    if value.startswith(TEAM):
        raise refusal(f"`{value}` is a team, and only logins may stand here", "list the logins themselves")
    return value


def _login_or_team(value: str) -> str:
    if value.startswith(TEAM) and not TEAM_NAME.fullmatch(value):
        raise refusal(f"`{value}` is not the name of a team", "write it like `team:storage`, without blanks")
    return value


def _somebody(logins: tuple[str, ...]) -> tuple[str, ...]:
    if not logins:
        raise refusal(
            "there is nobody in it: a team needs members, a person a login", "list logins, or remove it"
        )
    return logins


_LOGINS_SCHEMA: Final = {"type": "array", "items": {"type": "string", "maxLength": 250}, "minItems": 1}

Login = Annotated[Line, AfterValidator(_login)]
#: A login, or a team as ``team:storage``
LoginOrTeam = Annotated[Line, AfterValidator(_login_or_team)]
#: The members of a team, or the logins of a person
Logins = Annotated[
    tuple[Login, ...],
    Unique,
    AfterValidator(_somebody),
    WithJsonSchema({**_LOGINS_SCHEMA, **UNIQUE_ITEMS}),
]


def team_of(name: str) -> str | None:
    """Return the team that an entry of a list names, None for a login."""
    return name.removeprefix(TEAM) if name.startswith(TEAM) else None


@dataclass(frozen=True)
class People:
    """Teams and persons, as libraries have them at a moment.

    :param teams: logins of the members by team
    :param persons: logins by person; a login that is with several persons may be any of them
    """

    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    persons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def logins(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the logins that a list of logins and teams stands for, each once; unknown teams have none."""
        found: dict[str, None] = {}
        for name in names:
            team = team_of(name)
            found |= dict.fromkeys((name,) if team is None else self.teams.get(team, ()))
        return tuple(found)

    def unknown_teams(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the teams of a list that have no members here."""
        named = (team_of(name) for name in names)
        return tuple(dict.fromkeys(team for team in named if team is not None and not self.teams.get(team)))

    def named_as(self, login: str, names: Iterable[str]) -> str | None:
        """Return the entry of a list by which a login is on it: itself, or its first team; None if it is not."""
        listed = tuple(names)
        if login in listed:
            return login
        return next((name for name in listed if login in self.logins((name,))), None)

    def told(self, name: str) -> str:
        """Return an entry of a list for people, a team with its members."""
        return name if team_of(name) is None else f"{name} ({', '.join(self.logins((name,))) or 'nobody'})"

    def persons_of(self, login: str) -> frozenset[str]:
        """Return who may be behind a login; a login that belongs to no person is a person of its own."""
        found = {person for person, logins in self.persons.items() if login in logins}
        return frozenset(found or {login})

    def same_person(self, one: str, other: str) -> bool:
        """Whether two logins may be the same person."""
        return one == other or not self.persons_of(one).isdisjoint(self.persons_of(other))

    def part(self, names: Iterable[str]) -> People:
        """Return the teams of a list, and all persons: which login answers is not known before."""
        named = {team_of(name) for name in names}
        return People({name: logins for name, logins in self.teams.items() if name in named}, self.persons)


NOBODY: Final = People()
