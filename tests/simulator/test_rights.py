"""What DRS does as its caller: each documented action, denied to a role that starts a job over HTTP."""

import re

import pytest

from drs_provider.core import rights as policy
from drs_simulator.engine import rights
from drs_simulator.scenario import ScenarioError, parse_scenario
from drs_simulator.testing import simulator
from tests.simulator.support import (
    ACCOUNT,
    REGION,
    events_of,
    everything,
    instances_of,
    job_of,
    part_of,
    refused,
    server_of,
    start,
)

ONE_DISK, TWO_DISKS, RUNNING = "s-00000000000000001", "s-00000000000000002", "s-00000000000000003"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Denied"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0d5a"

# The dependent actions of the three calls in AWS's Service Authorization Reference.
OF_A_START = {
    "drs": "CreateRecoveryInstanceForDrs ListTagsForResource",
    "iam": "PassRole",
    "ec2": """AttachVolume AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateLaunchTemplate
        CreateLaunchTemplateVersion CreateSnapshot CreateTags CreateVolume DeleteLaunchTemplateVersions DeleteSnapshot
        DeleteVolume DescribeAccountAttributes DescribeAvailabilityZones DescribeImages DescribeInstanceAttribute
        DescribeInstanceStatus DescribeInstanceTypes DescribeInstances DescribeLaunchTemplateVersions
        DescribeLaunchTemplates DescribeSecurityGroups DescribeSnapshots DescribeSubnets DescribeVolumes DetachVolume
        ModifyInstanceAttribute ModifyLaunchTemplate RevokeSecurityGroupEgress RevokeSecurityGroupIngress RunInstances
        StartInstances StopInstances TerminateInstances""",
}
OF_A_TERMINATION = {
    "drs": "DescribeSourceServers",
    "ec2": "DeleteVolume DescribeInstances DescribeVolumes TerminateInstances",
}
OF_A_CHANGE = {"ec2": "DescribeInstances"}

# Seen in public records; see engine/rights.py.
RECORDED = {
    "no_conversion": {
        "iam": "PassRole",
        "ec2": """RunInstances CreateVolume AttachVolume CreateTags DescribeVolumes DescribeSnapshots
            ModifyInstanceAttribute DescribeImages DescribeSecurityGroups DescribeSubnets""",
    },
    "leaves_instance": {"ec2": "DeleteVolume DetachVolume"},
    "launch_fails": {"ec2": "DeleteLaunchTemplateVersions"},
}


def actions(by_service):
    return sorted(f"{service}:{name}" for service, names in by_service.items() for name in names.split())


def world(*denied, **more):
    common = {"launch": {"copy_tags": False}}
    servers = [
        {"id": ONE_DISK, "name": "one", "disks": [8], **common},
        {"id": TWO_DISKS, "name": "two", "disks": [8, 100], **common},
        {"id": RUNNING, "name": "runs", "live_instance": {"is_drill": True}, **common},
    ]
    regions = {REGION: {"servers": ["all"]}}
    roles = {"Denied": {"trusts": [ACCOUNT], "deny": list(denied)}}
    return {"accounts": {ACCOUNT: {"regions": regions, "roles": roles}}, "servers": {"all": servers}, **more}


class Attempt:
    """A job of both servers, started in the denied role, at its end."""

    def __init__(self, sim, *server_ids):
        self.sim, self.drs = sim, sim.client("drs")
        denied = sim.client_in_role("drs", ROLE, REGION)
        self.job_id = start(denied, *(server_ids or (ONE_DISK, TWO_DISKS)))["jobID"]
        sim.finish()
        self.job = job_of(self.drs, self.job_id)
        self.log = everything(self.drs, "describe_job_log_items", jobID=self.job_id)

    def status(self, server_id):
        return part_of(self.job, server_id)["launchStatus"]

    def events(self, server_id):
        return events_of(self.drs, self.job_id, server_id)

    def causes(self):
        return [item["eventData"]["rawError"] for item in self.log if "rawError" in item["eventData"]]

    def tells(self, action):
        return bool(self.causes()) and all(f" {action} on resource: " in cause for cause in self.causes())

    def instances(self):
        return self.drs.describe_recovery_instances(filters={"sourceServerIDs": [ONE_DISK, TWO_DISKS]})[
            "items"
        ]

    def running_in_ec2(self):
        rows = self.sim.client("ec2").describe_instances()["Reservations"]
        found = [instance for row in rows for instance in row["Instances"]]
        return {
            tag["Value"]
            for instance in found
            for tag in instance["Tags"]
            if tag["Key"] == "AWSElasticDisasterRecoverySourceServerID"
            and instance["State"]["Name"] == "running"
        }


