"""Recovery plans of the reference system, as drafts of plan files."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from drs_provider.plan.fields import MAX_TIMEOUT_MINUTES
from drs_provider.plan_import.contexts import Context, flag, read_context
from drs_provider.plan_import.drafts import PlanDraft, WaveDraft
from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.groups import Group, Groups
from drs_provider.plan_import.journal import Journal, Refusal
from drs_provider.plan_import.naming import Names, slug
from drs_provider.plan_import.order import SourceWave, ordered_waves
from drs_provider.plan_import.result import Outcome
from drs_provider.plan_import.selection import server_ids

_GROUPS: Final = (
    "protectiongroupids",
    "protectiongroupid",
    "protectiongroupnames",
    "protectiongroupname",
    "protectiongroups",
    "protectiongroup",
)
_SERVERS: Final = ("serverids", "sourceserverids", "servers")
_DURATION: Final = re.compile(
    r"(?:PT?)?\s*([0-9]+(?:\.[0-9]+)?)\s*(m|min|mins|minutes?|h|hours?|hrs?|s|sec|seconds?)", re.I
)
_PAUSE_MINUTES: Final = MAX_TIMEOUT_MINUTES


class ReferencePlans:
    """Reads plans of the reference system.

    :param groups: the protection groups of all sources
    :param journal: takes what is not carried
    :param names: the names of plans that were given out
    """

    def __init__(self, groups: Groups, journal: Journal, names: Names) -> None:
        self._groups = groups
        self._journal = journal
        self._names = names

    def read(self, fields: Fields) -> PlanDraft:
        """Return the draft of a plan.

        :raises Refusal: with everything that is missing
        """
        label = plan_label(fields)
        fields.take("planname", "recoveryplanname", "name")
        draft = PlanDraft(self._name(fields, label), label, fields.source, fields.place())
        self._header(fields, draft)
        around = read_context(fields)
        references = _texts(fields, *_GROUPS)
        records = fields.children("waves")
        if not records:
            raise Refusal("it has no waves: correct the export")
        waves = ordered_waves(records, self._journal, draft.name)
        reasons: list[str] = []
        names = Names()
        parts: list[list[WaveDraft]] = []
        for index, wave in enumerate(waves):
            try:
                parts.append(self._wave(index, wave, draft, around, references, names))
            except Refusal as refusal:
                reasons += refusal.reasons
                parts.append([])
        if reasons:
            raise Refusal(*dict.fromkeys(reasons))
        _link(waves, parts)
        draft.waves = [wave for group in parts for wave in group]
        return draft

    def _name(self, fields: Fields, label: str) -> str:
        wanted = slug(label, "plan")
        name = self._names.unique(wanted)
        if name != wanted:
            why = f"another plan is called `{wanted}` as well"
            self._journal.say(
                Outcome.CHANGED,
                fields,
                fields.which("planname", "recoveryplanname", "name"),
                why,
                f"it is `{name}` now; rename it",
                plan=name,
            )
        return name

    def _header(self, fields: Fields, draft: PlanDraft) -> None:
        draft.fields["title"] = line(draft.label, 250)
        identity = fields.take("planid", "recoveryplanid", "id")
        draft.comments.append(f"Imported from {fields.source}: {identity or draft.label}")
        description = fields.take("description", "plandescription")
        if description is not None:
            draft.comments += str(description).splitlines()
            self._changed(
                fields, "description", "plans have no description: it is a comment in the file", draft
            )
        owner = fields.take("owner", "planowner")
        if owner is not None:
            draft.fields["owner"] = line(owner, 250)
        function = fields.take("businessfunction", "application")
        if function is not None:
            draft.fields["business_function"] = line(function, 250)
        objectives = {
            "rto_minutes": self._minutes(
                fields, draft, ("rtominutes", "targetrtominutes", "rto", "targetrto")
            ),
            "rpo_minutes": self._minutes(
                fields, draft, ("rpominutes", "targetrpominutes", "rpo", "targetrpo")
            ),
        }
        if any(objectives.values()):
            draft.fields["objectives"] = {name: value for name, value in objectives.items() if value}

    def _minutes(self, fields: Fields, draft: PlanDraft, names: tuple[str, ...]) -> int | None:
        """Return a duration; a number without a unit counts as minutes, which is reported."""
        field = next((name for name in names if fields.peek(name) is not None), None)
        if field is None:
            return None
        value = fields.peek(field)
        minutes, sure = _as_minutes(value, field)
        if minutes is None or not 1 <= minutes <= MAX_TIMEOUT_MINUTES:
            return None  # left unread: it is reported with the rest
        fields.take(field)
        if not sure:
            why = "a number without a unit: it is read as minutes"
            self._journal.say(Outcome.DECIDE, fields, field, why, "check objectives", plan=draft.name)
            draft.comments.append(f"Check objectives: the source says {field} {value} without a unit.")
        elif not field.endswith("minutes"):
            self._changed(fields, field, f"it is {minutes} minutes", draft)
        return minutes

    def _wave(
        self,
        index: int,
        wave: SourceWave,
        draft: PlanDraft,
        around: Context,
        references: list[str],
        names: Names,
    ) -> list[WaveDraft]:
        """Return the wave: one part for each target of its groups."""
        fields = wave.fields
        servers = server_ids(fields, *_SERVERS)
        own = _texts(fields, *_GROUPS) or self._implied(servers, references, wave.name)
        context = read_context(fields).or_else(around)
        groups = self._groups.of_wave(own, servers, context, wave.name)
        if not groups:
            raise Refusal(f"wave {wave.name}: it has no protection group with servers: correct the export")
        by_target: dict[str, list[Group]] = {}
        for group in groups:
            members = by_target.setdefault(group.target, [])
            if group not in members:
                members.append(group)
        rest = self._wave_fields(index, fields, draft)
        comments = self._wave_comments(fields, wave, draft)
        base = slug(wave.name, f"wave_{index + 1}")
        if len(by_target) > 1:
            why = f"its groups are in {len(by_target)} accounts or Regions: it became one wave for each, side by side"
            remedy = "a gate before it is asked once for each" if "gate" in rest else ""
            self._journal.say(Outcome.CHANGED, fields, fields.which(*_GROUPS), why, remedy, plan=draft.name)
        return [
            WaveDraft(
                names.unique(base if len(by_target) == 1 else slug(f"{base[:27]}_{target[:32]}", base)),
                members,
                [],
                dict(rest),
                list(comments),
            )
            for target, members in by_target.items()
        ]

    def _implied(self, servers: tuple[str, ...], references: list[str], wave: str) -> list[str]:
        """Return the plan's groups that a wave means which names none."""
        if servers:
            found = self._groups.holding(servers, references)
            if found or not references:
                references = found
        if not references:
            raise Refusal(
                f"wave {wave}: it names no protection group, and so does the plan: correct the export"
            )
        return references

    def _wave_fields(self, index: int, fields: Fields, draft: PlanDraft) -> dict[str, Any]:
        rest: dict[str, Any] = {}
        pause = fields.peek("pausebeforewave", "pausebefore", "requiresapproval")
        if pause is not None and (wanted := flag(pause)) is not None:
            field = next(
                n
                for n in ("pausebeforewave", "pausebefore", "requiresapproval")
                if fields.peek(n) is not None
            )
            fields.take(field)
            if wanted:
                rest["gate"] = {"timeout_minutes": _PAUSE_MINUTES}
                why = "a pause is a gate, which ends: after a week without an answer it rejects"
                if index == 0:
                    why += "; the other system ignored a pause before the first wave, here it counts"
                remedy = "shorten gate.timeout_minutes, name approvers"
                self._journal.say(Outcome.CHANGED, fields, field, why, remedy, plan=draft.name)
        minutes = self._minutes(fields, draft, ("timeoutminutes", "maxwaitminutes", "timeoutseconds"))
        if minutes is not None:
            rest["timeout_minutes"] = minutes
        if str(fields.peek("executiontype", "launchtype") or "").casefold() == "parallel":
            fields.take("executiontype", "launchtype")
        return rest

    def _wave_comments(self, fields: Fields, wave: SourceWave, draft: PlanDraft) -> list[str]:
        comments = [wave.name] if wave.name != slug(wave.name, "") else []
        description = fields.take("wavedescription", "description")
        if description is not None:
            self._changed(
                fields, "wavedescription", "waves have no description: it is a comment in the file", draft
            )
            comments += str(description).splitlines()
        return comments

    def _changed(self, fields: Fields, field: str, why: str, draft: PlanDraft) -> None:
        self._journal.say(Outcome.CHANGED, fields, field, why, plan=draft.name)


