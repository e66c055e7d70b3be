from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drs_provider.rules.drs.jobs import JobServerView, LaunchActionRun, LogEvent
from drs_provider.rules.drs.unlisted import UnlistedInstance
from drs_provider.rules.wave.ownership import OwnedJob
from drs_provider.rules.wave.server_verdict import ServerVerdict, WaveRules
from drs_provider.rules.wave.verdict import WaveVerdict, judge_wave, with_left
from tests.rules.rule_builders import NOW, instance, job, owned, rows, server, wave

GRACE = WaveRules().pending_grace_seconds
RUNNING = {"status": "STARTED"}
UNTOLD = (
    "LAUNCHED, but DRS names no recovery instance of this job; look for one in EC2: while nothing tells it, this "
    "execution does not launch the server again"
)


def judge(statuses: dict[str, str] | None = None, **changes: Any) -> WaveVerdict:
    """Judge a wave of ``s-1`` to ``s-3`` on one COMPLETED job, but for ``changes``."""
    values: dict[str, Any] = {
        "servers": [server("s-1"), server("s-2"), server("s-3", critical=False)],
        "jobs": [job("drsjob-1", statuses or {})],
        "rules": WaveRules(),
        "now": NOW,
    }
    values |= changes
    jobs = [item if isinstance(item, OwnedJob) else owned(item) for item in values["jobs"]]
    return judge_wave(**{**values, "jobs": jobs})


def by_id(verdict: WaveVerdict, server_id: str = "s-1") -> ServerVerdict:
    return next(row for row in verdict.servers if row.source_server_id == server_id)


ALL = {"s-1": "LAUNCHED", "s-2": "LAUNCHED", "s-3": "LAUNCHED"}
ONE_FAILED = ALL | {"s-1": "FAILED"}
OPTIONAL_FAILED = ALL | {"s-3": "FAILED"}


def test_a_wave_is_met_when_every_server_is_launched():
    verdict = judge(ALL)
    assert (verdict.decided, verdict.met, verdict.recovered, verdict.reasons) == (True, True, 3, ())
    assert by_id(verdict) == ServerVerdict(
        "s-1", "name-s-1", True, "LAUNCHED", "drsjob-1", "i-s-1", recovered=True, final=True
    )


def test_a_failed_optional_server_leaves_the_wave_met():
    verdict = judge(OPTIONAL_FAILED)
    assert (verdict.decided, verdict.met, verdict.recovered) == (True, True, 2)


def test_a_failed_critical_server_is_named():
    verdict = judge(ONE_FAILED)
    assert (verdict.decided, verdict.met) == (True, False)
    assert "critical server name-s-1 (s-1)" in verdict.reasons[0]


def test_min_launched_counts_on_top_of_critical_servers():
    verdict = judge(OPTIONAL_FAILED, rules=WaveRules(min_launched=3))
    assert (verdict.decided, verdict.met) == (True, False)
    assert verdict.reasons == ("2 of 3 servers recovered, 3 needed",)


def test_an_empty_wave_is_met():
    verdict = judge(servers=[], jobs=[])
    assert (verdict.decided, verdict.met) == (True, True)


def test_trap_09_one_failed_server_does_not_decide_the_wave():
    verdict = judge(jobs=[job("drsjob-1", ALL | {"s-1": "FAILED", "s-2": "IN_PROGRESS"}, **RUNNING)])
    assert (verdict.decided, verdict.met) == (False, False)
    assert verdict.reasons == ("job drsjob-1 is running", "1 server is not final")
    assert by_id(verdict).final


def test_trap_09_a_wave_is_not_decided_while_its_job_runs():
    verdict = judge(jobs=[job("drsjob-1", ALL, **RUNNING)])
    assert (verdict.decided, verdict.met, verdict.recovered) == (False, False, 3)
    assert verdict.reasons == ("job drsjob-1 is running",)


