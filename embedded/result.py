"""What a drill left: servers, instances, reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from drs_provider.cli.display.output import Output
from drs_provider.core.times import format_duration, format_time
from embedded import simulated_aws
from embedded.drill import Outcome
from embedded.needs import CONNECTION
from embedded.processes import StackError
from embedded.stack import Stack

_COLUMNS = {
    "wave": "wave",
    "server": "server",
    "instanceId": "instance ID",
    "instanceType": "type",
    "privateIp": "private IP",
    "launched": "launch time",
    "took": "took",
    "launchStatus": "status",
}


def conclude(stack: Stack, outcome: Outcome, output: Output, say: Callable[[str], None]) -> int:
    """Show and store what a run left; return the exit code: the program's, or 1 if instances are left.

    :raises StackError: if the run left no record
    """
    for task_id, log in outcome.failed.items():
        say(f"{task_id}: failed, see {log}")
    record = _record(stack, outcome)
    result = stack.root / "result.json"
    result.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    output.rows(_COLUMNS, server_rows(record), title=f"{record.get('planName', '')}: {record['status']}")
    states = simulated_aws.instance_states(stack.simulator_url, record)
    left = [f"{instance} {state}" for instance, state in states.items() if state != "terminated"]
    say(f"instances left: {', '.join(left)}" if left else f"all {len(states)} drill instances are terminated")
    for attempt in record.get("attempts", ()):
        uri = attempt.get("reportUri", "none")
        say(f"report of attempt {attempt['attempt']}: {uri} and {uri.removesuffix('.json')}.html")
    say(f"execution record: {result}")
    say(
        f"{record['status']}: {record['completedWaves']} of {record['totalWaves']} waves, run {outcome.run_state} "
        f"after {format_duration(outcome.elapsed_seconds)} at {stack.speed:g}x"
    )
    return outcome.code or int(
        record["status"] != "COMPLETED" or outcome.run_state != "success" or bool(left)
    )


def _record(stack: Stack, outcome: Outcome) -> Mapping[str, Any]:
    """Return the execution record as the history table holds it."""
    if outcome.record is None:
        raise StackError(
            f"The run ended {outcome.run_state} without a record; logs: {stack.paths.airflow_home}/logs"
        )
    account = stack.needs.connections[CONNECTION]
    execution_id = outcome.record["executionId"]
    stored = simulated_aws.stored_record(stack.simulator_url, account, execution_id)
    if stored is None:
        raise StackError(f"The history table has no execution {execution_id}.")
    return stored


def server_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the servers of an execution record as rows of a table; times are the simulated AWS's own."""
    return [
        {
            **server,
            "wave": f"{wave['waveNumber']} {wave['waveName']}",
            "server": server.get("serverName") or server["sourceServerId"],
            "launched": format_time(server.get("launchTime")),
            "took": _took(wave.get("startTime"), server.get("launchedTime")),
        }
        for wave in record.get("waves", ())
        for server in wave.get("serverStatuses", ())
    ]


def _took(started: float | None, launched: float | None) -> str:
    # From the start of the wave's job: what a recovery takes, not only what EC2 takes to launch.
    return format_duration(launched - started if launched and started else None)
