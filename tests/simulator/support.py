"""What the simulator's tests share: starting jobs, reading everything that is paginated, expecting errors."""

from contextlib import contextmanager

import boto3
import pytest
from botocore.exceptions import ClientError

from drs_simulator.validation import check_job_log

ACCOUNT = "111122223333"
REGION = "eu-west-1"
DB_1, DB_2 = "s-1111111111111111a", "s-1111111111111111b"
APP_1, APP_2, JOB_1 = "s-2222222222222222a", "s-2222222222222222b", "s-2222222222222222c"
WEB_1, WEB_2, WEB_3 = "s-3333333333333333a", "s-3333333333333333b", "s-3333333333333333c"
WIKI_1, WIKI_2 = "s-4444444444444444a", "s-4444444444444444b"


def one_server(**server):
    return {
        "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}, "deny": server.pop("deny", [])}},
        "servers": {"all": [{"id": DB_1, "name": "db", **server}]},
        "profile": "quick",
        "post_launch_in_job": True,
    }


def printed_url(line):
    """The address in the line with which the program says that it is ready."""
    return next(word for word in line.split() if word.startswith("http://"))


def servers_in_the_branch(url):
    """The source servers in the second account of `shop_two_regions`, asked for with its key over HTTP."""
    drs = boto3.session.Session().client(
        "drs",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="AKIA222233334444DRSS",
        aws_secret_access_key="any",
    )
    return drs.describe_source_servers()["items"]


def start(drs, *server_ids, drill=True, **options):
    servers = [{"sourceServerID": i} for i in server_ids]
    return drs.start_recovery(sourceServers=servers, isDrill=drill, **options)["job"]


def job_of(drs, job_id):
    (job,) = drs.describe_jobs(filters={"jobIDs": [job_id]})["items"]
    return job


def part_of(job, server_id):
    return next(part for part in job["participatingServers"] if part["sourceServerID"] == server_id)


def instance_of(drs, job, server_id):
    """The instance that a job launched, as its log tells: no recorded job names it in its rows."""
    ends = [
        item["eventData"]["targetInstanceID"]
        for item in everything(drs, "describe_job_log_items", jobID=job["jobID"])
        if item["event"] == "LAUNCH_END" and item["eventData"]["sourceServerID"] == server_id
    ]
    (instance_id,) = ends
    return instance_id


def finished(sim, drs, *server_ids, **options):
    job = start(drs, *server_ids, **options)
    sim.finish()
    done = job_of(drs, job["jobID"])
    assert done["status"] == "COMPLETED"
    items = everything(drs, "describe_job_log_items", jobID=job["jobID"])
    assert [str(v) for v in check_job_log(done, items)] == []
    return done


def everything(drs, operation, key="items", **params):
    return [item for page in drs.get_paginator(operation).paginate(**params) for item in page[key]]


def events_of(drs, job_id, server_id=None):
    items = everything(drs, "describe_job_log_items", jobID=job_id)
    return [
        item["event"]
        for item in items
        if server_id is None or item["eventData"].get("sourceServerID") == server_id
    ]


def server_of(drs, server_id):
    (server,) = drs.describe_source_servers(filters={"sourceServerIDs": [server_id]})["items"]
    return server


def disk_sizes(row):
    return [disk["totalStorageBytes"] for disk in row["dataReplicationInfo"]["replicatedDisks"]]


def instances_of(ec2, *instance_ids):
    found = ec2.describe_instances(InstanceIds=list(instance_ids))["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


@contextmanager
def refused(code, status=None, words=""):
    with pytest.raises(ClientError) as caught:
        yield caught
    assert caught.value.response["Error"]["Code"] == code
    assert words in caught.value.response["Error"]["Message"]
    if status is not None:
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
