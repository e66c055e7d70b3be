"""Who gets a quota that is short (trap 42: it is waited for, and the wait names its blockers)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.quotas import DrsQuotas
from drs_provider.rules.concurrency.claims import Claim, QuotaWait, Rank
from drs_provider.rules.wave.reconcile import QuotaUsage, decide_start, room_for

NOW = 1_000_000.0
STALE = 180.0
CLAIM = Claim("e", "DRILL", "erp", "drs_erp", "run", 1, "dr-lead", 50, {}, {}, NOW + 3600)
KINDS = ("RECOVERY", "DRILL")


def wait(execution_id, *, since=NOW - 600, servers=10, seen_at=NOW, wave=1, **changes):
    claim = replace(CLAIM, execution_id=execution_id, **changes)
    return QuotaWait(claim, Rank.of(claim, wave, since), servers, seen_at)


def ahead(own, *others):
    return [
        other.claim.execution_id
        for other in others
        if other.goes_before(own.rank, now=NOW, stale_seconds=STALE)
    ]


def test_the_smaller_plan_priority_goes_first():
    high, low = wait("high", priority=1, since=NOW), wait("low", priority=100, since=0.0)
    assert ahead(low, high) == ["high"]
    assert ahead(high, low) == []


def test_with_equal_priorities_who_waits_longer_goes_first():
    early, late = wait("early", since=NOW - 900), wait("late", since=NOW - 60)
    assert ahead(late, early) == ["early"]
    assert ahead(early, late) == []


def test_a_recovery_goes_before_every_drill():
    recovery = wait("recovery", execution_type="RECOVERY", priority=1000, since=NOW)
    assert ahead(wait("drill", priority=0, since=0.0), recovery) == ["recovery"]
    assert ahead(recovery, wait("drill", priority=0, since=0.0)) == []


@pytest.mark.parametrize(("own", "other"), [(own, other) for own in KINDS for other in KINDS])
def test_who_looks_no_more_keeps_no_room_but_a_recovery_does_from_drills(own, other):
    ours = wait("ours", execution_type=own, priority=100)
    theirs = wait("theirs", execution_type=other, priority=1, seen_at=NOW - STALE - 1)
    assert ahead(ours, theirs) == (["theirs"] if (own, other) == ("DRILL", "RECOVERY") else [])


@pytest.mark.parametrize("kind", KINDS)
def test_who_needs_no_quota_or_whose_owner_is_dead_keeps_no_room(kind):
    own, first = wait("own", priority=100), {"execution_type": kind, "priority": 1}
    assert ahead(own, wait("waits for quota", **first)) == ["waits for quota"]
    assert ahead(own, wait("waits for a busy server", servers=0, **first)) == []
    assert ahead(own, wait("dead", until=NOW, **first)) == []


def test_a_wave_is_not_in_its_own_way_but_another_one_of_its_execution_may_be():
    own = wait("own", since=NOW)
    assert ahead(own, wait("own", since=NOW - 60)) == []
    assert ahead(own, wait("own", since=NOW - 60, wave=2)) == ["own"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=6))
def test_of_all_that_wait_exactly_one_goes_first(values):
    waiting = [
        wait(str(number), execution_type="RECOVERY" if real else "DRILL", priority=priority, since=NOW - age)
        for number, (real, priority, age) in enumerate(values)
    ]
    assert sorted(len(ahead(own, *waiting)) for own in waiting) == list(range(len(waiting)))


def test_who_waits_is_named_with_wave_run_and_priority():
    assert wait("e", wave=2).name == "wave 2 of DRILL of erp (run run, started by dr-lead) with priority 50"


def test_room_is_left_for_the_jobs_and_servers_of_those_ahead():
    assert room_for([101, 5], DrsQuotas(servers_per_job=100)) == QuotaUsage(
        active_jobs=3, servers_in_active_jobs=106
    )


def decide(usage, reserved=None, quotas=None, servers=("s-1", "s-2")):
    return decide_start(
        wave_servers=servers,
        attempt=1,
        owned_jobs=(),
        busy={},
        live_instances={},
        existing_instance_ids=set(),
        quotas=quotas or DrsQuotas(concurrent_jobs=20),
        usage=usage,
        reserved=reserved,
        now=NOW,
    )


def test_a_slot_that_is_free_is_left_to_who_goes_first():
    usage = QuotaUsage(active_jobs=19, servers_in_active_jobs=19)
    assert decide(usage).launch == (("s-1", "s-2"),)
    waits = decide(usage, QuotaUsage(1, 10))
    assert waits.launch == ()
    assert waits.quota_limited == {"s-1", "s-2"}
    assert "left to executions that go first" in waits.waiting["s-1"]


def test_what_those_ahead_cannot_use_is_taken():
    usage = QuotaUsage(active_jobs=17, servers_in_active_jobs=17)
    assert decide(usage, QuotaUsage(2, 10)).launch == (("s-1", "s-2"),)


def test_a_wave_that_fits_in_part_starts_in_part():
    quotas = DrsQuotas(concurrent_jobs=20, servers_in_jobs=20)
    found = decide(QuotaUsage(1, 10), QuotaUsage(1, 9), quotas)
    assert (found.launch, found.quota_limited) == ((("s-1",),), {"s-2"})
