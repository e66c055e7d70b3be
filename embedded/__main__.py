"""``python -m embedded drill|up|down|status``: what the Makefile calls."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from drs_provider.airflow_rest.refused import RefusedError
from drs_provider.cli.display.output import Output
from drs_provider.core.times import format_duration
from embedded.drill import Drill
from embedded.environment import DAGS, REPOSITORY, SCENARIOS, Paths
from embedded.needs import Needs, dag_id_of
from embedded.processes import Interrupted, Interrupts, StackError, tail_of
from embedded.result import conclude
from embedded.running import Running, clear_leftovers, stop_running
from embedded.stack import Stack, health

BUILD = REPOSITORY / "build"
PLANS = DAGS / "plans"
RESTARTS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0 only if it did what it is for."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (StackError, RefusedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Interrupted as interrupt:
        print(f"\nstopped by {interrupt}; no process of the stack runs any more", file=sys.stderr)
        return 128 + interrupt.number


def drill(options: argparse.Namespace) -> int:
    """Run a drill of one plan from nothing to nothing."""
    began = time.monotonic()
    dag_id_of(options.plan, PLANS)
    lines = Lines()
    interrupts = Interrupts()
    stack = Stack(
        options.build / "drill",
        speed=options.speed,
        scenario=_scenario(options.plan),
        restarts=RESTARTS,
        report=lines.say,
        interrupts=interrupts,
    )
    with interrupts.installed():
        try:
            with stack:
                lines.say(
                    f"Airflow is healthy after {format_duration(time.monotonic() - began)}: {stack.api_url}"
                )
                with lines.held():
                    outcome = Drill(stack, options.plan, say=lines.say).run()
                code = conclude(stack, outcome, lines.output, lines.say)
        finally:
            stack.stop()
    lines.say(f"all processes stopped; {format_duration(time.monotonic() - began)} in all")
    return code


class Lines:
    """The launcher's own lines; on a terminal they wait while the program draws its table there."""

    def __init__(self) -> None:
        self.output = Output()
        self._held: list[str] | None = None

    def say(self, text: str) -> None:
        """Print a line, or keep it."""
        if self._held is None:
            print(text, flush=True)
        else:
            self._held.append(text)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep lines while the block runs, where there is a terminal."""
        self._held = [] if self.output.live else None
        try:
            yield
        finally:
            # A program that was stopped leaves the cursor hidden.
            self.output.console.show_cursor()
            kept, self._held = self._held, None
            for text in kept or ():
                self.say(text)


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
    # One whose own process has ended does not work, whatever it left behind.
    ended = [process for process in running.processes if not process.is_alive()]
    for process in running.processes:
        print(f"{process.name:<14} {'ENDED' if process in ended else 'running':<8} {process.log}")
    for process in ended:
        print(tail_of(Path(process.log), 10))
    components = ", ".join(f"{name} {state}" for name, state in health(running.api_url).items())
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