def test_trap_09_a_wave_in_two_jobs_waits_for_both():
    first = job("drsjob-1", {"s-1": "LAUNCHED"})
    second = job("drsjob-2", {"s-2": "FAILED", "s-3": "PENDING"}, **RUNNING)
    assert not judge(jobs=[first, second]).decided
    done = replace(second, status="COMPLETED", servers=rows({"s-2": "LAUNCHED", "s-3": "LAUNCHED"}))
    assert judge(jobs=[first, done]).met


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS", "RESUMING"])
def test_trap_11_a_server_left_open_by_its_job_fails_after_a_grace(status):
    statuses = ALL | {"s-1": status}
    assert not judge(statuses).decided
    assert not judge(statuses, first_seen_completed_at={"drsjob-1": NOW - GRACE + 1}).decided
    verdict = judge(statuses, first_seen_completed_at={"drsjob-1": NOW - GRACE})
    assert verdict.decided
    assert by_id(verdict).error == f"job drsjob-1 is COMPLETED, but the server is still {status}"
    assert by_id(verdict).launch_status == status


def test_a_terminated_instance_is_a_failed_server():
    assert by_id(judge(ALL | {"s-1": "TERMINATED"})).error == "its instance was terminated"


def test_trap_10_a_job_that_is_not_found_fails_by_name_after_a_grace():
    world = {"jobs": [], "expected_jobs": {"drsjob-1": list(ALL)}}
    assert not judge(**world).decided
    assert not judge(**world, missing_since={"drsjob-1": NOW - 179}).decided
    verdict = judge(**world, missing_since={"drsjob-1": NOW - 180})
    assert (verdict.decided, verdict.met) == (True, False)
    assert by_id(verdict).error == "job drsjob-1 was not found in DRS for 3 min"
    assert by_id(verdict).job_id == "drsjob-1"


def test_trap_10_an_invisible_job_is_not_found_whatever_its_view_says():
    ghost = replace(owned(job("drsjob-1", ALL)), visible=False)
    verdict = judge(
        jobs=[ghost],
        expected_jobs={"drsjob-1": list(ALL)},
        missing_since={"drsjob-1": NOW - 600},
    )
    assert "not found" in by_id(verdict).error


def test_trap_10_a_missing_job_does_not_hide_behind_an_earlier_one():
    verdict = judge(
        jobs=[job("drsjob-1", ALL)],
        expected_jobs={"drsjob-2": ["s-1"]},
        missing_since={"drsjob-2": NOW - 600},
    )
    assert "drsjob-2 was not found" in by_id(verdict).error
    assert by_id(verdict, "s-2").recovered


def test_trap_12_a_server_in_no_job_has_failed():
    verdict = judge({"s-1": "LAUNCHED", "s-2": "LAUNCHED"})
    assert by_id(verdict, "s-3").error == "no job of this execution holds it"
    assert by_id(verdict, "s-3").launch_status is None
    assert verdict.met


def test_a_server_missing_from_a_young_job_may_still_appear():
    assert not by_id(judge(jobs=[job("drsjob-1", {}, status="PENDING")])).final


def test_a_server_missing_from_its_completed_job_has_failed_after_a_grace():
    world = {"expected_jobs": {"drsjob-1": list(ALL)}}
    assert not judge({"s-1": "LAUNCHED"}, **world).decided
    verdict = judge({"s-1": "LAUNCHED"}, **world, first_seen_completed_at={"drsjob-1": NOW - GRACE})
    assert by_id(verdict, "s-2").error == "job drsjob-1 is COMPLETED without this server"


def test_the_latest_attempt_of_a_server_counts():
    first = job("drsjob-1", ONE_FAILED, created_at=NOW - 10)
    second = job("drsjob-2", {"s-1": "LAUNCHED"}, created_at=NOW - 20)
    for jobs in ([owned(first, 1), owned(second, 2)], [owned(second, 2), owned(first, 1)]):
        verdict = judge(jobs=jobs)
        assert verdict.met
        assert by_id(verdict).job_id == "drsjob-2"
        assert by_id(verdict, "s-2").job_id == "drsjob-1"


