from __future__ import annotations

from typing import Any

import pytest

from drs_simulator.testing import simulator
from embedded import simulated_aws
from embedded.environment import HISTORY_REGION, HISTORY_TABLE

pytestmark = pytest.mark.integration

ACCOUNT = "111122223333"
BRANCH = "222233334444"


def launch(url: str, account: str, region: str, count: int) -> list[str]:
    ec2 = simulated_aws.client("ec2", url, account, region)
    instances = ec2.run_instances(ImageId="ami-12345678", MinCount=count, MaxCount=count)["Instances"]
    return [instance["InstanceId"] for instance in instances]


def wave(account: str, region: str, ids: list[str | None]) -> dict[str, Any]:
    rows = [{"instanceId": instance} for instance in ids]
    return {"accountContext": {"accountId": account}, "region": region, "serverStatuses": rows}


def test_instances_are_looked_up_in_the_account_and_region_of_their_wave() -> None:
    with simulator("shop_two_regions") as world:
        stopped, left = launch(world.url, ACCOUNT, "eu-west-1", 2)
        [branch] = launch(world.url, BRANCH, "eu-central-1", 1)
        simulated_aws.client("ec2", world.url, ACCOUNT, "eu-west-1").terminate_instances(
            InstanceIds=[stopped]
        )
        record = {
            "waves": [
                wave(ACCOUNT, "eu-west-1", [stopped, left, None, "i-0123456789abcdef0"]),
                wave(BRANCH, "eu-central-1", [branch]),
                wave(BRANCH, "eu-central-1", []),
            ]
        }

        states = simulated_aws.instance_states(world.url, record)

    assert states == {
        stopped: "terminated",
        left: "running",
        "i-0123456789abcdef0": "terminated",
        branch: "running",
    }


def test_the_history_table_is_made_once_and_read() -> None:
    with simulator() as world:
        simulated_aws.create_history_table(world.url, ACCOUNT)
        simulated_aws.create_history_table(world.url, ACCOUNT)
        dynamodb = simulated_aws.client("dynamodb", world.url, ACCOUNT, HISTORY_REGION)

        assert dynamodb.list_tables()["TableNames"] == [HISTORY_TABLE]
        assert simulated_aws.stored_record(world.url, ACCOUNT, "no-such-execution") is None
