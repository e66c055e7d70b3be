"""Reports in S3, through Airflow's object storage and a connection of type aws."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from drs_provider.report.files import ReportNotWrittenError, look_at, write_report
from drs_provider.report.place import PlaceState, look_at_place
from embedded.environment import HISTORY_REGION, aws_connection
from embedded.needs import ACCOUNT
from embedded.simulated_aws import client
from tests.report.world import finished_drill

pytestmark = pytest.mark.integration

BUCKET = "dr-evidence"
#: Airflow keeps a connection's file system for the life of the process: each test has a connection of its own.
_NUMBERS = count(1)


@dataclass(frozen=True)
class Evidence:
    """A bucket in the simulated AWS, and the connection that leads to it."""

    s3: Any
    connection: str

    def place(self, bucket: str = BUCKET) -> str:
        return f"s3://{self.connection}@{bucket}/reports"

    def names(self) -> set[str]:
        return {each["Key"] for each in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())}


@pytest.fixture
def evidence(drs_simulator: Any, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    connection = f"evidence_{next(_NUMBERS)}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection.upper()}", aws_connection(drs_simulator.url, ACCOUNT))
    s3 = client("s3", drs_simulator.url, ACCOUNT, HISTORY_REGION)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": HISTORY_REGION})
    return Evidence(s3, connection)


def test_reports_are_written_to_s3_once_and_read_again(evidence: Evidence) -> None:
    record = finished_drill()
    written = write_report(record, evidence.place())
    again = write_report(record, evidence.place())

    folder = f"reports/{record['planId']}/{record['executionId']}"
    assert evidence.names() == {f"{folder}/report-1.json", f"{folder}/report-1.html"}
    content = evidence.s3.get_object(Bucket=BUCKET, Key=f"{folder}/report-1.json")["Body"].read()
    assert hashlib.sha256(content).hexdigest() == written.sha256
    assert look_at(written.json_uri).sha256 == written.sha256
    assert (written.created, again.created) == (True, False)


def test_a_bucket_that_is_not_there_is_named(evidence: Evidence) -> None:
    with pytest.raises(ReportNotWrittenError, match=r"no report below .*@other/reports: .*bucket"):
        write_report(finished_drill(), evidence.place("other"))


def test_a_connection_that_does_not_exist_is_never_replaced_by_the_machines_own_identity(
    evidence: Evidence, drs_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With these, the Amazon provider would reach the bucket.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"AKIA{ACCOUNT}DRSS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")
    monkeypatch.setenv("AWS_ENDPOINT_URL", drs_simulator.url)
    with pytest.raises(ReportNotWrittenError, match="there is no connection 'no_such'"):
        write_report(finished_drill(), f"s3://no_such@{BUCKET}/reports")
    assert evidence.names() == set()


def test_a_library_that_is_missing_is_named(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ReportNotWrittenError, match="s3fs"):
        write_report(finished_drill(), evidence.place())


def test_the_lock_of_a_bucket_is_told(evidence: Evidence) -> None:
    kept = {"Mode": "GOVERNANCE", "Days": 400}
    location = {"LocationConstraint": HISTORY_REGION}
    evidence.s3.create_bucket(
        Bucket="dr-locked", CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True
    )
    locked, there, gone = (evidence.place(bucket) for bucket in ("dr-locked", BUCKET, "dr-gone"))

    assert look_at_place(locked) == PlaceState(True), "locked, but what is written is not kept"
    evidence.s3.put_object_lock_configuration(
        Bucket="dr-locked",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": kept}},
    )
    assert (look_at_place(locked).retention or {}).items() >= kept.items()
    assert look_at_place(there) == PlaceState(True)
    assert "does not exist" in look_at_place(gone).problem
