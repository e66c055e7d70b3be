"""``python -m drs_simulator``: serve a simulated world over HTTP until told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from drs_simulator import __version__
from drs_simulator.launch_profile import load_profile
from drs_simulator.scenario import DEFAULT_SCENARIO, ScenarioError, load_scenario, shipped_scenarios


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m drs_simulator",
        description="AWS Elastic Disaster Recovery, simulated, beside moto's EC2, STS, IAM and more.",
    )
    parser.add_argument("--version", action="version", version=f"drs-simulator {__version__}")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=5100, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, help="simulated seconds per second; 0 stands still (default: 1)"
    )
    parser.add_argument(
        "--idle-speed",
        type=_speed,
        help="speed while no job is under way; 1 keeps simulated time near real time (default: --speed)",
    )
    parser.add_argument("--seed", type=int, help="instead of the scenario's")
    parser.add_argument(
        "--scenario",
        default=DEFAULT_SCENARIO,
        metavar="FILE|NAME",
        help=f"a YAML file, or one of: {', '.join(shipped_scenarios())} (default: %(default)s)",
    )
    parser.add_argument("--profile", help="durations: a shipped profile instead of the scenario's")
    parser.add_argument(
        "--any-key",
        action="store_true",
        help="accept any access key as the first account's own, e.g. AWS_ACCESS_KEY_ID=testing",
    )
    return parser


def _speed(text: str) -> float:
    value = float(text)
    if value < 0:
        msg = "the speed must not be negative"
        raise argparse.ArgumentTypeError(msg)
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator; returns the exit code."""
    options = _parser().parse_args(argv)
    # moto loads a list of machine images that nobody asks a DRS simulator for.
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    try:
        scenario = load_scenario(options.scenario)
        if options.profile:
            scenario = scenario.model_copy(update={"profile": load_profile(options.profile)})
    except (ScenarioError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    # After the arguments are known to be good: these imports bring moto in.
    from drs_simulator.adapter.current import SimulatorError, activate, deactivate
    from drs_simulator.adapter.server import SimulatorServer
    from drs_simulator.adapter.simulation import Simulation

    try:
        simulation = Simulation(
            scenario,
            speed=options.speed,
            seed=options.seed,
            idle_speed=options.idle_speed,
            any_key=options.any_key,
        )
        activate(simulation)
        server = SimulatorServer(simulation, options.host, options.port)
    except (SimulatorError, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    print(
        f"DRS simulator ready at {server.url} (scenario {options.scenario}, speed {options.speed:g})",
        flush=True,
    )
    stop.wait()
    server.stop()
    deactivate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
