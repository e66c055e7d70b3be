from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.rules.wave.ownership import own_jobs, unsettled_servers
from tests.rules.rule_builders import EXECUTION, NOW, OTHER_EXECUTION, intent, job, tags

AB = {"s-a": "LAUNCHED", "s-b": "LAUNCHED"}


def own(jobs, intents=()):
    return own_jobs(jobs, execution_id=EXECUTION, wave_number=1, intents=intents)


def found(jobs, intents=()):
    return [(item.job.job_id, item.attempt, item.by) for item in own(jobs, intents)]


def test_trap_16_jobs_with_our_tags_are_ours():
    jobs = [job("drsjob-2", AB, tags=tags(attempt=2)), job("drsjob-1", AB, tags=tags(attempt=1))]
    assert found(jobs) == [("drsjob-1", 1, "tags"), ("drsjob-2", 2, "tags")]


@pytest.mark.parametrize(
    "other",
    [
        job("drsjob-1", AB, tags=tags(execution=OTHER_EXECUTION)),
        job("drsjob-1", AB, tags=tags(wave=2)),
        job("drsjob-1", AB, tags={"ExecutionId": EXECUTION}),
        job("drsjob-1", AB, tags=tags(), type="TERMINATE"),
        job("drsjob-1", AB, tags=tags(), type="CREATE_CONVERTED_SNAPSHOT"),
    ],
)
def test_trap_42_jobs_of_others_are_never_ours(other):
    assert found([other], [intent(AB)]) == []


@pytest.mark.parametrize("text", ["", "x", "-1", "٣"])
def test_an_odd_attempt_number_counts_as_the_first(text):
    assert found([job("drsjob-1", AB, tags=tags() | {"Attempt": text})]) == [("drsjob-1", 1, "tags")]


def test_trap_16_a_job_without_tags_is_ours_by_its_intent():
    assert found([job("drsjob-1", AB)], [intent(AB)]) == [("drsjob-1", 1, "intent")]
    part = job("drsjob-1", {"s-a": "LAUNCHED"}, tags={"CostCenter": "4711"})
    assert found([part], [intent(AB)]) == [("drsjob-1", 1, "intent")]


@pytest.mark.parametrize(
    "stranger",
    [
        job("drsjob-1", {"s-a": "LAUNCHED", "s-z": "LAUNCHED"}),
        job("drsjob-1", AB, initiated_by="START_RECOVERY"),
        job("drsjob-1", AB, created_at=NOW - 1100),
        job("drsjob-1", AB, created_at=None),
        job("drsjob-1", {}),
        job("drsjob-1", AB, type="TERMINATE"),
    ],
)
def test_trap_42_a_job_without_tags_that_does_not_fit_the_intent_is_not_ours(stranger):
    assert found([stranger], [intent(AB)]) == []


def test_a_little_clock_skew_is_borne():
    early = job("drsjob-1", AB, created_at=NOW - 1001 - 20)
    assert found([early], [intent(AB)]) == [("drsjob-1", 1, "intent")]
    early = job("drsjob-1", AB, created_at=NOW - 1001 - 31)
    assert found([early], [intent(AB)]) == []


def test_intents_of_other_waves_and_executions_prove_nothing():
    foreign = [intent(AB, wave_number=2), intent(AB, execution_id=OTHER_EXECUTION)]
    assert found([job("drsjob-1", AB)], foreign) == []


def test_untagged_jobs_go_to_the_attempt_that_made_them():
    intents = [
        intent(["s-a"], attempt=1, created_at=NOW - 1000),
        intent(["s-a"], attempt=2, created_at=NOW - 500),
    ]
    jobs = [
        job("drsjob-1", {"s-a": "FAILED"}, created_at=NOW - 999),
        job("drsjob-2", {"s-a": "LAUNCHED"}, created_at=NOW - 499),
    ]
    assert found(jobs, intents) == [("drsjob-1", 1, "intent"), ("drsjob-2", 2, "intent")]
    assert found(jobs[1:], intents) == [("drsjob-2", 2, "intent")]
    assert found(jobs[:1], intents) == [("drsjob-1", 1, "intent")]


def test_clock_skew_does_not_move_a_job_to_a_later_attempt():
    intents = [
        intent(["s-a"], attempt=1, created_at=NOW - 1000),
        intent(["s-a"], attempt=2, created_at=NOW - 990),
    ]
    only = job("drsjob-1", {"s-a": "FAILED"}, created_at=NOW - 999)
    assert found([only], intents) == [("drsjob-1", 1, "intent")]


def test_a_later_job_from_the_console_is_not_ours_once_ours_is_known():
    ours = job("drsjob-1", {"s-a": "LAUNCHED"}, created_at=NOW - 999)
    console = job("drsjob-2", {"s-a": "LAUNCHED"}, created_at=NOW - 100)
    assert found([ours, console], [intent(["s-a"], job_id="drsjob-1")]) == [("drsjob-1", 1, "intent")]
    tagged = job("drsjob-1", {"s-a": "LAUNCHED"}, created_at=NOW - 999, tags=tags())
    assert found([tagged, console], [intent(["s-a"])]) == [("drsjob-1", 1, "tags")]


