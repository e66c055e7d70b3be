"""Operations on jobs."""

from __future__ import annotations

from typing import Any

from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import Job
from drs_simulator.engine.errors import conflict, invalid, job_log_not_found, not_found
from drs_simulator.engine.pages import answer, page
from drs_simulator.engine.times import parse_stamp
from drs_simulator.engine.views import job_view, log_view


def describe_jobs(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Jobs by id or creation time, newest first; an empty list of ids means all jobs."""
    filters = params.get("filters") or {}
    jobs = _by_ids(call, filters.get("jobIDs"))
    low, high = _moment(filters, "fromDate"), _moment(filters, "toDate")
    shown = [
        job
        for job in jobs
        if job.visible_at <= call.now
        and (low is None or job.created_at >= low)
        and (high is None or job.created_at <= high)
    ]
    chosen, token = page(
        shown, lambda job: -job.number, params, default_size=call.state.page_size, name="jobs"
    )
    return answer("items", [job_view(job, call.now) for job in chosen], token)


def _by_ids(call: Call, ids: list[str] | None) -> list[Job]:
    jobs = call.state.jobs
    if not ids:
        return list(reversed(jobs.values()))
    return sorted((jobs[i] for i in set(ids) if i in jobs), key=lambda job: -job.number)


def describe_job_log_items(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """A job's log, oldest first. A job that is unknown, or (assumed) not visible yet, is a 404."""
    job = call.state.jobs.get(params["jobID"])
    if job is None or job.visible_at > call.now:
        raise job_log_not_found(params["jobID"])
    chosen, token = page(
        list(enumerate(job.log)),
        lambda pair: pair[0],
        params,
        default_size=call.state.page_size,
        name=params["jobID"],
    )
    return answer("items", [log_view(item) for _, item in chosen], token)


def delete_job(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Delete a completed job."""
    job = call.state.jobs.get(params["jobID"])
    if job is None:
        raise not_found("Job", params["jobID"])
    if job.open:
        raise conflict("The job is in progress and cannot be deleted.", job.job_id, "Job")
    del call.state.jobs[job.job_id]
    return {}


def _moment(filters: dict[str, Any], name: str) -> float | None:
    text = filters.get(name)
    if not text:
        return None
    try:
        return parse_stamp(text)
    except ValueError as error:
        raise invalid(f"Malformed {name}", (f"filters.{name}", "not an ISO 8601 time")) from error
