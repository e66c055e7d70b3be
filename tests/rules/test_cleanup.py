"""What a drill's cleanup may terminate."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drs_provider.rules.cleanup import CleanupStep, drill_instances, next_step
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView
from tests.rules.rule_builders import instance, job

OWN = "drsjob-1"


def step(**changes: Any) -> CleanupStep:
    values: dict[str, Any] = {
        "instances": [instance("s-1")],
        "own_job_ids": {OWN},
        "jobs": [job(OWN, {"s-1": "LAUNCHED"})],
        "known_instance_ids": ["i-s-1"],
        "existing_instance_ids": {"i-s-1"},
    }
    return next_step(**(values | changes))


def test_the_drills_own_instances_are_terminated() -> None:
    assert step() == CleanupStep(terminate=("i-s-1",), remaining=("i-s-1",))
    assert not step().done


def test_trap_19_instances_of_others_are_not() -> None:
    foreign = [
        instance("s-1", job_id="drsjob-other"),
        instance("s-2", job_id=None),
        instance("s-3", is_drill=False),
        instance("s-4", state="TERMINATED"),
    ]
    assert drill_instances(foreign, {OWN}) == ()
    assert step(instances=foreign, known_instance_ids=[]).done


def test_nothing_is_terminated_while_a_job_of_ours_launches() -> None:
    running = job(OWN, {"s-1": "LAUNCHED", "s-2": "PENDING"}, status="STARTED")
    found = step(jobs=[running])
    assert found.wait_for == (OWN,)
    assert found.terminate == ()
    assert not found.done


def test_instances_in_a_terminate_job_are_only_waited_for() -> None:
    terminating = job("drsjob-2", {"s-1": "LAUNCHED"}, type="TERMINATE", status="STARTED")
    found = step(jobs=[job(OWN, {"s-1": "LAUNCHED"}), terminating])
    assert found.terminate == ()
    assert found.remaining == ("i-s-1",)


def test_a_terminate_job_that_ended_without_effect_is_repeated() -> None:
    ended = job("drsjob-2", {"s-1": "LAUNCHED"}, type="TERMINATE")
    assert step(jobs=[job(OWN, {"s-1": "LAUNCHED"}), ended]).terminate == ("i-s-1",)


def test_trap_39_a_pre_provisioned_instance_is_kept_while_drs_lists_it() -> None:
    assert step(pre_provisioned=["i-s-1"]) == CleanupStep(kept=("i-s-1",))
    assert not step(pre_provisioned=["i-s-1"]).done
    assert step(pre_provisioned=["i-s-1"], instances=[]).done
    assert step(pre_provisioned=["i-s-1"], existing_instance_ids=set()).done


def test_trap_39_what_may_be_pre_provisioned_remains() -> None:
    assert step(unread={"s-1"}) == CleanupStep(remaining=("i-s-1",))


def test_ec2_has_the_last_word() -> None:
    assert step(instances=[]).remaining == ("i-s-1",)
    assert step(instances=[], existing_instance_ids=set()).done


def test_trap_08_what_drs_does_not_list_as_the_drills_is_told_apart() -> None:
    assert step().unlisted == ()
    assert step(instances=[]).unlisted == ("i-s-1",)
    assert step(instances=[instance("s-1", is_drill=False)]).unlisted == ("i-s-1",)
    assert step(instances=[], pre_provisioned=["i-s-1"]).unlisted == ()
    assert step(instances=[instance("s-1", state="TERMINATED")]).unlisted == (), "EC2 follows"
    terminating = JobView.from_api(
        {
            "jobID": "drsjob-2",
            "type": "TERMINATE",
            "status": "STARTED",
            "participatingServers": [{"recoveryInstanceID": "i-s-1"}],
        }
    )
    assert step(instances=[], jobs=[terminating]).unlisted == (), "a job is at work on it"


SERVERS = st.sampled_from(["s-1", "s-2", "s-3"])
INSTANCES = st.lists(
    st.builds(
        instance,
        SERVERS,
        job_id=st.sampled_from([OWN, "drsjob-other", None]),
        state=st.sampled_from(["RUNNING", "STOPPED", "TERMINATED"]),
        is_drill=st.booleans(),
    ),
    unique_by=lambda view: view.source_server_id,
)


@given(
    instances=INSTANCES,
    status=st.sampled_from(["PENDING", "STARTED", "COMPLETED"]),
    before=st.sets(st.sampled_from(["i-s-1", "i-s-2"])),
    unread=st.sets(SERVERS),
)
def test_trap_19_whatever_there_is_only_our_drills_instances_go(
    instances: list[Any], status: str, before: set[str], unread: set[str]
) -> None:
    found = step(
        instances=instances,
        jobs=[job(OWN, {}, status=status)],
        known_instance_ids=[],
        pre_provisioned=before,
        unread=unread,
    )
    mine = {view.recovery_instance_id for view in instances if view.job_id == OWN and view.is_drill}
    assert set(found.terminate) <= mine - before - {f"i-{server}" for server in unread}
    assert found.done == (
        not found.wait_for and not found.terminate and not found.remaining and not found.kept
    )


def test_trap_19_what_may_be_the_drills_but_is_not_proven_is_told_and_left() -> None:
    doubts = [
        RecoveryInstanceView.from_api(row)
        for row in (
            {"recoveryInstanceID": "i-1", "sourceServerID": "s-1", "jobID": OWN},
            {"recoveryInstanceID": "i-2", "sourceServerID": "s-1", "isDrill": True},
            {"recoveryInstanceID": "i-3", "jobID": OWN, "isDrill": True},
            {"ec2InstanceID": "i-4", "sourceServerID": "s-1", "jobID": OWN, "isDrill": True},
            {"sourceServerID": "s-1", "jobID": OWN, "isDrill": True},
        )
    ]
    others = [
        RecoveryInstanceView.from_api(row)
        for row in (
            {"recoveryInstanceID": "i-6", "sourceServerID": "s-1", "jobID": "drsjob-other"},
            {"recoveryInstanceID": "i-7", "sourceServerID": "s-7", "isDrill": True},
            {
                "recoveryInstanceID": "i-8",
                "sourceServerID": "s-1",
                "jobID": OWN,
                "ec2InstanceState": "TERMINATED",
            },
        )
    ]
    found = step(
        instances=[*doubts, *others],
        known_instance_ids=[],
        existing_instance_ids={f"i-{number}" for number in range(1, 9)},
        launched_servers={"s-1"},
    )
    assert found.terminate == ()
    assert found.doubtful == tuple(doubts)
    assert found.remaining == ("i-1", "i-2", "i-3", "i-4")
    assert not found.done


def test_an_instance_that_a_running_job_names_is_only_waited_for() -> None:
    terminating = JobView.from_api(
        {
            "jobID": "drsjob-2",
            "type": "TERMINATE",
            "status": "STARTED",
            "participatingServers": [{"recoveryInstanceID": "i-s-1"}],
        }
    )
    found = step(jobs=[job(OWN, {"s-1": "LAUNCHED"}), terminating])
    assert (found.terminate, found.remaining) == ((), ("i-s-1",))
