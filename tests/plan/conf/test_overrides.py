"""Every field of the run configuration that loosens something is an override: what, who, why, what it loosened."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.plan.conf.overrides import (
    LOOSENING,
    MAX_ENTRIES,
    NO_REASON,
    NOT_LOOSENING,
    conf_overrides,
    shown_conf,
)
from drs_provider.plan.conf.parsing import RunConf, parse_run_conf
from tests.plan.plan_files import DB_1, make_plan, plan_data

PLAN = make_plan()
RECOVERY = {"execution_type": "RECOVERY", "confirm_plan": "erp"}
#: field -> a configuration in which it loosens something, and a part of what it then says
EXAMPLES: dict[str, list[tuple[dict[str, Any], str]]] = {
    "skip_gates": [({"skip_gates": True}, "not verified")],
    "preflight": [({"preflight": "warn"}, "findings")],
    "cleanup": [({"cleanup": "keep"}, "keep running")],
    "source_state": [
        ({**RECOVERY, "source_state": "lost"}, "lost"),
        ({**RECOVERY, "source_state": "fenced"}, "fenced"),
    ],
    "replace_live_instances": [({"replace_live_instances": [DB_1]}, DB_1)],
    "preempt_drill": [({**RECOVERY, "preempt_drill": True}, "cancelled")],
    "failed_back": [({"failed_back": "CHG7: moved back"}, "CHG7: moved back")],
    "waves": [({"waves": ["database"]}, "application")],
    "snapshots": [
        ({"snapshots": {DB_1: "pit-1111111111111111a"}}, DB_1),
        ({"snapshots": "2026-01-01T00:00:00Z"}, "2026-01-01"),
    ],
}


def overrides(conf: dict[str, Any], plan: Any = PLAN) -> list[dict[str, Any]]:
    return conf_overrides(parse_run_conf(conf, plan), plan, by="dr-lead")


def test_every_field_of_the_run_configuration_is_classified_and_has_an_example():
    assert {*LOOSENING} | {*NOT_LOOSENING} == {*RunConf.model_fields}
    assert not {*LOOSENING} & {*NOT_LOOSENING}
    assert {*EXAMPLES} == {*LOOSENING}


@pytest.mark.parametrize("field", EXAMPLES)
def test_what_loosens_is_named_with_who_and_why(field):
    for conf, part in EXAMPLES[field]:
        (entry,) = overrides({**conf, "reason": "quarter end"})
        assert (entry["what"], entry["by"], entry["why"]) == (field, "dr-lead", "quarter end")
        assert part in entry["loosened"]
        (entry,) = overrides(conf)
        assert entry["why"] == NO_REASON


def test_defaults_loosen_nothing():
    assert overrides({}) == []
    assert overrides({**RECOVERY, "incident_time": "2026-01-01T00:00:00Z", "pause_before": "all"}) == []
    assert overrides({"waves": [wave.name for wave in PLAN.waves]}) == []


def test_what_the_plan_itself_says_is_no_override():
    keeps = make_plan(plan_data() | {"drill": {"cleanup": "keep"}})
    assert overrides({}, keeps) == []
    assert overrides({"cleanup": "terminate"}, keeps) == []


def test_the_configuration_in_the_record_is_as_given_visible_and_of_limited_length():
    given = {
        "reason": "a\x07b",
        "waves": [f"w{n}" for n in range(300)],
        "snapshots": {f"s-{n}": "pit" for n in range(300)},
        "skip_gates": True,
        "ticket": None,
    }
    shown = shown_conf(given)
    assert shown["reason"] == r"a\x07b"
    assert shown["waves"][MAX_ENTRIES:] == ["… and 250 more"]
    assert shown["snapshots"]["…"] == "250 more"
    assert (shown["skip_gates"], shown["ticket"]) == (True, None)