def nothing_was_launched(attempt):
    assert attempt.job["status"] == "COMPLETED"
    assert [attempt.status(i) for i in (ONE_DISK, TWO_DISKS)] == ["FAILED", "FAILED"]
    assert attempt.instances() == []
    assert attempt.running_in_ec2() == {RUNNING}
    assert server_of(attempt.drs, ONE_DISK)["lastLaunchResult"] == "FAILED"


def check_no_conversion(sim, action):
    begun = sim.now
    attempt = Attempt(sim)
    nothing_was_launched(attempt)
    assert attempt.events(ONE_DISK) == ["SNAPSHOT_START", "SNAPSHOT_END"]
    assert attempt.causes() == []
    # 3:24 from JOB_START to JOB_END were recorded.
    assert sim.now - begun == pytest.approx(204, abs=4)


def check_conversion_fails(sim, action):
    attempt = Attempt(sim)
    nothing_was_launched(attempt)
    assert attempt.events(ONE_DISK)[-2:] == ["CONVERSION_START", "CONVERSION_FAIL"]
    assert attempt.tells(action)


def check_launch_fails(sim, action):
    attempt = Attempt(sim)
    nothing_was_launched(attempt)
    assert attempt.events(ONE_DISK)[-2:] == ["LAUNCH_START", "LAUNCH_FAILED"]
    assert attempt.tells(action)


def check_leaves_instance(sim, action):
    attempt = Attempt(sim)
    assert (attempt.job["status"], attempt.status(ONE_DISK)) == ("COMPLETED", "LAUNCHED")
    assert attempt.status(TWO_DISKS) == "FAILED"
    assert attempt.events(TWO_DISKS)[-2:] == ["LAUNCH_START", "LAUNCH_FAILED"]
    (cause,) = attempt.causes()
    operation = action.removeprefix("ec2:")
    form = (
        rf"An error occurred \(UnauthorizedOperation\) when calling the {operation} operation: You are not authorized "
        rf"to perform this operation\. User: arn:aws:sts::{ACCOUNT}:assumed-role/Denied/test is not authorized to "
        rf"perform: {action} on resource: arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-[0-9a-f]{{17}} because no "
        rf"identity-based policy allows the {action} action\. Encoded authorization failure message: [0-9a-f]+"
    )
    assert re.fullmatch(form, cause)
    # DRS knows nothing of the second one, whose instance runs on.
    assert [row["sourceServerID"] for row in attempt.instances()] == [ONE_DISK]
    assert attempt.running_in_ec2() == {ONE_DISK, TWO_DISKS, RUNNING}
    assert "recoveryInstanceID" not in part_of(attempt.job, TWO_DISKS)


def check_cleanup_fails(sim, action):
    attempt = Attempt(sim, RUNNING)
    assert attempt.status(RUNNING) == "FAILED"
    assert attempt.events(RUNNING) == ["CLEANUP_START", "CLEANUP_FAIL"]
    assert attempt.tells(action)
    assert RUNNING in attempt.running_in_ec2()


def check_refused(sim, action):
    with refused("AccessDeniedException", 403, action):
        start(sim.client_in_role("drs", ROLE, REGION), ONE_DISK)
    assert sim.client("drs").describe_jobs()["items"] == []


def check_none(sim, action):
    attempt = Attempt(sim)
    assert [attempt.status(i) for i in (ONE_DISK, TWO_DISKS)] == ["LAUNCHED", "LAUNCHED"]


CHECKS = {
    rights.Effect.NO_CONVERSION: check_no_conversion,
    rights.Effect.CONVERSION_FAILS: check_conversion_fails,
    rights.Effect.LAUNCH_FAILS: check_launch_fails,
    rights.Effect.LEAVES_INSTANCE: check_leaves_instance,
    rights.Effect.CLEANUP_FAILS: check_cleanup_fails,
    rights.Effect.REFUSED: check_refused,
    rights.Effect.NONE: check_none,
}
START_ROWS = {right.action: right for right in rights.START_RECOVERY}


def test_every_documented_action_has_its_row():
    assert sorted(START_ROWS) == actions(OF_A_START)
    assert sorted(right.action for right in rights.TERMINATE_RECOVERY_INSTANCES) == actions(OF_A_TERMINATION)
    assert [right.action for right in rights.UPDATE_LAUNCH_CONFIGURATION] == actions(OF_A_CHANGE)


