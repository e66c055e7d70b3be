"""What a plan is between its executions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from drs_provider.core.states import ExecutionStatus, ExecutionType
from drs_provider.rules.plan_state.failover import (
    Look,
    Preflighted,
    failover_after,
    failover_of,
    instances_of,
    skip_reason,
)
from drs_provider.rules.plan_state.kept import FailedOverServer, Failover, KeptState, PlanState, Readiness
from drs_provider.rules.plan_state.state import (
    SECONDS_PER_DAY,
    overdue_since,
    overdue_to_tell,
    plan_row,
    readiness_lost,
    state_after,
    state_after_end,
)
from drs_provider.rules.record.merging import close_attempt
from tests.history.world import T0, launched_rows, record_of

DRILL, RECOVERY = ExecutionType.DRILL, ExecutionType.RECOVERY
DAY = SECONDS_PER_DAY


@dataclass
class Finding:
    """The part of a finding that the rules look at."""

    code: str
    severity: str = "BLOCK"
    message: str = "it is so"
    overridden: bool = False
    passing: bool = False
    server_ids: tuple[str, ...] = field(default=("s-1",))


def server(number: int, **fields: Any) -> FailedOverServer:
    return FailedOverServer(source_server_id=f"s-{number}", instance_id=f"i-{number}", **fields)


def look(*live: int, at: tuple[int, ...] = (1, 2), outside: tuple[int, ...] = ()) -> Look:
    return Look(
        {f"s-{number}" for number in at},
        [server(number) for number in live],
        {f"s-{number}" for number in outside},
    )


def preflighted(*findings: Finding, **fields: Any) -> Preflighted:
    values: dict[str, Any] = {
        "execution_type": DRILL,
        "at": T0,
        "run_id": "r1",
        "findings": findings,
        "look": look(),
        "whole": True,
    }
    return Preflighted(**(values | fields))


KNOWN = Failover(
    execution_id="e1",
    run_id="CHG1",
    since=T0 - DAY,
    servers=(server(1, name="db", private_ip="10.0.0.1", origin_region="eu-central-1"), server(2)),
)


# -- failed over --------------------------------------------------------------------------------------------


def ended(
    kind: ExecutionType = RECOVERY, status: ExecutionStatus = ExecutionStatus.COMPLETED
) -> dict[str, Any]:
    record: dict[str, Any] = dict(record_of((2, 1, 1), execution_type=kind))
    for wave in record["waves"]:
        rows = launched_rows(record, wave["waveNumber"])  # type: ignore[arg-type]
        wave |= {"status": "COMPLETED", "serverStatuses": rows}
    return dict(close_attempt(record, status, ended_at=T0 + 100))  # type: ignore[arg-type]


def test_a_recovery_leaves_what_failback_needs() -> None:
    record = ended()
    row = record["waves"][0]["serverStatuses"][0]
    row |= {"originAccountId": "999988887777", "originRegion": "eu-central-1", "originZone": "eu-central-1a"}
    record["waves"][0]["serverStatuses"][1]["error"] = "its instance is gone"
    found = failover_of(record, None)
    assert found is not None
    assert (found.execution_id, found.run_id, found.since) == (record["executionId"], "manual__1", T0 + 100)
    assert len(found.servers) == 3
    assert found.servers[0] == FailedOverServer(
        source_server_id=row["sourceServerId"],
        name="erp-1-1",
        account_id="111122223333",
        region="eu-west-1",
        origin_account_id="999988887777",
        origin_region="eu-central-1",
        origin_zone="eu-central-1a",
        recovery_instance_id=row["recoveryInstanceId"],
        instance_id=row["instanceId"],
        private_ip=row["privateIp"],
        hostname=row["hostname"],
        point_in_time=row["pointInTime"],
    )
    assert Failover.believed(found.kept_form()) == found
    assert instances_of(found.servers)[row["sourceServerId"]] == row["instanceId"]


def test_a_later_attempt_and_a_second_recovery_of_other_waves_add_to_it() -> None:
    first = failover_of(ended(), None)
    again = failover_of({**ended(), "endTime": T0 + 900}, first)
    assert again == first
    other = failover_of({**ended(), "executionId": "e2", "endTime": T0 + 900}, KNOWN)
    assert other is not None
    assert (other.since, len(other.servers)) == (T0 + 900, 6)
    nothing = ended()
    for wave in nothing["waves"]:
        wave["serverStatuses"] = []
    assert failover_of(nothing, None) is None
    assert failover_of(nothing, KNOWN) == KNOWN


def test_what_aws_shows_goes_before_what_was_kept() -> None:
    assert failover_after(KNOWN, preflighted(look=look(1, 2))) == KNOWN
    (left,) = failover_after(KNOWN, preflighted(look=look(1))).servers  # type: ignore[union-attr]
    assert left == KNOWN.servers[0]
    assert failover_after(KNOWN, preflighted()) is None
    replaced = Look({"s-1"}, [FailedOverServer(source_server_id="s-1", instance_id="i-9")])
    (new,) = failover_after(KNOWN, preflighted(look=replaced)).servers  # type: ignore[union-attr]
    assert (new.instance_id, new.private_ip) == ("i-9", None)
    found = failover_after(None, preflighted(look=look(1)))  # what was kept is lost
    assert found == Failover(since=T0, servers=(server(1),))


def test_in_doubt_a_server_still_runs_in_recovery() -> None:
    not_asked = preflighted(look=look(at=(1,)), whole=False)
    assert [each.source_server_id for each in failover_after(KNOWN, not_asked).servers] == ["s-2"]  # type: ignore[union-attr]
    unread = preflighted(Finding("could_not_be_checked"), look=look(at=()))
    assert failover_after(KNOWN, unread) == KNOWN
    outside = preflighted(look=look(outside=(1, 2)))
    assert failover_after(KNOWN, outside) == KNOWN
    said = preflighted(look=look(outside=(1, 2)), failed_back="CHG7: moved back, instances are for forensics")
    assert failover_after(KNOWN, said) is None
    live = preflighted(look=look(1, 2), failed_back="surely")
    assert failover_after(KNOWN, live) == KNOWN  # DRS shows them: no word counts against that


def test_a_server_that_the_plan_holds_no_more_is_no_concern_of_it() -> None:
    assert failover_after(KNOWN, preflighted(look=look(1, at=(1,)))).servers == KNOWN.servers[:1]  # type: ignore[union-attr]


def test_what_is_kept_alone_leaves_out_no_drill() -> None:
    assert skip_reason(KNOWN, look(at=()), "wiki") is None
    assert skip_reason(None, look(), "wiki") is None
    told = skip_reason(KNOWN, look(1), "wiki")
    assert told is not None
    assert told.startswith("wiki has failed over (2 servers run in recovery by CHG1: db, s-2): ")
    assert skip_reason(KNOWN, look(outside=(1,)), "wiki") == told


# -- state and readiness ------------------------------------------------------------------------------------


def after(kept: KeptState, *findings: Finding, failover: Failover | None = None, **fields: Any) -> KeptState:
    return state_after(kept, failover, preflighted(*findings, **fields))


def test_a_preflight_without_faults_protects() -> None:
    state = after(KeptState())
    assert (state.state, state.state_since, state.known_since) == (PlanState.PROTECTED, T0, T0)
    assert state.readiness == Readiness(status="READY", at=T0, run_id="r1")
    later = after(state, at=T0 + 5, run_id="r2")
    assert (later.state_since, later.readiness.at) == (T0, T0 + 5)  # type: ignore[union-attr]
    assert KeptState.believed(later.kept_form()) == later


def test_servers_that_could_not_be_recovered_are_not_protected() -> None:
    warned = Finding("replication_unfit", "WARN", message="replication is STOPPED", server_ids=("s-1", "s-2"))
    state = after(KeptState(), warned, execution_type=RECOVERY)
    assert (state.state, state.state_why) == (PlanState.NOT_PROTECTED, "replication is STOPPED (2 servers)")
    assert after(KeptState(), Finding("empty_group", "INFO")).state is PlanState.PROTECTED
    assert after(state, at=T0 + 9).state_since == T0 + 9


def test_failed_over_goes_before_all_else_and_is_left_when_the_instances_are_gone() -> None:
    state = after(KeptState(), Finding("replication_unfit"), failover=KNOWN)
    assert (state.state, state.state_since, state.state_run_id) == (PlanState.FAILED_OVER, T0 - DAY, "CHG1")
    assert state.state_why == "2 servers run in recovery by CHG1: db, s-2"
    back = after(state, at=T0 + 5)
    assert (back.state, back.state_since) == (PlanState.PROTECTED, T0 + 5)
    assert back.state_why == "failed back: its recovery instances are gone"
    assert after(back).state_why == back.state_why
    assert after(state, failed_back="CHG7").state_why == "failed back: CHG7"
    assert after(state, whole=False).state is PlanState.UNKNOWN


def test_what_could_not_be_read_changes_no_state() -> None:
    state = after(KeptState())
    assert after(state, Finding("identity_not_proven"), at=T0 + 5).state is PlanState.PROTECTED
    assert after(KeptState(), Finding("could_not_be_checked", passing=True)).state is PlanState.UNKNOWN
    assert after(KeptState(), Finding("could_not_be_checked", "WARN")).state is PlanState.PROTECTED


@pytest.mark.parametrize(
    ("finding", "status", "errors", "warnings"),
    [
        (Finding("addresses_short"), "NOT_READY", 1, 0),
        (Finding("addresses_short", "WARN", overridden=True), "NOT_READY", 1, 0),
        (Finding("lag_above_rpo", "WARN"), "READY", 0, 1),
        (Finding("could_not_be_checked", passing=True), "UNKNOWN", 1, 0),
        (Finding("source_alive"), "READY", 0, 0),
    ],
)
def test_readiness_is_whether_an_execution_could_begin(
    finding: Finding, status: str, errors: int, warnings: int
) -> None:
    found = after(KeptState(), finding).readiness
    assert found is not None
    assert (found.status, found.errors, found.warnings) == (status, errors, warnings)
    assert after(KeptState(), finding, whole=False).readiness is None


def test_readiness_is_lost_once() -> None:
    ready, lost = after(KeptState()), after(KeptState(), Finding("addresses_short"))
    assert readiness_lost(ready, lost)
    assert not readiness_lost(lost, lost)
    assert not readiness_lost(lost, ready)
    assert not readiness_lost(KeptState(), lost)
    assert not readiness_lost(ready, after(ready, Finding("live_instance"), failover=KNOWN))


# -- drills -------------------------------------------------------------------------------------------------


def drilled(
    result: str = "passed", status: ExecutionStatus = ExecutionStatus.COMPLETED, **fields: Any
) -> KeptState:
    record = {**ended(DRILL, status), "verdict": {"result": result}}
    return state_after_end(KeptState(**fields), None, record)


def test_the_last_drill_and_its_result() -> None:
    state = drilled()
    assert state.last_drill is not None
    assert (state.last_drill.result, state.last_drill.run_id, state.drilled_at) == (
        "passed",
        "manual__1",
        T0 + 100,
    )
    failed = drilled(status=ExecutionStatus.FAILED, drilled_at=T0 - DAY)
    assert (failed.last_drill.result, failed.drilled_at) == ("failed", T0 - DAY)  # type: ignore[union-attr]
    assert drilled("failed").drilled_at is None
    part = ended(DRILL)
    part["waves"][1]["selected"] = False
    assert state_after_end(KeptState(), None, part).drilled_at is None


def test_a_recovery_fails_a_plan_over_and_is_no_drill() -> None:
    state = state_after_end(KeptState(), KNOWN, ended())
    assert (state.state, state.state_since, state.last_drill) == (PlanState.FAILED_OVER, T0 - DAY, None)
    assert state_after_end(KeptState(), None, ended()) == KeptState()


def test_a_drill_is_overdue_after_the_days_of_the_plan_and_told_once() -> None:
    state = drilled()
    now = T0 + 100 + 30 * DAY
    assert overdue_since(state, 30, now) is None
    assert overdue_since(state, 30, now + 1) == now
    assert overdue_since(state, None, now + 1) is None
    assert overdue_since(KeptState(), 30, now) is None
    assert overdue_since(KeptState(known_since=T0), 1, T0 + 2 * DAY) == T0 + DAY  # never drilled
    assert overdue_since(state.moved(PlanState.FAILED_OVER, T0), 30, now + 1) is None
    told = overdue_to_tell(state, 30, now + 1)
    assert told is not None
    assert overdue_to_tell(told, 30, now + 5 * DAY) is None


def test_lists_of_plans_get_a_row() -> None:
    kept = after(drilled(), Finding("lag_above_rpo", "WARN"))
    row = plan_row(kept.kept_form(), drill_every_days=30, now=T0 + 100 + 31.5 * DAY)
    assert row == {
        "state": "PROTECTED",
        "stateSince": T0,
        "stateRunId": "r1",
        "readiness": {
            "status": "READY",
            "at": T0,
            "errors": 0,
            "warnings": 1,
            "codes": [],
            "executionType": "DRILL",
            "runId": "r1",
        },
        "lastDrill": {"result": "passed", "status": "COMPLETED", "at": T0 + 100, "runId": "manual__1"},
        "drillEveryDays": 30,
        "drillOverdue": True,
        "daysSinceDrill": 31,
    }
    unknown = {"state": "UNKNOWN", "readiness": {"status": "UNKNOWN"}}
    for kept_value in (None, {}, "text", {"state": "FINE"}, {"readiness": 7}):
        assert plan_row(kept_value, drill_every_days=None, now=T0) == unknown
