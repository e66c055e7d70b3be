"""``python -m embedded drill|up|down|status``: what the Makefile calls."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from embedded import simulated_aws
from embedded.airflow_api import AirflowApi
from embedded.drill import Drill, Outcome
from embedded.environment import DAGS, REPOSITORY, SCENARIOS, Paths
from embedded.needs import CONNECTION, Needs, dag_id_of
from embedded.processes import Interrupted, Interrupts, StackError, tail_of
from embedded.stack import Running, Stack, clear_leftovers, stop_running
from embedded.view import View, clock, console, result_table, view_for

BUILD = REPOSITORY / "build"
PLANS = DAGS / "plans"
RESTARTS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0 only if it did what it is for."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Interrupted as interrupt:
        print(f"\nstopped by {interrupt}; no process of the stack runs any more", file=sys.stderr)
        return 128 + interrupt.number


def drill(options: argparse.Namespace) -> int:
    """Run a drill of one plan from nothing to nothing."""
    began = time.monotonic()
    dag_id = dag_id_of(options.plan, PLANS)
    output = console()
    view = view_for(output)
    interrupts = Interrupts()
    stack = Stack(
        options.build / "drill",
        speed=options.speed,
        scenario=_scenario(options.plan),
        restarts=RESTARTS,
        report=view.say,
        interrupts=interrupts,
    )
    with interrupts.installed():
        try:
            with stack:
                view.say(f"Airflow is healthy after {clock(time.monotonic() - began)} min: {stack.api_url}")
                outcome = Drill(stack, dag_id, say=view.say, show=view.show).run()
                view.close()
                succeeded = _conclude(stack, outcome, view, output)
        finally:
            view.close()
            stack.stop()
    view.say(f"all processes stopped; {clock(time.monotonic() - began)} min in all")
    return 0 if succeeded else 1


def _conclude(stack: Stack, outcome: Outcome, view: View, output: Console) -> bool:
    """Show and store what a run left; tell whether the drill succeeded."""
    record = _record(stack, outcome)
    result = stack.root / "result.json"
    result.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    output.print(result_table(record))
    states = simulated_aws.instance_states(stack.simulator_url, record)
    left = [f"{instance} {state}" for instance, state in states.items() if state != "terminated"]
    view.say(
        f"instances left: {', '.join(left)}" if left else f"all {len(states)} drill instances are terminated"
    )
    for attempt in record.get("attempts", ()):
        uri = attempt.get("reportUri", "none")
        view.say(f"report of attempt {attempt['attempt']}: {uri} and {uri.removesuffix('.json')}.html")
    view.say(f"execution record: {result}")
    view.say(
        f"{record['status']}: {record['completedWaves']} of {record['totalWaves']} waves, "
        f"run {outcome.run_state} after {clock(outcome.elapsed_seconds)} min at {stack.speed:g}x"
    )
    return record["status"] == "COMPLETED" and outcome.run_state == "success" and not left


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


def up(options: argparse.Namespace) -> int:
    """Start a stack in the background and say how to use it."""
    interrupts = Interrupts()
    stack = Stack(
        options.build / "up",
        speed=options.speed,
        scenario=_scenario(options.plan),
        report=print,
        interrupts=interrupts,
    )
    with interrupts.installed():
        try:
            stack.start()
            stack.wait_for_dag(dag_id_of(options.plan, PLANS))
            stack.leave_running()
        except BaseException:
            stack.stop()
            raise
    return status(options)


def status(options: argparse.Namespace) -> int:
    """Say whether the background stack runs, where, and who may log in; 1 if it does not run."""
    running = Running.read(Paths((options.build / "up").resolve()))
    living = running.living() if running else []
    if running is None or not living:
        print("The stack is down. Start it: make up")
        return 1
    with AirflowApi(running.api_url, "", "") as api:
        health = api.health()
    # One whose own process has ended does not work, whatever it left behind.
    ended = [process for process in running.processes if not process.is_alive()]
    for process in running.processes:
        print(f"{process.name:<14} {'ENDED' if process in ended else 'running':<8} {process.log}")
    for process in ended:
        print(tail_of(Path(process.log), 10))
    components = ", ".join(f"{name} {state}" for name, state in health.items())
    print(f"Airflow        {running.api_url}   ({components})")
    print(f"simulated AWS  {running.simulator_url}")
    roles = Needs.of(PLANS).roles
    for user, password in running.passwords().items():
        print(f"login          {user} / {password}   (Airflow role {roles.get(user, 'unknown')})")
    if ended:
        print(f"ended: {', '.join(process.name for process in ended)}. Start the stack anew: make down up")
    return 1 if ended else 0


def down(options: argparse.Namespace) -> int:
    """Stop the background stack, and what a killed drill left behind."""
    stopped = stop_running(Paths((options.build / "up").resolve()))
    clear_leftovers(Paths((options.build / "drill").resolve()), print)
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing to stop")
    return 0


def _scenario(plan: str) -> Path | None:
    """Return the scenario of a plan's name; None lets the simulator take its own default."""
    scenario = SCENARIOS / f"{plan}.yaml"
    return scenario if scenario.is_file() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m embedded", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for command in (drill, up, status, down):
        sub = commands.add_parser(command.__name__, help=command.__doc__)
        sub.set_defaults(command=command)
        sub.add_argument("--plan", default="erp_three_tier", help="name of a plan in dags/plans")
        sub.add_argument("--speed", type=_speed, default=60.0, help="simulated seconds per real second")
        sub.add_argument("--build", type=Path, default=BUILD, help="folder for the stack's files")
    return parser


def _speed(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError("must be above 0 and at most 600")
    return value


if __name__ == "__main__":
    sys.exit(main())
