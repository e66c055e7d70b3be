"""From plan and run configuration to the frozen plan."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from drs_provider.core.states import ExecutionType
from drs_provider.plan.conf.parsing import parse_run_conf
from drs_provider.plan.model import Plan
from drs_provider.rules.concurrency.claims import claim_of
from drs_provider.rules.execution.freezing import ResolvedServer, RunIdentity, freeze_header, freeze_waves
from drs_provider.rules.execution.frozen import FrozenGate, FrozenPlan, FrozenWave
from tests.harness.plans import WIKI, plan, recovery_of

NOW = 1_800_000_000.0
GATE = {"approvers": ["dr-approver-1"], "timeout_minutes": 30, "on_timeout": "approve"}
RECOVERY = {"initiators": ["dr-lead"], "approvers": ["dr-approver-1", "dr-approver-2"]}
IDENTITY = RunIdentity("exec-1", "drs_small", "run-1", NOW, NOW + 1, "dr-lead")


def chain(*names: str, **fields: Any) -> Plan:
    waves = [
        {"name": name, "servers": (f"s-{number}{'0' * 16}",)} for number, name in enumerate(names, start=1)
    ]
    return plan(*waves, **fields)


def frozen(made: Plan, conf: dict[str, Any] | None = None, **options: Any) -> dict[str, FrozenWave]:
    servers = {
        name: [ResolvedServer(server, f"name-{server}", {"Role": "batch"}) for server in group.servers]
        for name, group in made.protection_groups.items()
    }
    run_conf = parse_run_conf(conf or {}, made, now=NOW)
    return {wave.name: wave for wave in freeze_waves(made, run_conf, servers, **options)}


def test_a_drills_gates_are_the_plans() -> None:
    made = plan({"name": "first", "servers": WIKI[:1]}, {"name": "second", "servers": WIKI[1:], "gate": GATE})
    waves = frozen(made)
    assert waves["first"].gate.armed_by is None
    gate = waves["second"].gate
    assert (gate.armed_by, gate.approvers, gate.timeout_seconds) == ("plan", ("dr-approver-1",), 1800)
    assert gate.on_timeout == "approve"
    assert not gate.exclude_initiator


def test_a_recovery_has_a_gate_before_whatever_runs_first() -> None:
    made = chain("a", "b", "c", recovery=RECOVERY)
    waves = frozen(made, recovery_of(made))
    assert [wave.gate.armed_by for wave in waves.values()] == ["default", None, None]
    assert waves["a"].gate.exclude_initiator
    assert waves["a"].gate.approvers == ("dr-approver-1", "dr-approver-2")
    part = frozen(made, recovery_of(made, waves=["c"]))
    assert part["c"].gate.armed_by == "default"


def test_every_wave_that_nothing_precedes_has_one() -> None:
    made = plan(
        {"name": "west", "servers": WIKI[:1], "depends_on": []},
        {"name": "east", "servers": WIKI[1:], "depends_on": []},
        recovery=RECOVERY,
    )
    waves = frozen(made, recovery_of(made))
    assert [wave.gate.armed_by for wave in waves.values()] == ["default", "default"]


def test_conf_arms_further_gates() -> None:
    waves = frozen(chain("a", "b"), {"pause_before": ["b"]})
    assert [wave.gate.armed_by for wave in waves.values()] == [None, "conf"]
    everywhere = frozen(chain("a", "b"), {"pause_before": ["all"]})
    assert [wave.gate.armed_by for wave in everywhere.values()] == ["conf", "conf"]


def test_skip_gates_disarms_all_of_a_drill() -> None:
    made = plan({"name": "first", "servers": WIKI, "gate": GATE})
    assert frozen(made, {"skip_gates": True})["first"].gate.armed_by is None


@pytest.mark.parametrize("gate", [None, GATE])
def test_trap_33_replacing_a_live_instance_needs_a_person(gate: dict[str, Any] | None) -> None:
    made = plan(
        {"name": "first", "servers": WIKI[:1]},
        {"name": "second", "servers": WIKI[1:], **({"gate": gate} if gate else {})},
        recovery=RECOVERY,
    )
    waves = frozen(made, {"replace_live_instances": [WIKI[1]]})
    assert waves["first"].gate.armed_by is None
    found = waves["second"].gate
    assert found.armed_by == "conf"
    assert found.exclude_initiator
    assert found.on_timeout == "reject"
    assert found.approvers == (("dr-approver-1",) if gate else ("dr-approver-1", "dr-approver-2"))


def test_optional_servers_and_the_least_number() -> None:
    made = plan({"name": "first", "servers": WIKI, "optional": {"servers": [WIKI[1]]}, "min_launched": "50%"})
    wave = frozen(made)["first"]
    assert [server.critical for server in wave.servers] == [True, False]
    assert wave.min_launched == 1


def test_servers_keep_their_snapshot_and_lag() -> None:
    wave = frozen(plan(), snapshots={WIKI[0]: "pit-1"})["everything"]
    assert [server.snapshot_id for server in wave.servers] == ["pit-1", None]


def test_waves_left_out_stay_in_the_frozen_plan() -> None:
    waves = frozen(chain("a", "b", "c"), {"waves": ["c"]})
    assert [wave.selected for wave in waves.values()] == [False, False, True]
    assert waves["c"].depends_on == (2,)


def test_the_header_says_who_asked_for_what() -> None:
    made = chain("a", "b")
    given = {"waves": ["b"], "reason": "quarterly", "initiated_by": "ops room"}
    header = freeze_header(made, parse_run_conf(given, made, now=NOW), IDENTITY, given_conf=given)
    assert (header.initiated_by, header.requested_by, header.reason) == ("dr-lead", "ops room", "quarterly")
    assert header.plan_hash == made.content_hash
    assert header.conf == given
    assert [(ref.name, ref.selected) for ref in header.waves] == [("a", False), ("b", True)]
    assert header.hold.enabled
    assert FrozenPlan.model_validate(json.loads(json.dumps(header.model_dump(mode="json")))) == header


def test_an_unattended_drill_is_not_held() -> None:
    made = chain("a")
    conf = parse_run_conf({"skip_gates": True}, made, now=NOW)
    assert not freeze_header(made, conf, IDENTITY, given_conf={}).hold.enabled


def test_a_recoverys_gate_escalates_whatever_the_plan_says_of_a_timeout() -> None:
    people = {**RECOVERY, "escalate_to": ["team:managers", "cto"], "emergency_approvers": ["ceo"]}
    made = plan(
        {"name": "first", "servers": WIKI[:1], "gate": {**GATE, "escalate_to": ["cio"]}},
        {
            "name": "second",
            "servers": WIKI[1:],
            "gate": {"approvers": ["team:managers"], "remind_after_minutes": 7},
        },
        recovery=people,
    )
    first, second = (wave.gate for wave in frozen(made, recovery_of(made)).values())
    assert (first.on_timeout, first.escalate_to) == ("escalate", ("cio",))
    assert (first.remind_after_seconds, second.remind_after_seconds) == (900, 420)
    assert second.escalate_to == ("cto",), "who is asked from the beginning is not asked later"
    assert second.emergency_approvers == ("ceo",)
    drill, _ = (wave.gate for wave in frozen(made).values())
    assert (drill.on_timeout, drill.escalate_to, drill.emergency_approvers) == ("approve", (), ())


def test_a_gate_that_an_older_version_froze_does_not_end_a_recovery_by_its_time() -> None:
    older = FrozenGate.model_validate({"armed_by": "plan", "timeout_seconds": 60, "on_timeout": "reject"})
    assert older.policy(ExecutionType.RECOVERY) == "escalate"
    assert older.policy(ExecutionType.DRILL) == "reject"


def test_a_claim_of_a_recovery_ends_with_its_run_only() -> None:
    """Its gates wait for people for as long as it takes."""
    made = chain("a", recovery=RECOVERY)
    kinds = {}
    for kind, conf in (("DRILL", {}), ("RECOVERY", recovery_of(made))):
        waves = tuple(frozen(made, conf).values())
        run_conf = parse_run_conf(conf, made, now=NOW)
        kinds[kind] = claim_of(freeze_header(made, run_conf, IDENTITY, given_conf=conf), waves)
    own = replace(kinds["DRILL"], execution_id="another")
    later = max(claim.until for claim in kinds.values()) + 1
    assert own.common_servers(kinds["DRILL"], now=later) == {}
    assert own.common_servers(kinds["RECOVERY"], now=later) != {}
