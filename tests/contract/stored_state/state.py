"""What the product leaves in Airflow's database, in the history table, in reports and on jobs; and the way back.

A state is a flat table: address -> plain value. An address begins with what holds the value: ``task``, ``xcom``,
``store``, ``request``, ``variable``, ``item``, ``job``, ``report`` or ``event``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from airflow._shared.module_loading import import_string
from moto.ec2.models import instances

from drs_simulator.adapter import machines
from tests.contract.stored_state.compare import general
from tests.harness.airflow_side import Request, TaskRow, as_json
from tests.harness.plan_run import RETRIES, PlanRun
from tests.harness.stage import TABLE, Stage

State = dict[str, Any]


def state_of(play: Stage) -> State:
    """Return everything that is stored of all runs of a stage."""
    state = {f"variable {key}": value for key, value in play.variables.items()}
    if play.has_history:
        for item in play.simulator.client("dynamodb").scan(TableName=TABLE)["Items"]:
            state[f"item {item['executionId']['S']} {item['planId']['S']}"] = item
    for run in play.runs:
        state |= _of_run(run)
    for job in (*play.jobs(), *play.jobs("TERMINATE")):
        state[f"job {job.kind} {job.number}"] = {
            "jobId": job.job_id,
            "createdAt": job.created_at,
            "isDrill": job.is_drill,
            "instances": {server.server_id: server.instance_id for server in job.servers},
            "tags": dict(job.tags),
        }
    for report in sorted(play.reports.rglob("report-*.json")):
        content = json.loads(report.read_text(encoding="utf-8"))
        state[f"report {general(content['record']['dagRunId'])} {report.name}"] = content
    return state


def _of_run(run: PlanRun) -> Iterator[tuple[str, Any]]:
    name = run.dag_run.run_id
    for task_id, row in run.rows.items():
        if row.state is not None:
            trigger = run.triggerer.stored(task_id)
            yield (
                f"task {name} {task_id}",
                {
                    "id": str(row.id),
                    "state": row.state,
                    "try_number": row.try_number,
                    "next_method": row.next_method,
                    "next_kwargs": as_json(_plain(row.next_kwargs)) if trigger else {},
                    "trigger": dict(zip(("path", "arguments"), trigger, strict=True)) if trigger else None,
                },
            )
        if request := run.people.requests.get(row.id):
            yield f"request {name} {task_id}", _plain(vars(request))
        for key, value in run.stores.get(task_id, {}).items():
            yield f"store {name} {task_id} {key}", value
    for task_id, key in run.xcoms.sizes():
        yield f"xcom {name} {task_id} {key}", run.xcoms.get(task_id, key)
    for number, event in enumerate(run.asset_events, 1):
        yield f"event {name} {number}", _plain(event)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda item: item.isoformat()))


def take_up(
    play: Stage,
    run: PlanRun,
    state: Mapping[str, Any],
    now: float,
    patch: pytest.MonkeyPatch,
    *,
    oldest: bool,
) -> None:
    """Give a new run on a new stage everything that was stored of it at a moment, and Airflow's part to go on with.

    :param now: that moment, in epoch seconds
    :param oldest: leave out what triggers have a default for, as the oldest of them were stored
    """
    _same_instances(patch, state)
    for job in _of("job", state).values():
        _launch_again(play, job)
    for item in _of("item", state).values():
        play.simulator.client("dynamodb").put_item(TableName=TABLE, Item=item)
    play.variables |= _of("variable", state)
    for (_, task_id, key), value in _split(_of("xcom", state)):
        run.xcoms.set(task_id, key, value)
    for (_, task_id, key), value in _split(_of("store", state)):
        run.stores.setdefault(task_id, {})[key] = value
    tasks = {task_id: value for (_, task_id), value in _split(_of("task", state))}
    for task_id, value in tasks.items():
        run.rows[task_id] = _row(value)
    for (_, task_id), value in _split(_of("request", state)):
        run.people.requests[run.rows[task_id].id] = _request(value)
    play.simulator.advance(now - play.now())
    for task_id, trigger in ((task_id, value["trigger"]) for task_id, value in tasks.items()):
        if trigger:
            path, arguments = trigger["path"], dict(trigger["arguments"])
            run.triggerer.start_stored(
                task_id, path, without_defaults(path, arguments) if oldest else arguments
            )


def _of(kind: str, state: Mapping[str, Any]) -> State:
    """Return what is stored of a kind, by the rest of its address."""
    head = f"{kind} "
    return {key.removeprefix(head): value for key, value in state.items() if key.startswith(head)}


def _split(state: State) -> Iterator[tuple[list[str], Any]]:
    return ((address.split(" "), value) for address, value in state.items())


def without_defaults(path: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those of a trigger's arguments that it cannot do without."""
    defaults = import_string(path).__init__.__kwdefaults__ or {}
    return {name: value for name, value in arguments.items() if name not in defaults}


def _row(value: Mapping[str, Any]) -> TaskRow:
    return TaskRow(
        state=value["state"],
        try_number=value["try_number"],
        tries_left=RETRIES,
        id=UUID(value["id"]),
        next_method=value["next_method"],
        next_kwargs=dict(value["next_kwargs"]),
    )


def _request(value: Mapping[str, Any]) -> Request:
    response = value["response"]
    if response:
        response = {**response, "responded_at": datetime.fromisoformat(response["responded_at"])}
    return Request(**{**value, "response": response})


def _same_instances(patch: pytest.MonkeyPatch, state: Mapping[str, Any]) -> None:
    """Let servers that are launched again have the instances that they had."""
    jobs = _of("job LAUNCH", state).values()
    known = {server: instance for job in jobs for server, instance in job["instances"].items() if instance}
    original = machines._run

    def run(backend: Any, **arguments: Any) -> Any:
        server = arguments["tags"]["instance"]["AWSElasticDisasterRecoverySourceServerID"]
        with pytest.MonkeyPatch.context() as once:
            if server in known:
                once.setattr(instances, "random_instance_id", lambda: known[server])
            return original(backend, **arguments)

    patch.setattr(machines, "_run", run)


def _launch_again(play: Stage, job: Mapping[str, Any]) -> None:
    play.simulator.advance(job["createdAt"] - play.now())
    servers = [{"sourceServerID": server} for server in job["instances"]]
    made = play.simulator.client().start_recovery(
        isDrill=job["isDrill"], sourceServers=servers, tags=job["tags"]
    )["job"]
    assert made["jobID"] == job["jobId"], "the simulator names jobs otherwise than it did"
