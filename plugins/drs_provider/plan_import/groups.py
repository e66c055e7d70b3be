"""Protection groups of the sources, as the protection groups of plan files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from drs_provider.plan.error_messages import told_errors
from drs_provider.plan.model import ProtectionGroup
from drs_provider.plan.problems import did_you_mean, format_path
from drs_provider.plan_import.contexts import Context, read_context
from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.journal import Journal, Refusal
from drs_provider.plan_import.naming import Names, slug
from drs_provider.plan_import.result import Outcome
from drs_provider.plan_import.selection import SERVERS, TAGS, selecting_tags, server_ids
from drs_provider.plan_import.targets import Targets

_ID = ("groupid", "protectiongroupid", "id")
_NAME = ("groupname", "protectiongroupname", "name")
_DESCRIPTION = ("description", "groupdescription")


@dataclass
class Group:
    """A protection group of a plan file.

    :param name: its key
    :param target: name of its target
    :param servers: listed server ids, or none
    :param tags: selecting tags, or None
    :param comments: lines of the plan file above it
    """

    name: str
    target: str
    servers: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None
    comments: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Return its entry in a plan file."""
        chosen = {"servers": list(self.servers)} if self.tags is None else {"tags": dict(self.tags)}
        return {"target": self.target, **chosen}


@dataclass
class _Part:
    """The servers of a record in one account and Region."""

    context: Context
    servers: tuple[str, ...]
    tags: dict[str, str] | None


@dataclass
class _Record:
    """A protection group of the sources."""

    fields: Fields
    label: str
    description: str
    parts: list[_Part] = field(default_factory=list)
    fault: Refusal | None = None
    used: bool = False


