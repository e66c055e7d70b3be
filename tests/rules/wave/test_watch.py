"""Following a wave's jobs over several looks and processes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drs_provider.rules.wave.server_verdict import WaveRules
from drs_provider.rules.wave.watch import FollowedJob, WaveWatch
from tests.rules.rule_builders import NOW, job, wave

JOB = "drsjob-1"
RULES = WaveRules(pending_grace_seconds=100, not_found_grace_seconds=60, timeout_seconds=5400)


def watch(**changes: Any) -> WaveWatch:
    values: dict[str, Any] = {
        "wave": wave(servers=("s-1", "s-2")),
        "jobs": (FollowedJob(JOB, 1, ("s-1", "s-2")),),
        "rules": RULES,
        "deadline": NOW + 5400,
    }
    return WaveWatch(**(values | changes))


def test_a_wave_is_decided_when_its_jobs_are_completed_and_its_servers_final() -> None:
    following = watch()
    running = job(JOB, {"s-1": "LAUNCHED", "s-2": "PENDING"}, status="STARTED")
    assert not following.judge([running], now=NOW).decided
    ended = following.judge([job(JOB, {"s-1": "LAUNCHED", "s-2": "LAUNCHED"})], now=NOW + 10)
    assert ended.decided
    assert ended.met


def test_trap_10_grace_of_a_lost_job_counts_from_the_first_look_without_it() -> None:
    following = watch()
    assert not following.judge([], now=NOW).decided
    assert not following.judge([], now=NOW + 59).decided
    lost = following.judge([], now=NOW + 61)
    assert lost.decided
    assert not lost.met
    assert JOB in lost.reasons[0]


def test_a_job_that_shows_again_has_its_grace_anew() -> None:
    following = watch()
    following.judge([], now=NOW)
    following.judge([job(JOB, {}, status="STARTED")], now=NOW + 50)
    assert not following.judge([], now=NOW + 70).decided
    assert following.judge([], now=NOW + 131).decided


def test_trap_11_grace_of_a_pending_server_counts_from_the_jobs_end_as_first_seen() -> None:
    following = watch()
    stuck = job(JOB, {"s-1": "LAUNCHED", "s-2": "PENDING"})
    assert not following.judge([stuck], now=NOW).decided
    assert not following.judge([stuck], now=NOW + 99).decided
    verdict = following.judge([stuck], now=NOW + 101)
    assert verdict.decided
    assert not verdict.met


def test_another_process_remembers_what_the_first_one_saw() -> None:
    first = watch()
    first.judge([], now=NOW)
    second = watch()
    second.remember(json.loads(json.dumps(first.memory())))
    assert second.judge([], now=NOW + 61).decided
    assert second.memory() == first.memory()


@pytest.mark.parametrize(
    "memory",
    [None, "{}", [], {"completed_at": "never"}, {"completed_at": {"drsjob-1": "late"}, "missing_since": [1]}],
)
def test_a_memory_that_somebody_wrote_otherwise_is_none(memory: object) -> None:
    following = watch()
    following.judge([], now=NOW)
    following.remember(memory)
    assert following.memory() == {"completed_at": {}, "missing_since": {}}


def test_trap_27_the_deadline_decides() -> None:
    following = watch(deadline=NOW + 10)
    running = job(JOB, {"s-1": "LAUNCHED", "s-2": "PENDING"}, status="STARTED")
    assert not following.judge([running], now=NOW + 9).decided
    verdict = following.judge([running], now=NOW + 10)
    assert verdict.decided
    assert not verdict.met


def test_a_followed_job_travels_as_plain_data() -> None:
    followed = FollowedJob(JOB, 2, ("s-1",))
    assert FollowedJob.from_dict(json.loads(json.dumps(followed.to_dict()))) == followed
