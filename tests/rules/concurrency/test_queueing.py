"""Who gets a quota that is short (trap 42: it is waited for, and the wait names its blockers)."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from drs_provider.rules.concurrency.queueing import Ticket, ahead_of, holders_text, job_owner, reserved_for
from drs_provider.rules.drs.jobs import JobServerView, JobView
from drs_provider.rules.wave.reconcile import Quotas, QuotaUsage, decide_start

NOW = 1_000_000.0
STALE = 180.0
BASE = Ticket("e", "DRILL", "erp", "run", 50, "111122223333/eu-west-1", 1, 10, NOW - 600, NOW)


def ticket(execution_id, **changes):
    return replace(BASE, execution_id=execution_id, **changes)


def ahead(own, *others):
    found = ahead_of(own, others, now=NOW, stale_seconds=STALE)
    return [item.execution_id for item in found]


def test_the_smaller_plan_priority_goes_first():
    high, low = ticket("high", priority=1, since=NOW), ticket("low", priority=100, since=0.0)
    assert ahead(low, high) == ["high"]
    assert ahead(high, low) == []


def test_with_equal_priorities_who_waits_longer_goes_first():
    early, late = ticket("early", since=NOW - 900), ticket("late", since=NOW - 60)
    assert ahead(late, early) == ["early"]
    assert ahead(early, late) == []


def test_a_recovery_goes_before_every_drill():
    recovery = ticket("recovery", execution_type="RECOVERY", priority=1000, since=NOW)
    assert ahead(ticket("drill", priority=0, since=0.0), recovery) == ["recovery"]
    assert ahead(recovery, ticket("drill", priority=0, since=0.0)) == []


def test_who_waits_elsewhere_or_looks_no_more_or_needs_no_quota_keeps_no_room():
    own = ticket("own", priority=100)
    assert ahead(own, ticket("other Region", priority=1, place="111122223333/us-east-1")) == []
    assert ahead(own, ticket("dead", priority=1, seen_at=NOW - STALE - 1)) == []
    assert ahead(own, ticket("waits for a busy server", priority=1, servers=0)) == []
    assert ahead(own, ticket("own", priority=1)) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=6))
def test_of_all_that_wait_exactly_one_goes_first(values):
    waiting = [
        ticket(
            str(number), execution_type="RECOVERY" if real else "DRILL", priority=priority, since=NOW - age
        )
        for number, (real, priority, age) in enumerate(values)
    ]
    assert sorted(len(ahead(own, *waiting)) for own in waiting) == list(range(len(waiting)))


def test_room_is_left_for_the_jobs_and_servers_of_those_ahead():
    found = reserved_for([ticket("a", servers=101), ticket("b", servers=5)], Quotas(servers_per_job=100))
    assert found == QuotaUsage(active_jobs=3, servers_in_active_jobs=106)


def decide(usage, reserved=None, quotas=None, servers=("s-1", "s-2")):
    return decide_start(
        wave_servers=servers,
        attempt=1,
        owned_jobs=(),
        busy={},
        live_instances={},
        existing_instance_ids=set(),
        quotas=quotas or Quotas(jobs=20),
        usage=usage,
        reserved=reserved,
        now=NOW,
    )


def test_a_slot_that_is_free_is_left_to_who_goes_first():
    usage = QuotaUsage(active_jobs=19, servers_in_active_jobs=19)
    assert decide(usage).launch == (("s-1", "s-2"),)
    waits = decide(usage, QuotaUsage(1, 10))
    assert waits.launch == ()
    assert waits.short == {"s-1", "s-2"}
    assert "left to executions that go first" in waits.waiting["s-1"]


def test_what_those_ahead_cannot_use_is_taken():
    usage = QuotaUsage(active_jobs=17, servers_in_active_jobs=17)
    assert decide(usage, QuotaUsage(2, 10)).launch == (("s-1", "s-2"),)


def test_a_wave_that_fits_in_part_starts_in_part():
    quotas = Quotas(jobs=20, servers_in_jobs=20)
    found = decide(QuotaUsage(1, 10), QuotaUsage(1, 9), quotas)
    assert (found.launch, found.short) == ((("s-1",),), {"s-2"})


def job(number, *, completed=False, **tags):
    servers = (JobServerView(f"s-{number}"),)
    status = "COMPLETED" if completed else "STARTED"
    return JobView(f"drsjob-{number}", initiated_by="START_DRILL", status=status, tags=tags, servers=servers)


def test_the_jobs_that_fill_the_quota_are_named_with_their_owners():
    tags = {"ExecutionId": "e-1", "ExecutionType": "DRILL", "PlanName": "wiki"}
    text = holders_text([*(job(number, **tags) for number in range(5)), job(7), job(8, completed=True)])
    assert text.startswith(
        "DRILL of wiki (execution e-1): 5 jobs with 5 servers (drsjob-0, drsjob-1, drsjob-2 and 2 more)"
    )
    assert "somebody else (START_DRILL): 1 jobs with 1 servers (drsjob-7)" in text
    assert "drsjob-8" not in text


def test_the_order_of_the_jobs_does_not_matter():
    jobs = [job(1), job(2, ExecutionId="e", PlanName="p"), job(3)]
    assert len({holders_text(order) for order in permutations(jobs)}) == 1
    assert job_owner(jobs[1]) == "execution of p (execution e)"
