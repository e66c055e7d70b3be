"""Links are kept however a task ends: Airflow asks for them in the task's process and stores them as XComs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsFailError
from drs_provider.links import DrsJobsLink, DrsReportLink
from tests.contract.task_process import Probe, run

pytestmark = pytest.mark.contract

ADDRESS = "https://eu-west-1.console.aws.amazon.com/drs/home?region=eu-west-1#/jobs"


class LinkedProbe(Probe):
    operator_extra_links = (DrsJobsLink(), DrsReportLink())
    link_address: str | None = None


def ends_well(task):
    return "done"


def fails(task):
    raise DrsFailError("wave 1 failed")


def defers(task):
    task.defer(trigger=TimeDeltaTrigger(timedelta(seconds=1)), method_name="resumed")


@pytest.mark.parametrize(
    ("ending", "state"), [(ends_well, "success"), (fails, "failed"), (defers, "deferred")]
)
@pytest.mark.parametrize("do_xcom_push", [True, False])
def test_a_link_is_kept_at_every_exit(supervisor, ending, state, do_xcom_push):
    def action(context):
        task = context["task"]
        task.link_address = ADDRESS
        return ending(task)

    with DAG("probe_dag", schedule=None):
        task = LinkedProbe(task_id="probe", action=action, do_xcom_push=do_xcom_push)
    assert run(task).state == state
    xcoms = supervisor.xcoms_set()
    assert xcoms["_link_DrsJobsLink"] == xcoms["_link_DrsReportLink"] == ADDRESS


def test_a_task_without_an_address_has_an_empty_link(supervisor):
    with DAG("probe_dag", schedule=None):
        task = LinkedProbe(task_id="probe", action=lambda context: None)
    assert run(task).state == "success"
    assert supervisor.xcoms_set()["_link_DrsJobsLink"] == ""


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-1", ADDRESS),
        (
            "us-gov-west-1",
            "https://us-gov-west-1.console.amazonaws-us-gov.com/drs/home?region=us-gov-west-1#/jobs",
        ),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/drs/home?region=cn-north-1#/jobs"),
        (
            "eusc-de-east-1",
            "https://eusc-de-east-1.console.amazonaws-eusc.eu/drs/home?region=eusc-de-east-1#/jobs",
        ),
        ("us-iso-east-1", None),  # no public console
        ("xx-north-1", None),
    ],
)
def test_the_jobs_link_leads_to_the_targets_console(region, address):
    target = AwsTarget(
        name="main", connection="aws_dr", account_id="111122223333", region=region, own_account=True
    )
    assert DrsJobsLink.address(target) == address
