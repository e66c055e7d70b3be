from __future__ import annotations

import functools

import pytest
from botocore.loaders import Loader

from drs_provider.core.states import ExecutionType, LaunchStatus
from drs_provider.rules.drs import jobs as drs_model
from drs_provider.rules.drs import phases, recovery_instances
from drs_provider.rules.drs.jobs import (
    JobServerView,
    JobView,
    LogEvent,
    launched_instances,
    parse_jobs,
    parse_log,
)
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, instances_by_server

JOB = {
    "jobID": "drsjob-11111111111111111",
    "arn": "arn:aws:drs:eu-west-1:111122223333:job/drsjob-11111111111111111",
    "type": "LAUNCH",
    "initiatedBy": "START_DRILL",
    "creationDateTime": "2022-12-07T19:15:39.204086+00:00",
    "endDateTime": "2022-12-07T19:24:32Z",
    "status": "COMPLETED",
    "tags": {"WaveNumber": "1"},
    "participatingServers": [
        {
            "sourceServerID": "s-1111111111111111a",
            "recoveryInstanceID": "i-11111111111111111",
            "launchStatus": "LAUNCHED",
            "launchActionsStatus": {
                "ssmAgentDiscoveryDatetime": "2022-12-07T19:23:00Z",
                "runs": [
                    {
                        "action": {"actionId": "a1", "name": "disk space", "optional": True},
                        "runId": "r1",
                        "status": "FAILED",
                        "failureReason": "disk is full",
                    }
                ],
            },
        },
        {"sourceServerID": "s-1111111111111111b", "launchStatus": "LAUNCHED"},
    ],
}


@functools.cache
def shapes() -> dict:
    return Loader().load_service_model("drs", "service-2")["shapes"]


def test_a_job_is_read():
    job = JobView.from_api(JOB)
    assert job.completed
    assert job.server_ids == {"s-1111111111111111a", "s-1111111111111111b"}
    assert job.created_at == 1670440539.204086
    assert job.ended_at == 1670441072.0
    assert job.tags == {"WaveNumber": "1"}
    run = job.server("s-1111111111111111a").launch_actions[0]
    assert (run.name, run.optional, run.status, run.failure_reason) == (
        "disk space",
        True,
        "FAILED",
        "disk is full",
    )
    assert job.server("s-9") is None
    assert job.unknown_values == ()
    assert len({job, JobView.from_api(JOB)}) == 1


def test_a_launched_server_may_lack_its_instance_id():
    row = parse_jobs([JOB])[0].server("s-1111111111111111b")
    assert row.recovery_instance_id is None
    assert row.launch_actions == ()


def test_a_job_with_its_id_only_is_read():
    job = JobView.from_api({"jobID": "drsjob-1", "type": "LAUNCH"})
    assert (job.status, job.created_at, job.servers, job.tags) == ("PENDING", None, (), {})
    assert not job.completed


def test_trap_24_unknown_values_stay_visible():
    data = JOB | {
        "status": "HALTED",
        "participatingServers": [{"sourceServerID": "s-1", "launchStatus": "RESUMING"}],
    }
    assert JobView.from_api(data).unknown_values == ("status=HALTED", "s-1.launchStatus=RESUMING")
    assert JobView.from_api(data).server("s-1").launch_status == "RESUMING"


@pytest.mark.parametrize(
    ("change", "unread"),
    [
        ({"creationDateTime": "yesterday"}, "creationDateTime=yesterday"),
        ({"endDateTime": "2022-12-07T19:24:32"}, "endDateTime=2022-12-07T19:24:32"),
        ({"tags": "none"}, "tags=none"),
        ({"participatingServers": [{"sourceServerID": 7}]}, "sourceServerID=7"),
    ],
)
def test_trap_24_what_is_malformed_is_noted_and_never_guessed(change, unread):
    job = JobView.from_api(JOB | change)
    assert job.unread == (unread,)
    assert job.job_id == JOB["jobID"]
    if "DateTime" in unread:
        assert None in (job.created_at, job.ended_at)