def test_the_policy_grants_drs_every_documented_action_and_no_other():
    granted = {*policy.READ_BY_DRS, *policy.DONE_BY_DRS, policy.PASS_ROLE}
    assert granted == {*actions(OF_A_START), *actions(OF_A_TERMINATION)}


def test_what_was_recorded_is_no_assumption_and_the_rest_is_one():
    recorded = {action: effect for effect, names in RECORDED.items() for action in actions(names)}
    assert {r.action: str(r.effect) for r in rights.START_RECOVERY if r.source is not None} == recorded


@pytest.mark.parametrize("action", actions(OF_A_START))
def test_an_action_that_a_start_lacks(action):
    with simulator(world(action)) as sim:
        CHECKS[START_ROWS[action].effect](sim, action)


@pytest.mark.parametrize("effect", list(rights.Effect), ids=str)
def test_another_effect_can_be_set(effect):
    action = "ec2:StartInstances"
    with simulator(world(action, denied_effects={action: effect})) as sim:
        if effect is rights.Effect.SNAPSHOT_FAILS:
            attempt = Attempt(sim)
            nothing_was_launched(attempt)
            assert attempt.events(ONE_DISK) == ["SNAPSHOT_START", "SNAPSHOT_FAIL"]
        elif effect is rights.Effect.LEAVES_INSTANCE:
            assert Attempt(sim).running_in_ec2() == {ONE_DISK, TWO_DISKS, RUNNING}
        else:
            CHECKS[effect](sim, action)


def test_an_effect_of_an_unknown_action_is_refused():
    with pytest.raises(ScenarioError, match=r"no dependent action of StartRecovery: ec2:RunInstance$"):
        parse_scenario(world(denied_effects={"ec2:RunInstance": "none"}))


def test_of_several_lacking_actions_the_first_to_show_decides():
    with simulator(world("ec2:DeleteVolume", "ec2:StartInstances", "ec2:CreateVolume")) as sim:
        check_no_conversion(sim, "ec2:CreateVolume")


def test_a_server_without_an_earlier_instance_fails_later_for_want_of_its_removal():
    with simulator(world("ec2:TerminateInstances")) as sim:
        check_conversion_fails(sim, "ec2:TerminateInstances")


@pytest.mark.parametrize("action", actions(OF_A_TERMINATION))
def test_an_action_that_a_termination_lacks(action):
    with simulator(world(action)) as sim:
        drs = sim.client("drs")
        (instance,) = drs.describe_recovery_instances()["items"]
        ids = [instance["recoveryInstanceID"]]
        denied = sim.client_in_role("drs", ROLE, REGION)
        job_id = denied.terminate_recovery_instances(recoveryInstanceIDs=ids)["job"]["jobID"]
        sim.finish()
        assert part_of(job_of(drs, job_id), RUNNING)["launchStatus"] == "FAILED"
        log = everything(drs, "describe_job_log_items", jobID=job_id)
        (cause,) = [item["eventData"]["rawError"] for item in log if item["event"] == "CLEANUP_FAIL"]
        assert action in cause
        assert instances_of(sim.client("ec2"), *ids)[0]["State"]["Name"] == "running"
        assert [row["recoveryInstanceID"] for row in drs.describe_recovery_instances()["items"]] == ids


@pytest.mark.parametrize("action", actions(OF_A_CHANGE))
def test_an_action_that_a_change_of_the_launch_configuration_lacks(action):
    with simulator(world(action)) as sim:
        drs = sim.client_in_role("drs", ROLE, REGION)
        with refused("AccessDeniedException", 403, action):
            drs.update_launch_configuration(sourceServerID=ONE_DISK, copyTags=True)
        assert drs.get_launch_configuration(sourceServerID=ONE_DISK)["copyTags"] is False


def test_a_key_that_drs_may_not_use():
    scenario = world()
    scenario["servers"]["all"][0]["fail"] = {"at": "CONVERSION_FAIL", "kms_key": KEY}
    with simulator(scenario) as sim:
        (cause,) = Attempt(sim).causes()
    call = "An error occurred (AuthFailure) when calling the ModifySnapshotAttribute operation"
    assert cause == f"{call}: Not authorized to use key {KEY}"


def test_ec2_refuses_a_call_of_ones_own_in_the_same_words():
    with simulator(world("ec2:RunInstances")) as sim:
        ec2 = sim.client_in_role("ec2", ROLE, REGION)
        words = "because no identity-based policy allows the ec2:RunInstances action. Encoded authorization failure"
        with refused("UnauthorizedOperation", 403, words):
            ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
