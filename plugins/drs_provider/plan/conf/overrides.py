"""What a run configuration loosens: every field of it is classified here, and each that loosens is an override."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from drs_provider.core.texts import message, named
from drs_provider.core.times import format_time
from drs_provider.plan.conf.model import RunConf
from drs_provider.plan.model import Plan

MAX_ENTRIES: Final = 50
"""How many entries of a list or map of the run configuration the record shows."""

NOT_LOOSENING: Final[Mapping[str, str]] = {
    "execution_type": "what is run; a RECOVERY needs confirm_plan and an approval",
    "confirm_plan": "a condition of a RECOVERY",
    "reason": "for the record",
    "ticket": "for the record",
    "initiated_by": "for the record, as requestedBy",
    "incident_time": "never later than the trigger, from which the RTO counts otherwise; in the record",
    "pause_before": "adds gates",
    "dry_run": "launches nothing",
}
"""Fields that loosen nothing, and why."""

NO_REASON: Final = "no reason was given"


def _skip_gates(conf: RunConf, plan: Plan) -> Iterator[str]:
    if conf.skip_gates:
        gates = [wave.name for wave in conf.selected_waves(plan) if wave.gate is not None]
        skipped = [f"the gate before {named(gates)}"] if gates else []
        skipped += ["the drill's hold"] if plan.drill.hold is not None else []
        yield f"nobody is asked: {' and '.join(skipped) or 'the plan has no gate'}; the drill is not verified"


def _preflight(conf: RunConf, plan: Plan) -> Iterator[str]:
    if conf.preflight == "warn":
        yield "preflight findings that may be overridden do not stop the execution"


def _cleanup(conf: RunConf, plan: Plan) -> Iterator[str]:
    if conf.cleanup == "keep" and plan.drill.cleanup != "keep":
        yield "the drill's instances keep running after its end"


def _source_state(conf: RunConf, plan: Plan) -> Iterator[str]:
    if conf.source_state != "unknown":
        yield f"a source that still replicates does not stop the RECOVERY: it is {conf.source_state}"


def _replaced(conf: RunConf, plan: Plan) -> Iterator[str]:
    if conf.replace_live_instances:
        yield f"live recovery instances may be destroyed, of {named(conf.replace_live_instances)}"


def _preempt(conf: RunConf, plan: Plan) -> Iterator[str]:
    if conf.preempt_drill:
        yield "a drill that holds these servers is cancelled instead of refusing the RECOVERY"


def _waves(conf: RunConf, plan: Plan) -> Iterator[str]:
    left_out = [wave.name for wave in plan.waves if wave not in conf.selected_waves(plan)]
    if left_out:
        yield f"waves are left out, and count as met: {named(left_out)}"


def _snapshots(conf: RunConf, plan: Plan) -> Iterator[str]:
    rule = conf.snapshots
    if rule.kind == "not_after":
        yield f"data after {format_time(rule.not_after or 0)} are given up"
    elif rule.kind == "named":
        yield f"data after the chosen points in time are given up, of {named(list(rule.snapshot_ids))}"


def _failed_back(conf: RunConf, plan: Plan) -> Iterator[str]:
    if conf.failed_back:
        yield f"instances of the plan's RECOVERY that run on outside of DRS no longer count: {conf.failed_back}"


LOOSENING: Final[Mapping[str, Callable[[RunConf, Plan], Iterator[str]]]] = {
    "skip_gates": _skip_gates,
    "preflight": _preflight,
    "cleanup": _cleanup,
    "source_state": _source_state,
    "replace_live_instances": _replaced,
    "preempt_drill": _preempt,
    "failed_back": _failed_back,
    "waves": _waves,
    "snapshots": _snapshots,
}
"""Fields that may loosen something: what they loosen, or nothing if their value does not."""


def conf_overrides(conf: RunConf, plan: Plan, *, by: str) -> list[dict[str, Any]]:
    """Return the record's entry for each field that loosens something: what, by whom, why, what it loosened.

    :param by: the authenticated user
    """
    why = conf.reason or NO_REASON
    return [
        {"what": field, "subject": f"conf {field}", "loosened": loosened, "by": by, "why": why}
        for field, loosens in LOOSENING.items()
        for loosened in loosens(conf, plan)
    ]


def shown_conf(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run configuration as it was given, for the record: texts visible and cut, long lists and maps cut."""
    return {str(key): _shown(value) for key, value in conf.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return message(value)
    if isinstance(value, Mapping):
        kept = {message(str(key)): _shown(item) for key, item in islice(value.items(), MAX_ENTRIES)}
        more = len(value) - len(kept)
        return {**kept, "…": f"{more} more"} if more > 0 else kept
    if isinstance(value, (list, tuple)):
        more = len(value) - MAX_ENTRIES
        return [_shown(item) for item in value[:MAX_ENTRIES]] + ([f"… and {more} more"] if more > 0 else [])
    return value