def plan_label(fields: Fields) -> str:
    """Return what people call a plan of the sources."""
    return str(
        fields.peek("planname", "recoveryplanname", "name", "planid", "recoveryplanid", "id") or "plan"
    )


def line(value: Any, most: int) -> str:
    """Return the value as one line without control characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return text[:most] or "-"


def _texts(fields: Fields, *names: str) -> list[str]:
    """Return all values of the fields: a text, a list of texts, or a list of records with an id or a name."""
    found: list[str] = []
    for name in names:
        members = fields.children(name)
        if members:
            found += [
                str(value)
                for m in members
                if (value := m.take("groupid", "protectiongroupid", "id", "groupname", "name"))
            ]
            continue
        value = fields.take(name)
        found += [str(item) for item in (value if isinstance(value, list) else [value]) if item is not None]
        if found:
            break
    return list(dict.fromkeys(found))


def _as_minutes(value: Any, field: str) -> tuple[int | None, bool]:
    """Return the minutes of a duration, and whether its unit is known."""
    if isinstance(value, bool):
        return None, True
    if isinstance(value, int | float) or str(value).isdigit():
        seconds = field.endswith("seconds")
        return math.ceil(float(value) / (60 if seconds else 1)), seconds or field.endswith("minutes")
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        return None, True
    factor = {"m": 1.0, "h": 60.0, "s": 1 / 60}[match[2][0].casefold()]
    return math.ceil(float(match[1]) * factor), True


def _link(waves: list[SourceWave], parts: list[list[WaveDraft]]) -> None:
    """Set the dependencies: a wave that was split is done when all its parts are."""
    for index, drafts in enumerate(parts):
        said = waves[index].depends_on
        before = (index - 1,) if said is None and index > 0 else said or ()
        names = [draft.name for place in before for draft in parts[place]]
        for draft in drafts:
            draft.depends_on = list(names)
