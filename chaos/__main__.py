"""``python -m chaos --runs 50 --seed 1``: what ``make chaos`` calls; 1 if anything was violated."""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chaos.campaign import BOUND_SECONDS, Campaign, Result
from chaos.draw import draw
from chaos.facts import RunFacts, Violation
from chaos.stack import chaos_stack
from chaos.summary import line, show, to_dict
from drs_provider.cli.display.output import Output
from embedded.environment import REPOSITORY
from embedded.processes import Interrupted, Interrupts, StackError

_SEEDS = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _campaign(options, Output().console)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupt:
        print(f"\nstopped by {interrupt}; no process of the stack runs any more", file=sys.stderr)
        return 128 + interrupt.number


def _campaign(options: argparse.Namespace, output: Console) -> int:
    seed = secrets.randbelow(_SEEDS) if options.seed is None else options.seed
    specs = [draw(seed + number) for number in range(options.runs)]
    interrupts = Interrupts()

    def say(text: str) -> None:
        output.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"{options.runs} executions, seeds {seed} to {seed + options.runs - 1}")
    root = options.build / "chaos"
    shutil.rmtree(root / "reports", ignore_errors=True)
    stack, plans = chaos_stack(root, specs, seed, report=say, interrupts=interrupts)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=output,
    )
    with interrupts.installed():
        try:
            with stack, bar:
                task = bar.add_task("executions", total=len(specs))

                def ended(run: RunFacts, violations: list[Violation]) -> None:
                    say(line(run))
                    for violation in violations:
                        say(f"    VIOLATION of {violation.rule}: {violation.message}")
                    bar.advance(task)

                campaign = Campaign(
                    stack,
                    plans,
                    specs,
                    seed,
                    lanes=options.lanes,
                    bound_seconds=options.bound,
                    say=say,
                    ended=ended,
                    moving=lambda doing: bar.update(task, description=f"executions ({len(doing)} under way)"),
                )
                result = campaign.run()
        finally:
            stack.stop()
    return _conclude(result, root, output)


def _conclude(result: Result, root: Path, output: Console) -> int:
    logs = root.resolve() / "airflow" / "logs"
    summary = to_dict(result, lambda run: logs / f"dag_id={run.spec.dag_id}" / f"run_id={run.run_id}")
    file = root / "summary.json"
    file.write_text(json.dumps(summary, indent=2) + "\n")
    show(summary, output)
    output.print(f"summary: {file}", markup=False, highlight=False, soft_wrap=True)
    return 1 if result.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument(
        "--runs", type=_positive, default=10, help="how many executions (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, help="of the first one, the next have the next ones; default: random"
    )
    parser.add_argument("--lanes", type=_positive, default=4, help="side by side (default: %(default)s)")
    parser.add_argument(
        "--bound",
        type=float,
        default=BOUND_SECONDS,
        help="seconds after which an attempt counts as hanging (default: %(default)s)",
    )
    parser.add_argument(
        "--build", type=Path, default=REPOSITORY / "build", help="folder for the stack's files"
    )
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
