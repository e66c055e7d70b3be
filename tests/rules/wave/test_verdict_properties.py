"""What must hold for every verdict, whatever DRS answers."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.rules.drs.jobs import JobServerView, LaunchActionRun, LogEvent
from drs_provider.rules.wave.server_verdict import WaveRules
from drs_provider.rules.wave.verdict import WaveVerdict, judge_wave
from tests.rules.rule_builders import NOW, instance, job, owned, server

SERVERS = tuple(f"s-{number}" for number in range(5))
LONG_AGO = NOW - 100_000
some_servers = st.sets(st.sampled_from(SERVERS))
runs = st.lists(
    st.builds(
        LaunchActionRun,
        name=st.just("check"),
        action_id=st.just("a1"),
        optional=st.booleans(),
        status=st.sampled_from(["IN_PROGRESS", "SUCCEEDED", "FAILED", "NEW"]),
    ),
    max_size=2,
)


@st.composite
def job_servers(draw, server_id: str) -> JobServerView:
    status = draw(st.sampled_from(["PENDING", "IN_PROGRESS", "LAUNCHED", "LAUNCHED", "FAILED", "TERMINATED"]))
    instance_id = draw(st.sampled_from([None, f"i-{server_id}"])) if status == "LAUNCHED" else None
    return JobServerView(server_id, status, instance_id, tuple(draw(runs)))


@st.composite
def worlds(draw) -> dict[str, Any]:
    """Arguments of :func:`judge_wave`."""
    jobs = [
        owned(
            job(
                f"drsjob-{number}",
                servers=[draw(job_servers(server_id)) for server_id in sorted(draw(some_servers))],
                status=draw(st.sampled_from(["PENDING", "STARTED", "COMPLETED", "COMPLETED"])),
                created_at=NOW - 1000 + number,
            ),
            attempt=draw(st.integers(1, 2)),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    members = draw(some_servers)
    events = st.builds(
        LogEvent,
        event=st.sampled_from(["JOB_START", "SERVER_SKIPPED", "CONVERSION_FAIL", "LAUNCH_FAILED", "JOB_END"]),
        at=st.just(NOW),
        source_server_id=st.none() | st.sampled_from(SERVERS),
        raw_error=st.none() | st.just("text"),
    )
    job_ids = [item.job.job_id for item in jobs]
    return {
        "servers": [server(server_id, critical=draw(st.booleans())) for server_id in sorted(members)],
        "jobs": jobs,
        "rules": WaveRules(
            min_launched=draw(st.integers(0, len(members))), post_launch_required=draw(st.booleans())
        ),
        "now": NOW,
        "log_events": draw(st.lists(events, max_size=3)),
        "instances": draw(
            st.none()
            | some_servers.map(lambda found: {one: instance(one, job_id="drsjob-0") for one in found})
        ),
        "ec2_existing": draw(st.none() | some_servers.map(lambda found: {f"i-{one}" for one in found})),
        "first_seen_completed_at": {
            job_id: draw(st.sampled_from([NOW, NOW - 60, LONG_AGO])) for job_id in job_ids
        },
        "expected_jobs": draw(
            st.dictionaries(st.sampled_from([*job_ids, "drsjob-x"]), st.sets(st.sampled_from(SERVERS)))
        ),
        "missing_since": {"drsjob-x": draw(st.sampled_from([NOW, LONG_AGO]))},
        "deadline_passed": draw(st.booleans()),
    }


def judged(world: dict[str, Any]) -> WaveVerdict:
    return judge_wave(**world)


@settings(deadline=None)
@given(worlds())
def test_servers_are_those_of_the_wave_and_consistent(world):
    verdict = judged(world)
    assert [row.source_server_id for row in verdict.servers] == [
        one.source_server_id for one in world["servers"]
    ]
    for row in verdict.servers:
        assert not (row.recovered and (row.error or not row.final or row.launch_status != "LAUNCHED"))
        assert (row.error is not None) == (row.final and not row.recovered)


@settings(deadline=None)
@given(worlds())
def test_trap_09_decided_means_every_server_final_and_every_job_completed(world):
    verdict = judged(world)
    finals = all(row.final for row in verdict.servers)
    holding = {row.job_id for row in verdict.servers}
    running = [one for one in world["jobs"] if not one.job.completed and one.job.job_id in holding]
    assert verdict.decided == (finals and (not running or world["deadline_passed"]))


@settings(deadline=None)
@given(worlds())
def test_met_is_exactly_the_rule(world):
    verdict = judged(world)
    critical = all(row.recovered for row in verdict.servers if row.critical)
    enough = verdict.recovered >= world["rules"].min_launched
    assert verdict.met == (verdict.decided and critical and enough)
    assert (verdict.reasons == ()) == verdict.met


@settings(deadline=None)
@given(worlds())
def test_trap_27_the_deadline_decides_everything_and_takes_nothing_away(world):
    before = judged(world | {"deadline_passed": False})
    after = judged(world | {"deadline_passed": True})
    assert after.decided
    for early, late in zip(before.servers, after.servers, strict=True):
        assert early.recovered == late.recovered
        if early.final:
            assert early == late


@settings(deadline=None)
@given(worlds())
def test_trap_11_no_wave_waits_for_ever(world):
    """Once all jobs are COMPLETED, enough time decides every wave."""
    finished = [owned(job(one.job.job_id, servers=one.job.servers), one.attempt) for one in world["jobs"]]
    long_ago = {one.job.job_id: LONG_AGO for one in finished} | {"drsjob-x": LONG_AGO}
    verdict = judged(
        world
        | {
            "jobs": finished,
            "first_seen_completed_at": long_ago,
            "missing_since": long_ago,
            "deadline_passed": False,
        }
    )
    assert verdict.decided


@settings(deadline=None)
@given(worlds())
def test_trap_36_nothing_is_recovered_that_ec2_denies(world):
    existing = world["ec2_existing"]
    for row in judged(world).servers:
        if row.recovered and existing is not None and row.recovery_instance_id is not None:
            assert row.recovery_instance_id in existing


@settings(deadline=None)
@given(worlds(), st.randoms())
def test_the_order_of_jobs_changes_nothing(world, random):
    jobs = random.sample(world["jobs"], len(world["jobs"]))
    assert judged(world | {"jobs": jobs}) == judged(world)
