"""Rules of a run configuration: what must go together, and what cannot.

A value equal to its default counts as not given, because the form in the UI sends every parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from drs_provider.core.texts import shown
from drs_provider.plan.conf.model import RunConf
from drs_provider.plan.model import Plan
from drs_provider.plan.problems import did_you_mean, quoted_list

CLOCK_SKEW_SECONDS: Final = 60
"""A caller's clock may be ahead of ours by this much."""

ALL_WAVES: Final = "all"


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that a configuration breaks, and the key to blame."""

    key: str
    message: str
    remedy: str


def broken_rules(conf: RunConf, plan: Plan, *, now: float, wrong: set[str]) -> list[BrokenRule]:
    """Return all rules that the configuration breaks.

    :param now: epoch seconds
    :param wrong: keys whose values could not be read; nothing is concluded from them
    """
    rules: list[BrokenRule] = []
    if "execution_type" not in wrong:
        rules += _confirmation(conf, plan)
        rules += _only_in(conf, plan)
    rules += _times(conf, now)
    rules += _wave_names(conf, plan)
    rules += _unattended(conf)
    if not wrong & {"waves"}:
        rules += _servers(conf, plan)
    return [rule for rule in rules if rule.key not in wrong]


def _confirmation(conf: RunConf, plan: Plan) -> Iterator[BrokenRule]:
    if conf.execution_type == "RECOVERY" and conf.confirm_plan != plan.name:
        found = f"not `{shown(conf.confirm_plan)}`" if conf.confirm_plan else "and it is not given"
        yield BrokenRule(
            "confirm_plan",
            f"a RECOVERY needs the plan's name here, {found}",
            f"set confirm_plan to `{plan.name}` if this plan is meant",
        )
    if conf.execution_type == "DRILL" and conf.confirm_plan:
        yield BrokenRule(
            "confirm_plan",
            "it confirms a RECOVERY, but this is a DRILL",
            "set execution_type to `RECOVERY`, or leave confirm_plan out",
        )


def _only_in(conf: RunConf, plan: Plan) -> Iterator[BrokenRule]:
    drill_only = {
        "skip_gates": conf.skip_gates,
        "cleanup": conf.cleanup != plan.drill.cleanup,
        "failed_back": conf.failed_back is not None,
    }
    recovery_only = {
        "incident_time": conf.incident_time is not None,
        "source_state": conf.source_state != "unknown",
        "preempt_drill": conf.preempt_drill,
    }
    refused = drill_only if conf.execution_type == "RECOVERY" else recovery_only
    other = "DRILL" if conf.execution_type == "RECOVERY" else "RECOVERY"
    for key, given in refused.items():
        if given:
            message = f"it is for a {other} only, but this is a {conf.execution_type}"
            yield BrokenRule(key, message, f"leave {key} out")


def _times(conf: RunConf, now: float) -> Iterator[BrokenRule]:
    for key, moment in (("incident_time", conf.incident_time), ("snapshots", conf.snapshots.not_after)):
        if moment is not None and moment > now + CLOCK_SKEW_SECONDS:
            yield BrokenRule(key, "the time lies in the future", "check date and time zone")


def _wave_names(conf: RunConf, plan: Plan) -> Iterator[BrokenRule]:
    names = [wave.name for wave in plan.waves]
    for key, given, known in (
        ("waves", conf.waves, names),
        ("pause_before", conf.pause_before, [*names, ALL_WAVES]),
    ):
        for name in given:
            if name not in known:
                remedy = did_you_mean(name, known, f"the waves are {quoted_list(names)}")
                yield BrokenRule(key, f"unknown wave `{name}`", remedy)
    for name in conf.pause_before:
        if conf.waves and name in names and name not in conf.waves:
            yield BrokenRule(
                "pause_before",
                f"wave `{name}` is not among the selected waves",
                "select it in waves, or do not pause before it",
            )


def _unattended(conf: RunConf) -> Iterator[BrokenRule]:
    if not conf.skip_gates:
        return
    if conf.pause_before:
        yield BrokenRule("pause_before", "skip_gates passes every gate", "leave one of the two out")
    if conf.replace_live_instances:
        yield BrokenRule(
            "replace_live_instances",
            "it needs an approval, but skip_gates passes every gate",
            "leave skip_gates out",
        )


def _servers(conf: RunConf, plan: Plan) -> Iterator[BrokenRule]:
    """Servers must belong to the selected waves; with tag selectors only the run itself can tell."""
    known = plan.listed_servers(conf.selected_waves(plan))
    if known is None:
        return
    for key, servers in (
        ("replace_live_instances", conf.replace_live_instances),
        ("snapshots", tuple(conf.snapshots.snapshot_ids)),
    ):
        for server in servers:
            if server not in known:
                yield BrokenRule(
                    key, f"server `{server}` is not in the selected waves", "remove it, or select its wave"
                )
