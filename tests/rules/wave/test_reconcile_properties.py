"""What must hold for every start decision, whatever the world looks like."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.core.quotas import DrsQuotas
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.wave.ownership import own_jobs
from drs_provider.rules.wave.reconcile import QuotaUsage, StartDecision, busy_servers, quota_usage
from tests.rules.rule_builders import EXECUTION, NOW, OTHER_EXECUTION, decide, instance, job, rows, tags

SERVERS = tuple(f"s-{number}" for number in range(8))
LAUNCH_STATUSES = ["PENDING", "IN_PROGRESS", "LAUNCHED", "FAILED", "TERMINATED", "NEW"]
some_servers = st.sets(st.sampled_from(SERVERS))


@st.composite
def jobs_of_anybody(draw) -> list[JobView]:
    jobs = []
    for number in range(draw(st.integers(0, 5))):
        members = sorted(draw(some_servers))
        jobs.append(
            job(
                f"drsjob-{number}",
                servers=rows(
                    {server: draw(st.sampled_from(LAUNCH_STATUSES)) for server in members},
                    instances=draw(st.booleans()),
                ),
                status=draw(st.sampled_from(["PENDING", "STARTED", "COMPLETED"])),
                created_at=NOW - 100 + number,
                tags=draw(
                    st.sampled_from(
                        [{}, tags(), tags(attempt=2), tags(attempt=3), tags(execution=OTHER_EXECUTION)]
                    )
                ),
            )
        )
    return jobs


@st.composite
def worlds(draw) -> dict[str, Any]:
    """Arguments of :func:`decide_start`, made from jobs of us and others."""
    jobs = draw(jobs_of_anybody())
    owned = own_jobs(jobs, execution_id=EXECUTION, wave_number=1)
    live = {
        server: instance(
            server,
            job_id=draw(st.sampled_from([None, "drsjob-0", "drsjob-1", "drsjob-x"])),
            state=draw(st.sampled_from(["RUNNING", "STOPPED", "TERMINATED", "NOT_FOUND", "NEW"])),
            is_drill=draw(st.booleans()),
        )
        for server in draw(some_servers)
    }
    existing = draw(st.none() | some_servers.map(lambda found: {f"i-{server}" for server in found}))
    seen = quota_usage(jobs)
    return {
        "attempt": draw(st.integers(1, 3)),
        "owned_jobs": owned,
        "busy": busy_servers(jobs, owned),
        "live_instances": live,
        "existing_instance_ids": existing,
        "replace_allowed": draw(some_servers),
        "quotas": DrsQuotas(draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 20))),
        "usage": QuotaUsage(
            seen.active_jobs + draw(st.integers(0, 3)), seen.servers_in_active_jobs + draw(st.integers(0, 5))
        ),
        "not_before": {server: draw(st.sampled_from([NOW - 1, NOW + 1])) for server in draw(some_servers)},
    }


def launched(decision: StartDecision) -> list[str]:
    return [server for batch in decision.launch for server in batch]


def apply(world: dict[str, Any], decision: StartDecision) -> dict[str, Any]:
    """Return the world after the decision's StartRecovery calls."""
    started = [
        job(
            f"drsjob-new-{number}",
            dict.fromkeys(batch, "PENDING"),
            status="PENDING",
            tags=tags(attempt=world["attempt"]),
        )
        for number, batch in enumerate(decision.launch)
    ]
    mine = own_jobs(started, execution_id=EXECUTION, wave_number=1)
    usage = world["usage"]
    return world | {
        "owned_jobs": (*world["owned_jobs"], *mine),
        "usage": QuotaUsage(
            usage.active_jobs + len(started), usage.servers_in_active_jobs + len(launched(decision))
        ),
    }


@settings(deadline=None)
@given(worlds())
def test_every_server_gets_exactly_one_answer(world):
    decision = decide(SERVERS, **world)
    adopted = set(SERVERS) - set(launched(decision)) - decision.waiting.keys() - decision.refused.keys()
    assert len(launched(decision)) == len(set(launched(decision)))
    assert not set(launched(decision)) & (decision.waiting.keys() | decision.refused.keys())
    assert not decision.waiting.keys() & decision.refused.keys()
    assert decision.done <= adopted
    held = {server for own in decision.adopted for server in own.job.server_ids}
    assert adopted <= held


