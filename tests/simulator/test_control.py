"""The control interface over HTTP."""

import httpx
import pytest

from tests.simulator.support import ACCOUNT, DB_1, DB_2, start


@pytest.fixture
def control(drs_simulator):
    with httpx.Client(base_url=f"{drs_simulator.url}/moto-api/drs/") as client:
        yield client


def test_the_clock_can_be_advanced_paused_and_sped_up(control):
    before = control.get("clock").json()
    assert (before["speed"], before["paused"]) == (0.0, False)
    after = control.post("clock", json={"advance_seconds": 90}).json()
    assert after["epoch"] - before["epoch"] == pytest.approx(90)
    fast = control.post("clock", json={"speed": 1000}).json()
    assert fast["speed"] == 1000
    paused = control.post("clock", json={"paused": True}).json()
    assert paused["paused"] is True
    assert control.get("clock").json()["epoch"] == paused["epoch"] > after["epoch"]
    assert control.post("clock", json={"paused": False, "speed": 0}).json()["paused"] is False


def test_advancing_lets_jobs_go_on(control, drs_simulator):
    job = start(drs_simulator.client(), DB_1)
    assert control.get("clock").json()["next_event"] is not None
    control.post("clock", json={"advance_seconds": 3600})
    assert control.get("clock").json()["next_event"] is None
    (shown,) = drs_simulator.client().describe_jobs(filters={"jobIDs": [job["jobID"]]})["items"]
    assert shown["status"] == "COMPLETED"


def test_faults_can_be_added_listed_and_cleared(control, drs_simulator):
    added = control.post(
        "faults", json=[{"operation": "DescribeJobs", "times": 1}, {"service": "ec2"}]
    ).json()
    ids = [fault["id"] for fault in added["faults"]]
    with pytest.raises(drs_simulator.client().exceptions.InternalServerException):
        drs_simulator.client().describe_jobs()
    assert [f["fired"] for f in control.get("faults").json()["faults"]] == [1, 0]
    assert control.delete(f"faults/{ids[0]}").json() == {"removed": 1}
    assert control.delete("faults").json() == {"removed": 1}
    assert control.get("faults").json() == {"faults": []}


def test_calls_are_listed_with_who_and_when(control, drs_simulator):
    start(drs_simulator.client(), DB_1)
    drs_simulator.client("sts").get_caller_identity()
    (call,) = control.get("calls", params={"operation": "StartRecovery"}).json()["calls"]
    assert (call["service"], call["account_id"], call["region"], call["status"]) == (
        "drs",
        ACCOUNT,
        "eu-west-1",
        202,
    )
    assert call["caller_arn"] == f"arn:aws:iam::{ACCOUNT}:user/simulator"
    assert call["params"]["sourceServers"] == [{"sourceServerID": DB_1}]
    assert call["time"].endswith("+00:00")
    assert len(control.get("calls").json()["calls"]) == 2
    control.delete("calls")
    assert control.get("calls").json()["calls"] == []


def test_state_tells_accounts_keys_and_counts(control):
    state = control.get("state").json()
    assert state["accounts"][ACCOUNT]["access_key_id"] == f"AKIA{ACCOUNT}DRSS"
    (region,) = state["regions"]
    assert (region["region"], region["servers"], region["jobs"]) == ("eu-west-1", 10, 0)


def test_reset_begins_again_in_the_same_or_another_world(control, drs_simulator):
    start(drs_simulator.client(), DB_1)
    control.post("faults", json={"operation": "DescribeJobs"})
    again = control.post("reset", json={}).json()
    assert again["regions"][0]["jobs"] == 0
    assert control.get("faults").json()["faults"] == []
    other = control.post("reset", json={"scenario": "shop_two_regions", "seed": 5}).json()
    assert (sorted(other["accounts"]), other["seed"]) == ([ACCOUNT, "222233334444"], 5)
    start(drs_simulator.client(), "s-5555555555555555a")
    assert httpx.post(f"{drs_simulator.url}/moto-api/reset").json()["regions"][0]["jobs"] == 0


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("clock", {"speed": -1}, "speed"),
        ("clock", {"sped": 1}, "sped"),
        ("faults", {"kind": "explode"}, "kind"),
        ("reset", {"scenario": "four_tier"}, "four_tier"),
        ("reset", {"scenario": {"accounts": {}, "seeds": 1}}, "seeds"),
    ],
)
def test_what_is_wrong_is_told(control, path, body, words):
    answer = control.post(path, json=body)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_a_body_that_is_no_json_and_an_unknown_path(control):
    assert control.post("clock", content=b"{").status_code == 400
    assert control.get("moon").status_code == 404


LATE_REGION = {
    "accounts": {
        ACCOUNT: {
            "regions": {
                "eu-west-1": {"servers": ["one"]},
                "eu-north-1": {
                    "servers": ["two"],
                    "visibility_delay_seconds": 20,
                    "tags_delay_seconds": "never",
                },
            }
        }
    },
    "servers": {"one": [{"id": DB_1, "name": "db-1"}], "two": [{"id": DB_2, "name": "db-2"}]},
    "profile": "quick",
}


@pytest.mark.drs_scenario(LATE_REGION)
def test_jobs_are_told_as_they_are_also_where_a_region_shows_them_late_and_without_tags(
    control, drs_simulator
):
    start(drs_simulator.client(), DB_1, tags={"ExecutionId": "e-1"})
    late = drs_simulator.client(region="eu-north-1")
    start(late, DB_2, tags={"ExecutionId": "e-2"}, drill=False)

    assert len(drs_simulator.client().describe_jobs()["items"]) == 1
    assert late.describe_jobs()["items"] == []
    jobs = control.get("jobs").json()["jobs"]
    assert [(job["region"], job["tags"]) for job in jobs] == [
        ("eu-west-1", {"ExecutionId": "e-1"}),
        ("eu-north-1", {"ExecutionId": "e-2"}),
    ]
    assert jobs[1]["initiated_by"] == "START_RECOVERY"
    assert jobs[1]["ended_at"] is None

    drs_simulator.finish()
    (shown,) = late.describe_jobs()["items"]
    assert not shown.get("tags")
    told = control.get("jobs").json()["jobs"][1]
    (instance,) = late.describe_recovery_instances()["items"]
    assert told["servers"] == [
        {"server_id": DB_2, "launch_status": "LAUNCHED", "instance_id": instance["ec2InstanceID"]}
    ]
    assert (told["status"], told["kind"]) == ("COMPLETED", "LAUNCH")
    assert told["ended_at"] > told["created_at"]