def test_a_server_in_two_expected_jobs_belongs_to_the_last_one():
    jobs = [owned(job("drsjob-1", ONE_FAILED), 1), owned(job("drsjob-2", {"s-1": "LAUNCHED"}), 2)]
    verdict = judge(jobs=jobs, expected_jobs={"drsjob-1": list(ALL), "drsjob-2": ["s-1"]})
    assert verdict.met
    assert by_id(verdict).job_id == "drsjob-2"


# --- causes -----------------------------------------------------------------------------------------


def event(name: str, at: float = 0, server_id: str | None = "s-1", error: str | None = None, **changes: Any):
    return LogEvent(name, NOW - 900 + at, server_id, None, error, **changes)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([], "DRS did not launch it: the job log gives no cause"),
        ([event("CONVERSION_FAIL", error="no capacity")], "(CONVERSION_FAIL: no capacity)"),
        ([event("LAUNCH_FAILED")], "(LAUNCH_FAILED)"),
        (
            [event("LAUNCH_FAILED", 9, error="last"), event("SNAPSHOT_FAIL", 1, error="first")],
            "(LAUNCH_FAILED: last)",
        ),
        ([event("CONVERSION_FAIL", 1, error="why"), event("LAUNCH_FAILED", 2)], "(CONVERSION_FAIL: why)"),
        ([event("LAUNCH_FAILED", server_id="s-2", error="other")], "the job log gives no cause"),
        ([event("JOB_CANCEL", server_id=None)], "(JOB_CANCEL)"),
        (
            [event("LAUNCH_FAILED", 1, error="own"), event("NETWORK_RECOVERY_FAIL", 2, None, "job")],
            "(LAUNCH_FAILED: own)",
        ),
        ([event("LAUNCH_FAILED", -500, error="of an older job")], "the job log gives no cause"),
        ([event("LAUNCH_FAILED", error="x", job_id="drsjob-0")], "the job log gives no cause"),
        ([event("LAUNCH_FAILED", error="x", job_id="drsjob-1")], "(LAUNCH_FAILED: x)"),
        ([event("CONVERSION_START"), event("CONVERSION_END")], "the job log gives no cause"),
        (
            [event("SNAPSHOT_START"), event("SNAPSHOT_END")],
            "known of callers that lack rights, see docs/iam.md",
        ),
    ],
)
def test_the_cause_comes_from_the_job_log(log, expected):
    assert expected in by_id(judge(ONE_FAILED, log_events=log)).error


NOT_OF_RIGHTS = [
    [],
    [event("SNAPSHOT_END"), event("CONVERSION_START")],
    [event("SNAPSHOT_END"), event("LAUNCH_FAILED")],
    [event("SNAPSHOT_END", job_id="drsjob-0")],
]


@pytest.mark.parametrize("log", NOT_OF_RIGHTS)
def test_missing_rights_are_hinted_at_only_where_they_were_seen(log):
    assert "rights" not in by_id(judge(ONE_FAILED, log_events=log)).error


def test_missing_rights_are_not_hinted_at_while_the_job_runs():
    running = job("drsjob-1", ONE_FAILED, **RUNNING)
    error = by_id(judge(jobs=[running], log_events=[event("SNAPSHOT_END")])).error
    assert error == "DRS did not launch it: the job log gives no cause"


def test_what_a_failed_launch_left_in_ec2_is_told_first():
    left = [UnlistedInstance("i-9", "s-1", "drsjob-1"), UnlistedInstance("i-8", "s-2", "drsjob-1")]
    log = [event("LAUNCH_FAILED", error="x" * 2_000)]
    verdict = with_left(judge(ONE_FAILED, log_events=log), WaveRules(), left)
    assert by_id(verdict).error.startswith("its instance i-9 is left in EC2, and DRS does not list it")
    assert "i-9" in verdict.reasons[0]
    assert by_id(verdict, "s-2").error is None
    other = [UnlistedInstance("i-9", "s-1", "drsjob-0")]
    assert with_left(judge(ONE_FAILED), WaveRules(), other) == judge(ONE_FAILED)