def test_a_job_without_an_id_cannot_be_followed_and_stops_no_other():
    assert [job.job_id for job in parse_jobs([JOB | {"jobID": None}, JOB])] == [JOB["jobID"]]


def test_servers_that_are_not_named_are_counted_and_their_instances_known():
    job = JobView.from_api(
        {"jobID": "drsjob-1", "type": "TERMINATE", "participatingServers": [{"recoveryInstanceID": "i-1"}]}
    )
    assert (job.server_ids, job.server_count, job.instance_ids) == (set(), 1, {"i-1"})


def test_a_job_about_networks_has_no_servers():
    resources = [{"participatingResourceID": {"sourceNetworkID": "sn-1"}, "launchStatus": "PENDING"}]
    job = JobView.from_api(
        {"jobID": "drsjob-1", "participatingServers": [], "participatingResources": resources}
    )
    assert (job.server_ids, job.server_count, job.completed) == (set(), 0, False)


def test_a_job_without_status_has_ended_if_it_says_when():
    assert JobView.from_api({"jobID": "drsjob-1", "endDateTime": "2022-12-07T19:24:32Z"}).completed


def test_a_log_line_is_read():
    event = parse_log(
        [
            {
                "logDateTime": "2022-12-07T19:15:40Z",
                "event": "CONVERSION_FAIL",
                "eventData": {"sourceServerID": "s-1", "rawError": "boom", "targetInstanceID": "i-1"},
            }
        ],
        job_id="drsjob-1",
    )[0]
    assert event == LogEvent("CONVERSION_FAIL", 1670440540.0, "s-1", "i-1", "boom", "drsjob-1")
    assert LogEvent.from_api({"event": "JOB_START"}) == LogEvent("JOB_START")


def test_the_log_tells_which_instances_were_launched():
    def line(event, server, instance):
        return LogEvent(event, source_server_id=server, target_instance_id=instance)

    told = launched_instances(
        [
            LogEvent("JOB_START"),
            line("LAUNCH_END", "s-1", "i-0"),
            line("LAUNCH_FAILED", "s-1", None),
            line("LAUNCH_END", "s-1", "i-1"),
            line("CLEANUP_END", "s-2", "i-9"),
            line("LAUNCH_END", "s-3", None),
        ]
    )
    assert told == {"s-1": "i-1"}
    servers = (JobServerView("s-1"), JobServerView("s-2"), JobServerView("s-4", recovery_instance_id="i-4"))
    job = JobView("drsjob-1", servers=servers).with_instances({**told, "s-4": "i-5"})
    assert [row.recovery_instance_id for row in job.servers] == ["i-1", None, "i-4"]


@pytest.mark.parametrize(
    ("row", "view", "lacks"),
    [
        (JobServerView("s-1", "LAUNCHED"), None, True),
        (JobServerView("s-1", "LAUNCHED"), {"jobID": "drsjob-9"}, True),
        (JobServerView("s-1", "LAUNCHED"), {"sourceServerID": "s-2"}, True),
        (JobServerView("s-1", "LAUNCHED"), {}, False),
        (JobServerView("s-1", "LAUNCHED", "i-1"), None, False),
        (JobServerView("s-1", "PENDING"), None, False),
        (JobServerView("s-1", "FAILED"), None, False),
        (JobServerView("", "LAUNCHED"), None, True),
        (JobServerView("", "LAUNCHED"), {}, False),
        (JobServerView("", "LAUNCHED", "i-1"), None, False),
        (JobServerView("", "FAILED"), None, False),
    ],
)
def test_a_job_lacks_what_neither_it_nor_a_recovery_instance_tells(row, view, lacks):
    views = [] if view is None else [RecoveryInstanceView.from_api(instance(**view))]
    job = JobView.from_api(
        {
            "jobID": "drsjob-1",
            "status": "STARTED",
            "participatingServers": [
                {
                    "sourceServerID": row.source_server_id,
                    "launchStatus": row.launch_status,
                    "recoveryInstanceID": row.recovery_instance_id,
                }
            ],
        }
    )
    assert job.lacks_instances(views) is lacks


