"""Whose a job is (trap 42: a wait for quota names its blockers)."""

from __future__ import annotations

from itertools import permutations

from drs_provider.rules.drs.jobs import JobServerView, JobView
from drs_provider.rules.drs.owners import holders_text, job_owner


def job(number, *, completed=False, **tags):
    servers = (JobServerView(f"s-{number}"),)
    status = "COMPLETED" if completed else "STARTED"
    return JobView(f"drsjob-{number}", initiated_by="START_DRILL", status=status, tags=tags, servers=servers)


def test_the_jobs_that_fill_the_quota_are_named_with_their_owners():
    tags = {"ExecutionId": "e-1", "ExecutionType": "DRILL", "PlanName": "wiki"}
    text = holders_text([*(job(number, **tags) for number in range(5)), job(7), job(8, completed=True)])
    assert text.startswith(
        "DRILL of wiki (execution e-1): 5 jobs with 5 servers (drsjob-0, drsjob-1, drsjob-2 and 2 more)"
    )
    assert "somebody else (START_DRILL): 1 jobs with 1 servers (drsjob-7)" in text
    assert "drsjob-8" not in text


def test_the_order_of_the_jobs_does_not_matter():
    jobs = [job(1), job(2, ExecutionId="e", PlanName="p"), job(3)]
    assert len({holders_text(order) for order in permutations(jobs)}) == 1
    assert job_owner(jobs[1]) == "execution of p (execution e)"


def test_the_job_of_a_runbook_is_called_that():
    tags = {"ExecutionId": "runbook-1", "ExecutionType": "RECOVERY", "PlanName": "wiki"}
    assert job_owner(job(1, **tags)) == "the runbook of wiki (RECOVERY runbook-1, without Airflow)"