def test_trap_10_an_answered_job_that_is_not_shown_stays_ours():
    items = own([], [intent(["s-a", "s-b"], job_id="drsjob-1")])
    assert [(item.job.job_id, item.visible) for item in items] == [("drsjob-1", False)]
    assert items[0].job.server_ids == {"s-a", "s-b"}
    assert not items[0].job.completed


def test_trap_42_an_answered_job_with_tags_of_another_execution_is_not_ours():
    foreign = job("drsjob-1", AB, tags=tags(execution=OTHER_EXECUTION))
    assert found([foreign], [intent(AB, job_id="drsjob-1")]) == []


def test_servers_of_an_open_intent_are_unsettled():
    intents = [intent(["s-a", "s-b"], created_at=NOW - 10)]
    assert unsettled_servers(intents, [], after_seconds=60) == {"s-a": NOW + 50, "s-b": NOW + 50}
    seen = own([job("drsjob-1", {"s-a": "PENDING"}, tags=tags())])
    assert unsettled_servers(intents, seen, after_seconds=5) == {"s-b": NOW - 5}


def test_a_job_that_is_not_shown_settles_nothing():
    intents = [intent(["s-a"], created_at=NOW, job_id="drsjob-1")]
    assert unsettled_servers(intents, own([], intents), after_seconds=60) == {"s-a": NOW + 60}


def test_the_latest_intent_of_a_server_counts():
    intents = [intent(["s-a"], created_at=NOW), intent(["s-a"], attempt=2, created_at=NOW + 100)]
    assert unsettled_servers(intents, [], after_seconds=60) == {"s-a": NOW + 160}


SERVERS = ["s-1", "s-2", "s-3", "s-4"]


@st.composite
def worlds(draw):
    """Jobs of us and others, and intents of ours."""
    jobs = []
    for number in range(draw(st.integers(0, 6))):
        statuses = dict.fromkeys(draw(st.sets(st.sampled_from(SERVERS))), "LAUNCHED")
        jobs.append(
            job(
                f"drsjob-{number}",
                statuses,
                type=draw(st.sampled_from(["LAUNCH", "LAUNCH", "TERMINATE"])),
                initiated_by=draw(st.sampled_from(["START_DRILL", "START_RECOVERY"])),
                created_at=draw(st.sampled_from([None, NOW - 500, NOW, NOW + 500])),
                tags=draw(
                    st.sampled_from(
                        [{}, tags(), tags(attempt=2), tags(wave=2), tags(execution=OTHER_EXECUTION)]
                    )
                ),
            )
        )
    intents = [
        intent(
            draw(st.sets(st.sampled_from(SERVERS), min_size=1)),
            attempt=draw(st.integers(1, 3)),
            created_at=draw(st.sampled_from([NOW - 500, NOW, NOW + 500])),
            job_id=draw(st.sampled_from([None, None, "drsjob-0", "drsjob-9"])),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    return jobs, intents


@settings(deadline=None)
@given(worlds(), st.randoms())
def test_ownership_does_not_depend_on_order(world, random):
    jobs, intents = world
    shuffled_jobs = random.sample(jobs, len(jobs))
    assert own(shuffled_jobs, intents) == own(jobs, intents)


@settings(deadline=None)
@given(worlds())
def test_trap_42_no_owned_job_carries_foreign_tags_or_is_of_another_type(world):
    jobs, intents = world
    for item in own(jobs, intents):
        assert item.job.type == "LAUNCH"
        assert item.job.tags.get("ExecutionId", EXECUTION) == EXECUTION
        assert item.job.tags.get("WaveNumber", "1") == "1"
        if item.by == "intent":
            assert "ExecutionId" not in item.job.tags
            assert any(item.attempt == one.attempt for one in intents)


@settings(deadline=None)
@given(worlds())
def test_jobs_guessed_by_intent_never_share_a_server_within_an_attempt(world):
    jobs, intents = world
    answered = {one.job_id for one in intents}
    items = own(jobs, intents)
    for guessed in (item for item in items if item.by == "intent" and item.job.job_id not in answered):
        for other in items:
            if other is not guessed and other.attempt == guessed.attempt and other.visible:
                assert not other.job.server_ids & guessed.job.server_ids


@settings(deadline=None)
@given(worlds())
def test_trap_42_strangers_change_nothing(world):
    jobs, intents = world
    strangers = [
        job(f"drsjob-x{number}", dict.fromkeys(SERVERS, "LAUNCHED"), tags=tags(execution=OTHER_EXECUTION))
        for number in range(3)
    ]
    assert own(jobs + strangers, intents) == own(jobs, intents)
