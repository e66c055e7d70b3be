"""Which servers an execution holds, against whom, and for how long (trap 40)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drs_provider.plan.claims import MARGIN_SECONDS, Claim, claim_of, conflict_text
from drs_provider.plan.frozen import FrozenHold
from tests.history.world import T0, frozen_plan, frozen_wave


def claim(execution_id="one", **changes):
    waves = changes.pop("waves", [frozen_wave(1, 2), frozen_wave(2, 1), frozen_wave(3, 1, selected=False)])
    return replace(claim_of(frozen_plan(waves, execution_id=execution_id), waves), **changes)


def test_an_execution_holds_the_servers_of_its_selected_waves():
    assert len(claim().servers) == 3
    assert set(claim().servers.values()) == {"erp-1-1", "erp-1-2", "erp-2-1"}


def test_trap_40_common_servers_are_a_conflict():
    other = claim("two", waves=[frozen_wave(1, 1)])
    assert claim().conflict_with(other, now=T0) == ("erp-1-1",)


def test_the_same_server_id_in_another_account_is_another_server():
    ours = claim("one", servers={"111122223333/eu-west-1/s-1": "a"})
    theirs = claim("two", servers={"222233334444/eu-west-1/s-1": "a"})
    assert ours.conflict_with(theirs, now=T0) == ()


def test_an_execution_is_not_in_its_own_way():
    assert claim().conflict_with(claim(), now=T0) == ()


def test_a_dead_owner_blocks_nobody():
    other = claim("two")
    assert claim().conflict_with(other, now=other.until - 1)
    assert claim().conflict_with(other, now=other.until) == ()


def test_a_claim_outlasts_everything_that_the_plan_may_wait_for():
    wave = frozen_wave(1, 1)
    plan = frozen_plan([wave], hold=FrozenHold(enabled=True, timeout_seconds=7200))
    longest = wave.queue_timeout_seconds + wave.timeout_seconds + wave.post_launch_timeout_seconds
    longest += wave.gate.timeout_seconds + 7200 + MARGIN_SECONDS
    assert claim_of(plan, [wave]).until == pytest.approx(plan.started_at + longest)


def test_it_survives_an_xcom():
    assert Claim.from_dict(claim().to_dict()) == claim()


def test_the_refusal_names_who_is_in_the_way_and_the_way_out():
    text = conflict_text(claim("two"), [f"erp-{number}" for number in range(12)])
    assert "run manual__1, started by dr-lead" in text
    assert "and 2 more" in text
    assert "as failed" in text
