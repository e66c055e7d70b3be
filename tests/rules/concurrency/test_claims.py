"""Which servers an execution holds, against whom, and for how long (trap 40)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drs_provider.rules.concurrency.claims import MARGIN_SECONDS, PREPARING, Conflict, claim_of
from drs_provider.rules.execution.frozen import FrozenHold
from tests.history.world import T0, frozen_plan, frozen_wave


def claim(execution_id="one", **changes):
    waves = changes.pop("waves", [frozen_wave(1, 2), frozen_wave(2, 1), frozen_wave(3, 1, selected=False)])
    return replace(claim_of(frozen_plan(waves, execution_id=execution_id), waves), **changes)


def test_an_execution_holds_the_servers_of_its_selected_waves():
    assert len(claim().servers) == 3
    assert set(claim().servers.values()) == {"erp-1-1", "erp-1-2", "erp-2-1"}


def test_trap_40_common_servers_are_a_conflict():
    other = claim("two", waves=[frozen_wave(1, 1)])
    assert list(claim().common_servers(other, now=T0).values()) == ["erp-1-1"]


def test_the_same_server_id_in_another_account_is_another_server():
    ours = claim("one", servers={"111122223333/eu-west-1/s-1": "a"})
    theirs = claim("two", servers={"222233334444/eu-west-1/s-1": "a"})
    assert ours.common_servers(theirs, now=T0) == {}


def test_an_execution_is_not_in_its_own_way():
    assert claim().common_servers(claim(), now=T0) == {}


def test_a_dead_owner_blocks_nobody():
    other = claim("two")
    assert claim().common_servers(other, now=other.until - 1)
    assert claim().common_servers(other, now=other.until) == {}


def test_a_claim_outlasts_everything_that_the_plan_may_wait_for():
    wave = frozen_wave(1, 1)
    plan = frozen_plan([wave], hold=FrozenHold(enabled=True, timeout_seconds=7200))
    longest = wave.queue_timeout_seconds + wave.timeout_seconds + wave.post_launch_timeout_seconds
    longest += wave.gate.timeout_seconds + 7200 + MARGIN_SECONDS
    assert claim_of(plan, [wave]).until == pytest.approx(plan.started_at + longest)
    assert claim_of(plan, [wave], now=T0 + 1e6).until == pytest.approx(T0 + 1e6 + longest)


def test_a_claim_tells_which_waves_it_has_where():
    assert claim().waves == {"111122223333/eu-west-1": {"1": "database", "2": "application"}}


def conflict(**changes):
    other = claim("two", **changes.pop("other", {}))
    servers = {f"place/s-{number}": f"erp-{number:02}" for number in range(12)}
    return Conflict(**{"claim": other, "servers": servers, **changes})


def test_the_refusal_names_who_is_in_the_way_and_the_way_out():
    text = conflict().text(claim())
    assert "run manual__1, started by dr-lead" in text
    assert "erp-09 and 2 more" in text
    assert "Wait for its end" in text
    assert "as failed" in text


@pytest.mark.parametrize(
    ("own", "other", "offered"),
    [
        ("RECOVERY", "DRILL", True),
        ("DRILL", "DRILL", False),
        ("RECOVERY", "RECOVERY", False),
        ("DRILL", "RECOVERY", False),
    ],
)
def test_trap_40_the_refusal_offers_preempt_drill_only_where_it_works(own, other, offered):
    item = conflict(other={"execution_type": other})
    assert ("preempt_drill" in item.text(claim(execution_type=own))) is offered
    assert item.may_be_preempted_by(claim(execution_type=own)) is offered


def test_trap_40_the_refusal_says_that_two_began_together():
    text = conflict(doing=PREPARING).text(claim())
    assert "has just begun" in text
    assert "start one of them again" in text


def test_the_refusal_names_the_gate_that_people_must_answer():
    text = conflict(doing="gate_2").text(claim())
    assert "waits for people at gate_2" in text
    assert "Answer gate_2" in text


def test_trap_40_an_execution_in_a_paused_dag_does_not_end_by_itself():
    assert "is paused, so it does not end by itself: unpause it" in conflict(paused=True).text(claim())