def test_a_skipped_server_has_failed_at_once():
    log = [event("SERVER_SKIPPED", error="not ready")]
    verdict = judge(ALL | {"s-1": "PENDING"}, log_events=log)
    assert by_id(verdict).error == "DRS skipped it (SERVER_SKIPPED: not ready)"
    assert verdict.decided


def test_a_launched_server_is_not_failed_by_its_log():
    assert judge(ALL, log_events=[event("CLEANUP_FAIL", error="old instance stays")]).met


# --- instances --------------------------------------------------------------------------------------

NO_IDS = job(servers=rows(ALL, instances=False))
INSTANCES = {server_id: instance(server_id) for server_id in ALL}


def test_a_missing_instance_id_is_looked_up():
    assert judge(jobs=[NO_IDS]).met
    verdict = judge(jobs=[NO_IDS], instances=INSTANCES, ec2_existing={"i-s-1", "i-s-2", "i-s-3"})
    assert verdict.met
    assert by_id(verdict).recovery_instance_id == "i-s-1"


def test_trap_36_no_instance_anywhere_is_a_failed_server_after_a_grace():
    assert not judge(jobs=[NO_IDS], instances={}).decided
    verdict = judge(jobs=[NO_IDS], instances={}, first_seen_completed_at={"drsjob-1": NOW - GRACE})
    assert by_id(verdict).error == UNTOLD
    assert by_id(verdict).launch_status == "LAUNCHED"


def test_the_instance_of_another_job_is_not_this_ones():
    others = INSTANCES | {"s-1": instance("s-1", job_id="drsjob-9")}
    assert not by_id(judge(jobs=[NO_IDS], instances=others)).final


def test_trap_36_ec2_says_there_is_no_such_instance():
    verdict = judge(ALL, instances=INSTANCES, ec2_existing={"i-s-2", "i-s-3"})
    assert (verdict.decided, verdict.met) == (True, False)
    assert by_id(verdict).error == "LAUNCHED, but EC2 has no instance i-s-1"


def test_trap_36_an_instance_may_still_appear_while_the_job_runs():
    verdict = judge(jobs=[job("drsjob-1", ALL, **RUNNING)], ec2_existing=set())
    assert not by_id(verdict).final
    assert not by_id(verdict).recovered


@pytest.mark.parametrize("state", ["TERMINATED", "NOT_FOUND"])
def test_trap_36_drs_knows_that_the_instance_is_gone(state):
    gone = INSTANCES | {"s-1": instance("s-1", state=state)}
    assert by_id(judge(ALL, instances=gone)).error == f"LAUNCHED, but DRS says that i-s-1 is {state}"
    assert judge(ALL, instances=gone, ec2_existing={"i-s-1", "i-s-2", "i-s-3"}).met


def test_trap_23_ec2_without_an_answer_fails_nothing():
    assert judge(ALL, instances=INSTANCES, ec2_existing=None).met


def test_a_stopped_instance_exists():
    stopped = INSTANCES | {"s-1": instance("s-1", state="STOPPED")}
    assert judge(ALL, instances=stopped).met


# --- post-launch actions ----------------------------------------------------------------------------

REQUIRED = WaveRules(post_launch_required=True, post_launch_timeout_seconds=600)


def with_actions(*runs: tuple[str, bool]) -> Any:
    """Return a job whose ``s-1`` has post-launch actions of (status, optional)."""
    views = tuple(
        LaunchActionRun(f"action {n}", f"a{n}", optional, status, "broken" if status == "FAILED" else None)
        for n, (status, optional) in enumerate(runs)
    )
    return job(servers=[JobServerView("s-1", "LAUNCHED", "i-s-1", views)])


def judge_actions(*runs: tuple[str, bool], rules: WaveRules = REQUIRED, **changes: Any) -> WaveVerdict:
    return judge(servers=[server("s-1")], jobs=[with_actions(*runs)], rules=rules, **changes)


