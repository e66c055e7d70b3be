"""Which EC2 instances count as left by launches."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.rules.drs.jobs import JobServerView, JobView
from drs_provider.rules.drs.launch_into import LAUNCH_INTO_TAG
from drs_provider.rules.drs.unlisted import (
    JOB_TAG,
    SERVER_TAG,
    leaving_jobs,
    tagged_instances,
    unlisted_instances,
    unlisted_text,
)
from tests.rules.rule_builders import job, rows

OWN = job("drsjob-1", {"s-1": "LAUNCHED", "s-2": "FAILED", "s-3": "PENDING", "s-4": "TERMINATED"})


def row(server: str | None = "s-2", job_id: str | None = "drsjob-1", **tags: str) -> dict[str, Any]:
    found = {JOB_TAG: job_id, SERVER_TAG: server, "drs.amazonaws.com-source-server": server, **tags}
    return {
        "InstanceId": f"i-{server}",
        "Tags": [{"Key": key, "Value": value} for key, value in found.items() if value],
    }


def found(
    *rows: dict[str, Any], jobs: tuple[JobView, ...] = (OWN,), listed: tuple[str, ...] = ()
) -> list[str]:
    return [item.instance_id for item in unlisted_instances(rows, jobs, listed)]


def test_trap_08_instances_of_servers_that_were_not_launched_are_left() -> None:
    assert found(*(row(f"s-{number}") for number in range(1, 5))) == ["i-s-2", "i-s-3"]


def untold(**changes: Any) -> JobView:
    return job("drsjob-1", servers=rows({"s-2": "LAUNCHED"}, instances=False), **changes)


def test_trap_08_an_instance_of_a_launched_server_that_nothing_else_tells_is_left() -> None:
    (item,) = unlisted_instances([row()], [untold()], ())
    assert (item.instance_id, item.launched) == ("i-s-2", True)
    assert leaving_jobs([untold()]) == ["drsjob-1"]
    assert leaving_jobs([untold(status="STARTED")]) == []
    told = untold().with_instances({"s-2": "i-s-2"})
    assert leaving_jobs([told]) == []
    assert found(row(), jobs=(told,)) == []


def test_tags_tell_of_what_drs_launched_into_too() -> None:
    row_of = row(**{KEY: VALUE})
    assert [item.instance_id for item in tagged_instances([row_of], [untold()])] == ["i-s-2"]
    assert found(row_of, jobs=(untold(),)) == []


def test_a_completed_job_without_servers_may_have_left_any() -> None:
    nothing = JobView("drsjob-1", status="COMPLETED")
    assert leaving_jobs([nothing]) == ["drsjob-1"]
    assert found(row("s-9"), jobs=(nothing,)) == ["i-s-9"]


KEY, VALUE = LAUNCH_INTO_TAG.split("=")
OTHERS = {
    "of another job": row(job_id="drsjob-other"),
    "without a job": row(job_id=None),
    "of a server that is not in the job": row("s-9"),
    "of the conversion, which bears no server of a launch": row()
    | {"Tags": row()["Tags"][:1] + row()["Tags"][2:]},
    "without tags": {"InstanceId": "i-1"},
    "pre-provisioned": row(**{KEY: VALUE}),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_trap_19_others_are_not(other: dict[str, Any]) -> None:
    assert found(other) == []


def test_what_drs_lists_is_not_counted_twice() -> None:
    assert found(row(), listed=("i-s-2",)) == []


def test_a_job_that_names_no_server_may_have_left_any() -> None:
    unnamed = JobView("drsjob-1", status="COMPLETED", unnamed=(JobServerView("", "FAILED"),))
    assert leaving_jobs([unnamed]) == ["drsjob-1"]
    assert found(row("s-9"), jobs=(unnamed,)) == ["i-s-9"]


def test_only_jobs_that_ended_without_launching_all_are_asked_for() -> None:
    jobs = [
        OWN,
        job("drsjob-2", {"s-1": "LAUNCHED", "s-2": "TERMINATED"}),
        job("drsjob-3", {"s-1": "PENDING"}, status="STARTED"),
    ]
    assert leaving_jobs(jobs) == ["drsjob-1"]


def test_the_text_names_instance_server_job_and_remedy() -> None:
    text = unlisted_text(unlisted_instances([row()], [OWN], ()))
    for part in ("i-s-2", "s-2", "drsjob-1", "terminate them in EC2"):
        assert part in text
