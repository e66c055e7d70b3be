"""DRS's native recovery plans, as drafts of plan files."""

from __future__ import annotations

import re
from typing import Any, Final

from drs_provider.plan_import.contexts import Context, read_context
from drs_provider.plan_import.drafts import PlanDraft, WaveDraft
from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.groups import Group
from drs_provider.plan_import.journal import Journal, Refusal
from drs_provider.plan_import.naming import Names, slug
from drs_provider.plan_import.reference_plans import line
from drs_provider.plan_import.result import Outcome
from drs_provider.plan_import.targets import Targets

_SERVER: Final = re.compile(
    r"arn:[\w-]+:drs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):source-server/(?P<id>s-\w+)"
)
_PLAN: Final = re.compile(r"arn:[\w-]+:drs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):.+")


def _order(step: Fields) -> int:
    """Return a step's place.

    :raises Refusal: if it has none that is a number: in another order other servers would come first
    """
    order = step.peek("steporder")
    if not isinstance(order, int | str) or not str(order).strip().isdecimal():
        raise Refusal(f"a step has stepOrder `{order}`, which is no number: correct the source")
    return int(order)


class NativePlans:
    """Reads native plans, each with its steps under ``steps``.

    :param targets: gives the plans their target
    :param journal: takes what is not carried
    :param names: the names of plans that were given out
    :param group_names: the names of protection groups that were given out
    """

    def __init__(self, targets: Targets, journal: Journal, names: Names, group_names: Names) -> None:
        self._targets = targets
        self._journal = journal
        self._names = names
        self._group_names = group_names

    def read(self, fields: Fields) -> PlanDraft:
        """Return the draft of a native plan.

        :raises Refusal: with everything that is missing
        """
        arn = str(fields.take("recoveryplanarn"))
        label = str(fields.take("name") or arn)
        wanted = slug(label, "plan")
        draft = PlanDraft(self._names.unique(wanted), label, fields.source, fields.place())
        if draft.name != wanted:
            why = f"another plan is called `{wanted}` as well"
            self._say(Outcome.CHANGED, fields, "name", why, draft, f"it is `{draft.name}` now; rename it")
        draft.fields["title"] = line(label, 250)
        draft.comments.append(f"Imported from {fields.source}: {arn}")
        description = fields.take("description")
        if description is not None:
            self._say(Outcome.CHANGED, fields, "description", "it is a comment in the file", draft)
            draft.comments += str(description).splitlines()
        if str(fields.peek("status") or "ACTIVE") != "ACTIVE":
            why = "DRS says that this plan is not valid"
            self._say(
                Outcome.DECIDE, fields, "status", why, draft, "look at it in DRS, then at the plan file"
            )
        fields.take("status")
        target = self._target(fields, arn, label)
        steps = sorted(fields.children("steps", "recoveryplansteps"), key=_order)
        self._steps(steps, draft, target)
        return draft

    def _target(self, fields: Fields, arn: str, label: str) -> str:
        match = _PLAN.fullmatch(arn)
        if match is None:
            raise Refusal(f"`{arn}` is not the ARN of a recovery plan: correct the source")
        context = Context(match["account"], match["region"]).or_else(read_context(fields))
        return self._targets.resolve(context, f"plan {label}", fields)

    def _steps(self, steps: list[Fields], draft: PlanDraft, target: str) -> None:
        names = Names()
        waits: list[Fields] = []
        for step in steps:
            step.has("recoveryplansteparn", "steporder", "recoveryplanarn")
            label = str(step.take("stepname", "name") or f"step {len(draft.waves) + 1}")
            configuration = step.child("configuration")
            servers = configuration.child("serverstepconfiguration") if configuration else None
            wait = configuration.child("waitstepconfiguration") if configuration else None
            if servers is not None:
                draft.waves.append(self._wave(servers, label, draft, target, names))
            elif wait is not None:
                waits.append(wait)
                self._wait(wait, label, draft)
            else:
                kind = ", ".join(path for _, path, _ in configuration.rest()) if configuration else "nothing"
                raise Refusal(
                    f"step {label} is neither servers nor a wait, but {kind}: write the plan by hand"
                )
        if not draft.waves:
            raise Refusal("none of its steps launches servers: there is nothing to recover")
        for earlier, wave in zip([None, *draft.waves], draft.waves, strict=False):
            wave.depends_on = [earlier.name] if earlier else []
        if waits:
            draft.comments.append(f"Check: {len(waits)} wait steps of DRS are not carried.")

    def _wait(self, wait: Fields, label: str, draft: PlanDraft) -> None:
        minutes = wait.take("waitdurationminutes")
        after = f"after wave `{draft.waves[-1].name}`" if draft.waves else "before the first wave"
        why = f"step {label} waits {minutes} minutes {after}: a wave starts as soon as the one before is recovered"
        remedy = "add a gate to the next wave, where somebody should look before it starts"
        self._say(Outcome.DROPPED, wait, "waitdurationminutes", why, draft, remedy)

    def _wave(self, step: Fields, label: str, draft: PlanDraft, target: str, names: Names) -> WaveDraft:
        servers: list[str] = []
        optional: list[str] = []
        place = self._targets.data[target]
        for server in step.children("servers"):
            arn = str(server.take("serverarn"))
            match = _SERVER.fullmatch(arn)
            if match is None:
                raise Refusal(f"step {label}: `{arn}` is not the ARN of a source server: correct the source")
            if (match["account"], match["region"]) != (place["account_id"], place["region"]):
                raise Refusal(
                    f"step {label}: {arn} is in another account or Region than the plan: write it by hand"
                )
            servers.append(match["id"])
            if server.take("impactlevel") == "OPTIONAL":
                optional.append(match["id"])
        name = names.unique(slug(label, f"wave_{len(draft.waves) + 1}"))
        group = Group(self._group_names.unique(f"{draft.name}_{name}"[:90]), target, tuple(servers))
        fields: dict[str, Any] = {"optional": {"servers": optional}} if optional else {}
        return WaveDraft(name, [group], [], fields, [label] if label != name else [])

    def _say(
        self, outcome: Outcome, fields: Fields, field: str, why: str, draft: PlanDraft, remedy: str = ""
    ) -> None:
        self._journal.say(outcome, fields, field, why, remedy, plan=draft.name)
