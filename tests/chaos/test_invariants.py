"""Every rule can fail: each is shown facts that break it, and facts that look alike and do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chaos.facts import Call, Job, RunFacts, World
from chaos.invariants import RULES, check
from chaos.spec import People, RunSpec
from tests.chaos.facts_of import (
    APP_1,
    APP_2,
    CLEANED_UP,
    DB,
    EXECUTION_ID,
    LAUNCHES,
    attempt,
    changed,
    end,
    failed,
    ghost,
    job,
    record,
    row,
    run,
    spec,
    terminate,
    world,
)

RECOVERY = spec("RECOVERY")
LIVE = tuple(replace(each, is_drill=False) for each in LAUNCHES)
ALIVE = {f"i-{DB}-1": "running", f"i-{APP_1}-2": "running", f"i-{APP_2}-2": "running"}


def broken(facts: RunFacts, given: World) -> set[str]:
    return {violation.rule for violation in check([facts], given)}


def told(facts: RunFacts, given: World, rule: str) -> str:
    return "; ".join(violation.message for violation in check([facts], given) if violation.rule == rule)


def with_waves(*statuses: str, status: str, **fields: Any) -> dict[str, Any]:
    """A record with other wave statuses, and no rows."""
    waves = [{"waveNumber": number, "status": each} for number, each in enumerate(statuses, 1)]
    return record(status, waves=waves, **fields)


def test_an_execution_that_went_well_violates_nothing() -> None:
    assert check([run()], world()) == []
    assert check([run(of=RECOVERY)], world(*LIVE, instances=ALIVE)) == []


def test_a_violation_names_plan_rule_and_what_happened() -> None:
    (violation,) = check([run(hangs="attempt 1, run running: enrich queued")], world())

    assert violation.plan == "chaos_7"
    assert violation.rule == "every_run_ends"
    assert "enrich queued" in violation.message


def test_an_end_without_record() -> None:
    facts = run(attempt(record=None), stored=None, reports=frozenset(), end_times={})

    assert broken(facts, world()) == {"every_run_ends"}


@pytest.mark.parametrize(
    "foreign",
    [
        job(9, 1, "s-bystander", at=50),
        replace(job(9, 1, DB, at=50), tags={}),
        replace(job(9, 1, DB, at=50), tags={"ExecutionId": "e-2", "WaveNumber": "1", "Attempt": "1"}),
    ],
    ids=["a server of no plan", "without an execution", "of another execution"],
)
def test_a_launch_that_nobody_asked_for(foreign: Job) -> None:
    cleanup = terminate(10, *(part.instance_id or "" for part in foreign.parts))
    given = world(*LAUNCHES, CLEANED_UP, foreign, cleanup)

    assert "every_job_has_an_owner" in broken(run(), given)


def test_a_drill_that_launches_live_instances() -> None:
    given = world(replace(LAUNCHES[0], is_drill=False), LAUNCHES[1], CLEANED_UP)

    assert "every_job_has_an_owner" in broken(run(), given)


def test_a_server_in_two_jobs_of_an_attempt() -> None:
    second = job(4, 1, DB, at=21)
    given = world(*LAUNCHES, second, CLEANED_UP, terminate(5, f"i-{DB}-4"))

    assert "launched twice in attempt 1: job-1, job-4" in told(run(), given, "one_launch_per_server")


def test_a_server_that_failed_may_be_launched_again_but_not_before_its_job_has_ended() -> None:
    first = failed(LAUNCHES[0], DB)
    again = job(4, 1, DB, at=21)
    cleanup = terminate(5, f"i-{DB}-4")
    facts = run(attempt(record=record(waves=[{**record()["waves"][0], "serverStatuses": [row(DB, 4)]}])))

    after = world(first, again, replace(LAUNCHES[1], created_at=40, ended_at=50), cleanup)
    before = world(first, replace(again, created_at=19), replace(LAUNCHES[1], created_at=40), cleanup)
    assert "one_launch_per_server" not in broken(facts, after)
    assert "one_launch_per_server" in broken(facts, before)


def test_the_next_attempt_may_launch_again() -> None:
    again = job(4, 2, APP_1, at=300, attempt=2)
    given = world(*LAUNCHES, CLEANED_UP, again)

    assert "one_launch_per_server" not in broken(run(), given)


def test_an_instance_that_ec2_does_not_know_is_a_failure() -> None:
    again = job(4, 1, DB, at=21)

    assert "one_launch_per_server" in broken(run(), world(*LAUNCHES, again))
    assert "one_launch_per_server" not in broken(run(of=ghost(spec(), DB)), world(*LAUNCHES, again))


def test_a_live_instance_that_is_launched_over() -> None:
    again = replace(job(4, 1, DB, at=300, attempt=2), is_drill=False)

    rule = "no_live_instance_replaced"
    assert f"replaced live instance i-{DB}-1" in told(run(of=RECOVERY), world(*LIVE, again), rule)
    assert rule not in broken(run(), world(*LAUNCHES, replace(again, is_drill=True)))


def test_a_launch_over_an_instance_from_before() -> None:
    before = changed(spec(), DB, live="live")
    drilled = changed(spec(), DB, live="drill")

    assert {"no_live_instance_replaced", "rejected_gates_stay_closed"} <= broken(run(of=before), world())
    assert broken(run(of=drilled), world()) == set()


@pytest.mark.parametrize(
    ("killer", "words"),
    [
        (terminate(9, "i-s-bystander-0"), "no execution launched it"),
        (terminate(9, f"i-{DB}-1", at=50.0), "had not begun its cleanup"),
    ],
)
def test_an_instance_that_must_not_go(killer: Job, words: str) -> None:
    assert words in told(run(), world(*LAUNCHES, killer), "only_own_instances_terminated")


def test_a_recovered_instance_that_is_terminated() -> None:
    given = world(*LIVE, CLEANED_UP)

    assert "it is of a real recovery" in told(run(of=RECOVERY), given, "only_own_instances_terminated")


@pytest.mark.parametrize(
    "call",
    [
        Call("ec2", "TerminateInstances", 100.0, "111122223333", "eu-west-1"),
        Call(
            "drs",
            "TerminateRecoveryInstances",
            100.0,
            "111122223333",
            "eu-west-1",
            session_name="drs-e-2",
            params={"recoveryInstanceIDs": [f"i-{DB}-1"]},
        ),
    ],
)
def test_a_termination_that_is_not_ones_own(call: Call) -> None:
    own = replace(call, service="drs", operation="TerminateRecoveryInstances", session_name="drs-e-1")

    assert "only_own_instances_terminated" in broken(run(), world(calls=(call,)))
    assert "only_own_instances_terminated" not in broken(run(), world(calls=(own,)))


def test_one_call_for_two_executions() -> None:
    other = replace(
        job(9, 1, "s-other", at=10), tags={"ExecutionId": "e-2", "WaveNumber": "1", "Attempt": "1"}
    )
    both = Call(
        "drs",
        "TerminateRecoveryInstances",
        100.0,
        "111122223333",
        "eu-west-1",
        params={"recoveryInstanceIDs": [f"i-{DB}-1", "i-s-other-9"]},
    )

    given = world(*LAUNCHES, other, calls=(both,))
    assert "instances of several executions" in told(run(), given, "only_own_instances_terminated")


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (replace(LAUNCHES[0], ended_at=31.0), "still in job-1"),
        (replace(LAUNCHES[0], ended_at=None), "still in job-1"),
        (failed(LAUNCHES[0], DB), "was not met"),
        (replace(LAUNCHES[0], created_at=31.0, ended_at=41.0), "was not started"),
    ],
)
def test_a_wave_that_starts_too_early(first: Job, words: str) -> None:
    assert words in told(run(), world(first, LAUNCHES[1], CLEANED_UP), "wave_order_kept")


def test_waves_side_by_side_wait_for_nothing() -> None:
    given = spec()
    beside = replace(given, waves=(given.waves[0], replace(given.waves[1], depends_on=())))

    assert (
        broken(run(of=beside), world(replace(LAUNCHES[0], ended_at=31.0), LAUNCHES[1], CLEANED_UP)) == set()
    )


def test_a_wave_behind_a_rejected_gate() -> None:
    rejected = replace(spec(), people=People(rejects_gate=2))

    assert "although its gate was rejected" in told(run(of=rejected), world(), "rejected_gates_stay_closed")


FAILED_DB = failed(LAUNCHES[0], DB)
OPTIONAL_FAILED = failed(LAUNCHES[1], APP_2)
CRITICAL_FAILED = failed(LAUNCHES[1], APP_1)


@pytest.mark.parametrize(
    ("jobs", "statuses", "status", "run_state"),
    [
        (LAUNCHES, ("COMPLETED", "COMPLETED"), "COMPLETED", "success"),
        ((LAUNCHES[0], OPTIONAL_FAILED), ("COMPLETED", "COMPLETED"), "PARTIAL", "success"),
        ((LAUNCHES[0], CRITICAL_FAILED), ("COMPLETED", "FAILED"), "PARTIAL", "failed"),
        ((FAILED_DB,), ("FAILED", "CANCELLED"), "FAILED", "failed"),
        # What would be a lie:
        ((LAUNCHES[0], CRITICAL_FAILED), ("COMPLETED", "COMPLETED"), "COMPLETED", "success"),
        ((LAUNCHES[0], OPTIONAL_FAILED), ("COMPLETED", "COMPLETED"), "COMPLETED", "success"),
        (LAUNCHES, ("COMPLETED", "FAILED"), "PARTIAL", "failed"),
        (LAUNCHES, ("COMPLETED", "COMPLETED"), "COMPLETED", "failed"),
        ((LAUNCHES[0],), ("COMPLETED", "CANCELLED"), "PARTIAL", "failed"),
        ((FAILED_DB,), ("FAILED", "CANCELLED"), "CANCELLED", "failed"),
        ((FAILED_DB,), ("FAILED", "CANCELLED"), "FAILED", "success"),
        ((FAILED_DB,), ("FAILED", "PENDING"), "FAILED", "failed"),
    ],
)
def test_the_status_is_true(
    request: pytest.FixtureRequest,
    jobs: tuple[Job, ...],
    statuses: tuple[str, ...],
    status: str,
    run_state: str,
) -> None:
    true = int(request.node.callspec.indices["status"]) < 4
    facts = run(attempt(run_state=run_state, record=with_waves(*statuses, status=status)))

    assert ("terminal_status_is_true" not in broken(facts, world(*jobs))) is true


@pytest.mark.parametrize(
    ("statuses", "status", "true"),
    [
        (("CANCELLED", "CANCELLED"), "CANCELLED", True),
        (("COMPLETED", "CANCELLED"), "CANCELLED", True),
        (("FAILED", "CANCELLED"), "CANCELLED", False),
        (("COMPLETED", "COMPLETED"), "CANCELLED", False),
        (("COMPLETED", "CANCELLED"), "PARTIAL", False),
    ],
)
def test_a_stopped_execution_is_cancelled(statuses: tuple[str, ...], status: str, true: bool) -> None:
    facts = run(attempt(run_state="failed", stopped=True, record=with_waves(*statuses, status=status)))

    assert ("terminal_status_is_true" not in broken(facts, world(LAUNCHES[0]))) is true


def test_an_attempt_is_judged_by_the_jobs_up_to_it() -> None:
    first = attempt(1, "failed", record=with_waves("COMPLETED", "FAILED", status="PARTIAL"))
    rows = [end(1, "PARTIAL"), end(2)]
    second = attempt(2, record=with_waves("COMPLETED", "COMPLETED", status="COMPLETED", attempts=rows))
    again = job(4, 2, APP_1, APP_2, at=300, attempt=2)
    given = world(LAUNCHES[0], CRITICAL_FAILED, again)

    assert "terminal_status_is_true" not in broken(run(first, second), given)
    assert "terminal_status_is_true" in broken(run(second, replace(first, number=2)), given)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (row(DB, 1, "FAILED"), "is FAILED, but LAUNCHED in job-1"),
        (row(DB, 99), f"has instance i-{DB}-99, but i-{DB}-1 is true"),
        ({"sourceServerId": DB, "launchStatus": "LAUNCHED"}, "has instance None"),
    ],
)
def test_a_row_that_is_not_true(wrong: dict[str, Any], words: str) -> None:
    waves = [{**record()["waves"][0], "serverStatuses": [wrong]}, record()["waves"][1]]

    assert words in told(run(attempt(record=record(waves=waves))), world(), "rows_are_true")


def test_an_instance_may_be_unknown_only_where_the_wave_says_so() -> None:
    unknown = {"sourceServerId": DB, "launchStatus": "LAUNCHED"}
    waves = [
        {**record()["waves"][0], "serverStatuses": [unknown], "enrichmentIncomplete": True},
        record()["waves"][1],
    ]

    assert broken(run(attempt(record=record(waves=waves))), world()) == set()


TWO = [end(1), end(2)]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (run(end_times={1: frozenset({201.0, 240.0})}), "was written 2 times"),
        (run(end_times={1: frozenset({240.0})}), "but the history table said"),
        (run(reports=frozenset({"report-1.json", "report-1.html", "report-1.2.json"})), "report-1.2.json"),
        (run(reports=frozenset()), "reports are []"),
        (run(attempt(record=record(attempts=[end(1), end(1)]))), "lists attempts [1, 1]"),
        (run(attempt(record=record(attempts=[]))), "lists attempts []"),
        (run(attempt(record=record(attempts=[{**end(1), "endTime": None}]))), "has no end time"),
        (
            run(attempt(1), attempt(2, record=record(attempts=[{**end(1), "endTime": 7.0}, end(2)]))),
            "attempt 1 was",
        ),
    ],
)
def test_an_end_that_is_not_the_only_one(facts: RunFacts, words: str) -> None:
    assert words in told(facts, world(), "one_end_per_attempt")


def test_two_attempts_have_two_ends() -> None:
    facts = run(attempt(1), attempt(2, record=record(attempts=TWO)))

    assert "one_end_per_attempt" not in broken(facts, world())


def test_what_a_drill_leaves() -> None:
    left = {f"i-{DB}-1": "running"}

    assert f"left over: i-{DB}-1" in told(run(), world(instances=left), "nothing_of_a_drill_left")
    assert broken(run(), world(instances={f"i-{DB}-1": "terminated"})) == set()


def test_what_a_recovery_loses() -> None:
    gone = {**ALIVE, f"i-{DB}-1": "terminated"}

    rule = "nothing_of_a_drill_left"
    assert f"the recovered {DB}" in told(run(of=RECOVERY), world(*LIVE, instances=gone), rule)


def test_history_and_record_that_differ() -> None:
    stored = {**record(), "completedWaves": 1, "reason": None}

    rule = "history_equals_record"
    assert "completedWaves: told None, stored 1.0" in told(run(stored=stored), world(), rule)
    assert "has no record" in told(run(stored=None), world(), rule)
    assert rule not in broken(run(stored={**record(), "reason": None}), world())
    assert rule not in broken(run(attempt(table_down=True), stored=None), world())


def test_a_message_may_be_stored_shortened_if_the_table_says_so() -> None:
    long = run(
        attempt(record=record(reason="a very long reason")), stored={**record(), "reason": "a very… [cut]"}
    )
    other = run(
        attempt(record=record(reason="a very long reason")), stored={**record(), "reason": "the… [cut]"}
    )

    assert broken(long, world()) == set()
    assert broken(other, world()) == {"history_equals_record"}


@pytest.mark.parametrize(("begun", "status"), [(2, "COMPLETED"), (2, "CANCELLED"), (0, "COMPLETED")])
def test_a_runbook_is_begun_once(begun: int, status: str) -> None:
    with_runbook = replace(spec(), waves=(replace(spec().waves[0], runbook="Warm"), *spec().waves[1:]))
    waves = [{**wave, "status": status} if wave["waveNumber"] == 1 else wave for wave in record()["waves"]]
    ended = run(attempt(record=record(waves=waves)), of=with_runbook)

    assert "runbooks_run_once" in broken(ended, world(runbooks={"Warm": begun}))
    assert "runbooks_run_once" not in broken(ended, world(runbooks={"Warm": 1}))


def test_every_rule_is_checked_and_described() -> None:
    names = [rule.__name__ for rule in RULES]

    assert len(names) == len(set(names)) == 13
    assert all(rule.__doc__ for rule in RULES)
    assert LAUNCHES[0].execution_id == EXECUTION_ID


def test_refused_executions_need_no_waves() -> None:
    refused: RunSpec = changed(spec(), DB, live="live")
    ended = attempt(run_state="failed", record=record("FAILED", waves=[], attempts=[end(1, "FAILED")]))

    assert check([run(ended, of=refused)], World(())) == []