@settings(deadline=None)
@given(worlds())
def test_trap_16_what_has_a_job_in_this_attempt_is_never_launched(world):
    started = set(launched(decide(SERVERS, **world)))
    for own in world["owned_jobs"]:
        if own.attempt >= world["attempt"] or not own.job.completed:
            assert not started & own.job.server_ids


@settings(deadline=None)
@given(worlds())
def test_trap_33_what_lives_is_never_launched_unless_it_may_be_replaced(world):
    existing = world["existing_instance_ids"] or set()
    for server in launched(decide(SERVERS, **world)):
        view = world["live_instances"].get(server)
        if view is not None and not view.is_drill and server not in world["replace_allowed"]:
            assert not view.exists
            assert view.instance_id not in existing


@settings(deadline=None)
@given(worlds())
def test_trap_33_what_a_job_of_ours_launched_is_not_launched_again_while_it_exists(world):
    started = set(launched(decide(SERVERS, **world)))
    existing = world["existing_instance_ids"]
    for own in world["owned_jobs"]:
        for row in own.job.servers:
            exists = existing is not None and row.recovery_instance_id in existing
            assert not (row.source_server_id in started and exists)


@settings(deadline=None)
@given(worlds())
def test_trap_33_what_a_job_of_ours_launched_without_a_word_of_its_instance_is_not_launched_again(world):
    started = set(launched(decide(SERVERS, **world)))
    for own in world["owned_jobs"]:
        told = own.job.told_by(world["live_instances"].values())
        assert not started & set(own.job.untold(told))


@settings(deadline=None)
@given(worlds())
def test_trap_29_what_is_busy_or_unsettled_is_never_launched(world):
    started = set(launched(decide(SERVERS, **world)))
    assert not started & world["busy"].keys()
    assert not {server for server in started if world["not_before"].get(server, 0) > NOW}


@settings(deadline=None)
@given(worlds())
def test_launches_fit_the_quotas_and_are_as_few_as_possible(world):
    decision = decide(SERVERS, **world)
    quotas, usage = world["quotas"], world["usage"]
    sizes = [len(batch) for batch in decision.launch]
    if sizes:
        assert len(sizes) + usage.active_jobs <= quotas.concurrent_jobs
        assert sum(sizes) + usage.servers_in_active_jobs <= quotas.servers_in_jobs
        assert max(sizes) <= quotas.servers_per_job
        assert len(sizes) == -(-sum(sizes) // quotas.servers_per_job)
        assert min(sizes) >= 1


@settings(deadline=None)
@given(worlds())
def test_launch_order_is_the_order_of_the_wave(world):
    started = launched(decide(SERVERS, **world))
    assert started == [server for server in SERVERS if server in set(started)]


@settings(deadline=None)
@given(worlds())
def test_trap_16_deciding_again_after_the_calls_launches_nothing(world):
    decision = decide(SERVERS, **world)
    after = decide(SERVERS, **apply(world, decision))
    assert after.launch == ()
    assert after.refused == decision.refused
    assert after.waiting.keys() == decision.waiting.keys()


@settings(deadline=None)
@given(worlds())
def test_a_crash_after_some_of_the_calls_is_completed_without_doubles(world):
    decision = decide(SERVERS, **world)
    survived = StartDecision(launch=decision.launch[:1])
    after = decide(SERVERS, **apply(world, survived))
    assert sorted(launched(survived) + launched(after)) == sorted(launched(decision))


@settings(deadline=None)
@given(worlds(), st.randoms())
def test_the_order_of_what_drs_lists_changes_nothing(world, random):
    shuffled = random.sample(world["owned_jobs"], len(world["owned_jobs"]))
    again = world | {"owned_jobs": shuffled, "busy": dict(reversed(world["busy"].items()))}
    assert decide(SERVERS, **again) == decide(SERVERS, **world)


@settings(deadline=None)
@given(worlds(), jobs_of_anybody())
def test_trap_42_jobs_of_others_matter_only_by_being_in_the_way(world, jobs):
    strangers = [
        job(
            f"drsjob-s-{number}",
            {row.source_server_id: row.launch_status for row in one.servers},
            status=one.status,
            tags=tags(execution=OTHER_EXECUTION),
        )
        for number, one in enumerate(jobs)
    ]
    ours = [own.job for own in world["owned_jobs"]]
    owned = own_jobs([*ours, *strangers], execution_id=EXECUTION, wave_number=1)
    assert owned == world["owned_jobs"]
    finished = [one for one in strangers if one.completed]
    assert busy_servers([*ours, *finished], owned) == {}
    assert quota_usage([*ours, *finished]) == quota_usage(ours)