@pytest.mark.parametrize(
    ("runs", "status", "decided", "met"),
    [
        ([("SUCCEEDED", False)], "COMPLETED", True, True),
        ([("SUCCEEDED", False), ("FAILED", True)], "COMPLETED", True, True),
        ([("SUCCEEDED", False), ("FAILED", False)], "FAILED", True, False),
        ([("IN_PROGRESS", False), ("FAILED", False)], "FAILED", True, False),
        ([("SUCCEEDED", False), ("IN_PROGRESS", False)], "IN_PROGRESS", False, False),
        ([("HELD", False)], "IN_PROGRESS", False, False),
        ([], "NOT_STARTED", False, False),
    ],
)
def test_trap_25_required_post_launch_actions_decide(runs, status, decided, met):
    verdict = judge_actions(*runs)
    assert (verdict.decided, verdict.met) == (decided, met)
    assert by_id(verdict).post_launch_status == status


def test_a_failed_action_is_named():
    assert by_id(judge_actions(("FAILED", False))).error == "post-launch action failed: action 0: broken"


@pytest.mark.parametrize(
    ("runs", "error"),
    [
        ([("IN_PROGRESS", False)], "post-launch actions not finished within 10 min of the launch"),
        ([], "no post-launch action was started within 10 min of the launch"),
    ],
)
def test_required_actions_have_a_time_of_their_own(runs, error):
    assert not judge_actions(*runs, first_seen_completed_at={"drsjob-1": NOW - 599}).decided
    verdict = judge_actions(*runs, first_seen_completed_at={"drsjob-1": NOW - 600})
    assert by_id(verdict).error == error
    assert by_id(verdict).launch_status == "LAUNCHED"


def test_actions_that_are_not_required_are_only_reported():
    verdict = judge_actions(("FAILED", False), rules=WaveRules())
    assert verdict.met
    assert by_id(verdict).post_launch_status == "FAILED"


# --- the deadline -----------------------------------------------------------------------------------


def test_trap_27_at_the_deadline_what_is_launched_is_kept():
    statuses = {"s-1": "LAUNCHED", "s-2": "LAUNCHED", "s-3": "IN_PROGRESS"}
    verdict = judge(jobs=[job("drsjob-1", statuses, **RUNNING)], deadline_passed=True)
    assert (verdict.decided, verdict.met, verdict.recovered) == (True, True, 2)
    assert by_id(verdict, "s-3").error == (
        "not finished within 1 h 30 min (DRS: IN_PROGRESS, post-launch actions: NOT_STARTED)"
    )


def test_trap_10_at_the_deadline_a_missing_job_is_named():
    verdict = judge(jobs=[], expected_jobs={"drsjob-1": list(ALL)}, deadline_passed=True)
    assert verdict.decided
    assert "drsjob-1 was not found" in by_id(verdict).error


def test_at_the_deadline_a_grace_ends_with_its_own_reason():
    verdict = judge(jobs=[NO_IDS], instances={}, deadline_passed=True)
    assert by_id(verdict).error == UNTOLD


def test_at_the_deadline_required_actions_have_failed():
    verdict = judge_actions(("IN_PROGRESS", False), deadline_passed=True)
    assert (verdict.decided, verdict.met) == (True, False)
    assert "not finished within 1 h 30 min" in by_id(verdict).error


def test_a_young_job_without_its_servers_fails_them_at_the_deadline():
    verdict = judge(jobs=[job("drsjob-1", {}, status="PENDING")], deadline_passed=True)
    assert by_id(verdict).error == "not finished within 1 h 30 min"


def test_rules_come_from_the_frozen_wave():
    frozen = wave(servers=("s-1", "s-2"), min_launched=1, post_launch_required=True, timeout_seconds=60)
    rules = WaveRules.from_wave(frozen, pending_grace_seconds=5)
    assert rules == WaveRules(1, True, 60, 1_800, 5, 180)
