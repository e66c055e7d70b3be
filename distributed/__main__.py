"""``python -m distributed``: what ``make test-distributed`` calls; 1 if anything was lost or started twice."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distributed.checkup import Checkup
from distributed.drills import LEAD, STRIKES, Drills, Ended
from distributed.neighbours import SETTINGS, SINCE, SLOTS, Neighbours
from distributed.stack import DistributedStack
from distributed.verdict import jobs_of, problems
from drs_provider.airflow_rest.executions import Execution
from drs_provider.core.times import format_duration
from embedded.environment import REPOSITORY
from embedded.processes import Interrupted, Interrupts, StackError

SWEEPER = "drs_sweeper"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the test and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m distributed", description=__doc__)
    parser.add_argument(
        "--build", type=Path, default=REPOSITORY / "build", help="folder for the stack's files"
    )
    options = parser.parse_args(arguments)
    try:
        return _test(options.build / "distributed")
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupt:
        print(f"\nstopped by {interrupt}; no process of the stack runs any more", file=sys.stderr)
        return 128 + interrupt.number


def _test(root: Path) -> int:
    began = time.monotonic()
    interrupts = Interrupts()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {text}", flush=True)

    with interrupts.installed(), DistributedStack(root, say, SLOTS, SETTINGS, interrupts) as stack:
        say(f"healthy: {stack.place.url('api-server')}")
        neighbours, drills, checkup = Neighbours(stack), Drills(stack), Checkup(stack)
        neighbours.fill()
        ended = drills.run()
        sweep = _sweep(stack)
        stack.until_healthy()
        say(f"the health checks of {', '.join(stack.instances())} pass")
        jobs = jobs_of(stack.place.url("simulator"))
        wrong = problems(ended, jobs, stack.place.url("simulator"))
        checkup.healthy()
        neighbours.execute()
        checkup.broken()
    wrong += neighbours.wrong + checkup.wrong
    if len(drills.struck) < len(STRIKES):
        wrong.append(
            f"only {len(drills.struck)} of {len(STRIKES)} processes were killed: the moments did not come"
        )
    if sweep != "success":
        wrong.append(f"the sweeper's run ended {sweep}")
    summary = _summary(ended, drills.struck, jobs, wrong, time.monotonic() - began)
    summary["secondsToFirstStart"] = neighbours.seconds
    (root / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    _show(summary)
    return 1 if wrong else 0


def _sweep(stack: DistributedStack) -> str:
    with stack.api(LEAD) as api:
        run = Execution.start(api, SWEEPER, {}, "distributed")
        stack.until("the sweeper ends", lambda: run.refresh().ended)
        return str(run.run["state"])


def _summary(
    ended: Sequence[Ended], struck: Sequence[str], jobs: Sequence[Any], wrong: Sequence[str], seconds: float
) -> dict[str, Any]:
    drills = [
        {
            "plan": drill.plan,
            "status": drill.record.get("status"),
            "seconds": round(drill.seconds, 1),
            "tries": {
                name: task["try_number"] for name, task in drill.tasks.items() if task["try_number"] > 1
            },
        }
        for drill in ended
    ]
    return {
        "drills": drills,
        "killed": list(struck),
        "launchJobs": sum(job["kind"] == "LAUNCH" for job in jobs),
        "problems": list(wrong),
        "elapsedSeconds": round(seconds, 1),
    }


def _show(summary: dict[str, Any]) -> None:
    print(
        "\ndistributed: CeleryExecutor, PostgreSQL, Redis, FAB, two workers, two triggerers, reports in S3, history"
    )
    for drill in summary["drills"]:
        again = ", ".join(f"{task} in try {number}" for task, number in drill["tries"].items())
        print(
            f"  {drill['plan']}: {drill['status']} after {drill['seconds']:.0f} s; {again or 'no task began again'}"
        )
    for text in summary["killed"]:
        print(f"  {text}")
    print(f"  {summary['launchJobs']} launch jobs, each server in one")
    for plan, seconds in summary["secondsToFirstStart"].items():
        told = f"{plan}'s first StartRecovery {seconds:.1f} s after {SINCE[plan]}"
        print(f"  beside other people's tasks, which fill Airflow: {told}")
    for text in summary["problems"]:
        print(f"PROBLEM: {text}")
    print(f"{len(summary['problems'])} problems in {format_duration(summary['elapsedSeconds'])}")


if __name__ == "__main__":
    sys.exit(main())