class Groups:
    """All protection groups of the sources, by id and by name.

    :param records: the records
    :param targets: gives the groups their targets
    :param journal: takes what is not carried
    :param names: the names of groups that were given out
    """

    def __init__(self, records: list[Fields], targets: Targets, journal: Journal, names: Names) -> None:
        self._targets = targets
        self._journal = journal
        self._names = names
        self._made: dict[tuple[int, int, str, tuple[str, ...]], Group] = {}
        self._by_key: dict[str, list[_Record]] = {}
        self._records = [self._read(fields) for fields in records]

    def of_wave(
        self, references: list[str], servers: tuple[str, ...], around: Context, wave: str
    ) -> list[Group]:
        """Return the groups of a wave.

        :param references: ids or names of the wave's protection groups
        :param servers: the servers of them that the wave takes; empty for all
        :param around: account context of the plan, for groups that have none
        :param wave: name of the wave, for derived groups and messages
        :raises Refusal: with everything that is missing
        """
        reasons: list[str] = []
        found: list[Group] = []
        left = dict.fromkeys(servers)
        for reference in sorted(dict.fromkeys(references), key=self._by_tags):
            try:
                record = self._find(reference, wave)
                found += self._groups_of(record, tuple(left) if servers else None, around, wave)
            except Refusal as refusal:
                reasons += refusal.reasons
                continue
            for group in found:
                for server in group.servers:
                    left.pop(server, None)
        if servers and left and not reasons:
            reasons.append(
                f"wave {wave}: servers {', '.join(left)} are in none of its protection groups: correct the export"
            )
        if reasons:
            raise Refusal(*reasons)
        return found

    def holding(self, servers: tuple[str, ...], references: list[str]) -> list[str]:
        """Return the references of the groups that list any of the servers."""
        chosen = []
        for reference in references:
            records = self._by_key.get(reference, [])
            if any(set(part.servers) & set(servers) for record in records for part in record.parts):
                chosen.append(reference)
        return chosen

    def unused(self) -> Iterator[Group]:
        """Yield the groups that no plan has used; what they lack is reported."""
        for record in self._records:
            if record.used:
                continue
            try:
                yield from self._groups_of(record, None, Context(), record.label)
            except Refusal as refusal:
                why = f"no imported plan uses this group, and it cannot stand alone: {'; '.join(refusal.reasons)}"
                self._journal.say(Outcome.DROPPED, record.fields, "", why)

    def sound(self) -> Iterator[Fields]:
        """Yield the records in which nothing is wrong."""
        return (record.fields for record in self._records if record.fault is None)

    def _read(self, fields: Fields) -> _Record:
        identity, name = fields.take(*_ID), fields.take(*_NAME)
        label = str(name or identity or "group")
        record = _Record(fields, label, str(fields.take(*_DESCRIPTION) or ""))
        try:
            record.parts = list(self._parts(fields, record))
        except Refusal as refusal:
            record.fault = refusal
        if identity is not None and name is not None:
            self._journal.say(
                Outcome.NOTE, fields, fields.which(*_ID), "ids are not carried: names lead from wave to group"
            )
        if record.description:
            why = "protection groups have no description: it is a comment in the file"
            self._journal.say(Outcome.CHANGED, fields, fields.which(*_DESCRIPTION), why)
        for key in {str(value) for value in (identity, name) if value is not None}:
            self._by_key.setdefault(key, []).append(record)
        return record

    def _parts(self, fields: Fields, record: _Record) -> Iterator[_Part]:
        context = read_context(fields)
        members = fields.children("accounts")
        for member in members:
            inner = read_context(member).or_else(context)
            yield _Part(inner, *self._selection(member, record))
        if members:
            why = "a group has one account and Region: it became one group for each"
            self._journal.say(Outcome.CHANGED, fields, "accounts", why)
        if not members or any(fields.peek(name) for name in (*SERVERS, *TAGS)):
            yield _Part(context, *self._selection(fields, record))

    def _selection(self, fields: Fields, record: _Record) -> tuple[tuple[str, ...], dict[str, str] | None]:
        tags = selecting_tags(fields)
        # Read the ids only if they count: unread, they end in the report.
        servers = () if tags is not None else server_ids(fields, *SERVERS)
        if tags is not None and fields.peek(*SERVERS):
            why = "the group is selected by tags: a list of servers beside them has no place"
            remedy = "compare the servers that carry the tags with this list"
            field = next(name for name in SERVERS if fields.peek(name))
            self._journal.say(Outcome.DECIDE, fields, field, why, remedy)
            fields.take(*SERVERS)
        if tags is None and not servers:
            raise Refusal(
                f"protection group {record.label}: it lists no servers and no tags: correct the export"
            )
        return servers, tags

    def _by_tags(self, reference: str) -> bool:
        """Sort key: what a listed group takes of a wave's servers, a group selected by tags need not hold."""
        return any(
            part.tags is not None for record in self._by_key.get(reference, []) for part in record.parts
        )

    def _find(self, reference: str, wave: str) -> _Record:
        records = self._by_key.get(reference, [])
        if not records:
            hint = did_you_mean(reference, self._by_key, "add the file with it to the import")
            raise Refusal(f"wave {wave}: protection group {reference} is not in the sources ({hint})")
        if len(records) > 1:
            places = " and ".join(f"{r.fields.source}: {r.fields.place()}" for r in records)
            raise Refusal(
                f"wave {wave}: several protection groups are called {reference}: {places}: keep one"
            )
        record = records[0]
        record.used = True
        if record.fault is not None:
            raise record.fault
        return record

    def _groups_of(
        self, record: _Record, wanted: tuple[str, ...] | None, around: Context, wave: str
    ) -> list[Group]:
        """Return the groups of a record; of ``wanted`` servers only, or all for None."""
        if record.fault is not None:
            raise record.fault
        groups, reasons = [], list[str]()
        for number, part in enumerate(record.parts):
            servers = _wanted(part, wanted, single=len(record.parts) == 1)
            if wanted is not None and not servers:
                continue
            derived = wanted is not None and servers != part.servers
            try:
                groups.append(self._make(record, number, servers if derived else None, around, wave))
            except Refusal as refusal:
                reasons += refusal.reasons
        if reasons:
            raise Refusal(*reasons)
        return groups

    def _make(
        self, record: _Record, number: int, servers: tuple[str, ...] | None, around: Context, wave: str
    ) -> Group:
        part = record.parts[number]
        what = f"protection group {record.label}"
        target = self._targets.resolve(part.context.or_else(around), what, record.fields)
        key = (id(record), number, target, servers or ())
        if key in self._made:
            return self._made[key]
        wanted = slug(record.label, "group")
        if servers is not None:
            wanted = f"{wanted}_{slug(wave, 'wave')}"[:90]
        elif len(record.parts) > 1:
            wanted = f"{wanted}_{target}"[:90]
        comments = tuple(line for line in (record.label, record.description) if line and line != wanted)
        group = Group(self._names.unique(wanted), target, servers or part.servers, part.tags, comments)
        if servers is not None:
            group.tags = None
            self._tell_derived(record, group, part, wave)
        _check(group, what)
        self._made[key] = group
        return group

    def _tell_derived(self, record: _Record, group: Group, part: _Part, wave: str) -> None:
        if part.tags is None:
            why = f"wave {wave} takes some of its servers: they are the group `{group.name}`"
            self._journal.say(Outcome.CHANGED, record.fields, "", why)
            return
        why = (
            f"wave {wave} lists servers of a group that tags select: they are the listed group `{group.name}`"
        )
        remedy = "servers that get the tags later are not in it; if all of them are meant, select by tags"
        self._journal.say(Outcome.DECIDE, record.fields, record.fields.which(*TAGS), why, remedy)
        group.comments = (*group.comments, f"Check: the source selects by tags {dict(part.tags)}.")


def _wanted(part: _Part, wanted: tuple[str, ...] | None, *, single: bool) -> tuple[str, ...]:
    if wanted is None:
        return part.servers
    if part.tags is not None:
        # Tags tell nothing about a single server; the wave's list is what the other system launched.
        return wanted if single else ()
    return tuple(server for server in part.servers if server in wanted)


def _check(group: Group, what: str) -> None:
    try:
        ProtectionGroup.model_validate(group.data())
    except ValidationError as error:
        raise Refusal(
            *(
                f"{what}: {format_path(parts)}: {message} ({remedy})"
                for parts, message, remedy in told_errors(error, ProtectionGroup)
            )
        ) from error