def test_a_completed_job_without_servers_leaves_an_instance_untold():
    job = JobView("drsjob-1", status="COMPLETED")
    assert job.untold() == ("1 servers that DRS does not name",)
    assert job.untold({"s-1"}) == ()
    assert JobView("drsjob-1", status="STARTED").untold() == ()


def test_a_log_line_without_event_is_left_out():
    lines = [{"logDateTime": "2022-12-07T19:15:40Z"}, {"event": "JOB_END", "logDateTime": "late"}]
    assert parse_log(lines, "drsjob-1") == (LogEvent("JOB_END", job_id="drsjob-1"),)


def instance(**changes):
    data = {
        "recoveryInstanceID": "i-1",
        "ec2InstanceID": "i-1",
        "ec2InstanceState": "RUNNING",
        "sourceServerID": "s-1",
        "jobID": "drsjob-1",
        "isDrill": True,
        "pointInTimeSnapshotDateTime": "2022-12-07T19:15:40Z",
    }
    return {key: value for key, value in (data | changes).items() if value is not None}


def test_a_recovery_instance_is_read():
    view = RecoveryInstanceView.from_api(instance())
    assert view.is_drill
    assert view.exists
    assert view.point_in_time == 1670440540.0


@pytest.mark.parametrize(
    ("state", "exists"),
    [
        ("PENDING", True),
        ("STOPPED", True),
        ("SHUTTING-DOWN", False),
        ("TERMINATED", False),
        ("NOT_FOUND", False),
        ("MOVED", True),
        (None, True),
    ],
)
def test_trap_33_only_a_known_end_means_that_an_instance_is_gone(state, exists):
    assert RecoveryInstanceView.from_api(instance(ec2InstanceState=state)).exists is exists


def test_trap_20_an_instance_that_does_not_say_drill_counts_as_live():
    assert not RecoveryInstanceView.from_api(instance(isDrill=None)).is_drill


def test_the_instance_that_exists_wins():
    gone = instance(recoveryInstanceID="i-0", ec2InstanceID="i-0", ec2InstanceState="TERMINATED")
    for order in ([gone, instance()], [instance(), gone]):
        assert instances_by_server(order, ["s-1"])["s-1"].recovery_instance_id == "i-1"


@pytest.mark.contract
@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ("LaunchStatus", drs_model.LAUNCH_STATUSES),
        ("JobStatus", drs_model.JOB_STATUSES),
        ("JobType", drs_model.JOB_TYPES),
        ("LaunchActionRunStatus", drs_model.RUN_STATUSES),
    ],
)
def test_trap_25_enums_are_those_of_the_service_model(shape, values):
    assert set(shapes()[shape]["enum"]) == set(values)


@pytest.mark.contract
def test_trap_25_values_used_in_rules_exist_in_the_service_model():
    assert set(shapes()["EC2InstanceState"]["enum"]) >= recovery_instances.GONE_EC2_STATES
    assert {kind.initiated_by for kind in ExecutionType} <= set(shapes()["InitiatedBy"]["enum"])
    events = set(phases.PHASE_EVENTS) - {"LAUNCH_END"}
    assert events <= set(shapes()["JobLogEvent"]["enum"])
    assert LaunchStatus.LAUNCHED in drs_model.LAUNCH_STATUSES


@pytest.mark.contract
@pytest.mark.parametrize(
    ("shape", "members"),
    [
        (
            "Job",
            "jobID type initiatedBy status creationDateTime endDateTime tags participatingServers",
        ),
        ("ParticipatingServer", "sourceServerID launchStatus recoveryInstanceID launchActionsStatus"),
        ("LaunchActionsStatus", "runs"),
        ("LaunchActionRun", "action runId status failureReason"),
        ("LaunchAction", "actionId name optional"),
        ("JobLog", "event logDateTime eventData"),
        ("JobLogEventData", "sourceServerID targetInstanceID rawError"),
        (
            "RecoveryInstance",
            (
                "recoveryInstanceID ec2InstanceID ec2InstanceState sourceServerID jobID isDrill "
                "pointInTimeSnapshotDateTime"
            ),
        ),
    ],
)
def test_trap_25_members_are_those_of_the_service_model(shape, members):
    assert set(members.split()) <= set(shapes()[shape]["members"])
