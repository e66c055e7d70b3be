"""Measure, print one table, and keep it as JSON: ``make bench``. Exit code 1 if a ratio is exceeded or a part failed.

Each part runs in a process of its own, so that none inherits what another one loaded.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure, table
from benchmarks.options import Options
from embedded.environment import PLUGINS, REPOSITORY, SIMULATOR, inherited

PARTS = {
    "plans": "many plans: DAG processor, tasks",
    "waves": "seconds between waves, real processes",
    "at_once": "executions at once, real processes",
    "waits": "waits in one triggerer, real process",
    "servers": "servers in one wave, in process",
    "history": "history table, in process",
    "simulator": "the simulator",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the chosen parts."""
    given = _parser().parse_args(arguments)
    chosen = [part for part in given.only.replace(",", " ").split() if part] or list(PARTS)
    if unknown := set(chosen) - PARTS.keys():
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    options = Options(
        folder,
        plans=given.plans,
        launch_seconds=given.launch,
        at_once=tuple(given.at_once),
        waits=given.waits,
        servers=given.servers,
    )
    if given.inside:
        return _measure(chosen[0], options)
    return _measure_all(chosen, options, sys.argv[1:] if arguments is None else arguments, given.json)


def _measure(part: str, options: Options) -> int:
    """Measure a part in this process, and leave its figures in a file."""
    module = importlib.import_module(f"benchmarks.{part}")
    figures = []
    for figure in module.measure(replace(options)):
        figures.append(figure.to_dict())
        _file(options, part).write_text(json.dumps(figures), encoding="utf-8")
    return 0


def _measure_all(chosen: Sequence[str], options: Options, arguments: Sequence[str], target: Path) -> int:
    parts: dict[str, Any] = {}
    failed = []
    for part in chosen:
        print(f"measuring {part}: {PARTS[part]}", flush=True)
        _file(options, part).unlink(missing_ok=True)
        began, load = time.monotonic(), os.getloadavg()[0]
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks", *arguments, "--only", part, "--inside"]
        home = {"AIRFLOW_HOME": str(options.folder / f"home-{part}"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        path = os.pathsep.join(map(str, (PLUGINS, SIMULATOR, REPOSITORY)))
        environment = inherited() | home | {"PYTHONPATH": path}
        log = options.folder / f"{part}.log"
        with log.open("wb") as output:
            done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
        if done.returncode:
            failed.append(part)
            print(
                f"{part} could not be measured to its end:\n{log.read_text(errors='replace')[-3000:]}\n{log}"
            )
        file = _file(options, part)
        figures = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
        parts[part] = {"seconds": time.monotonic() - began, "load before": load, "figures": figures}
    content = {"machine": machine(), "arguments": list(arguments), "failed": failed, "parts": parts}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    rows = {PARTS[part]: [Figure.from_dict(each) for each in kept["figures"]] for part, kept in parts.items()}
    print(f"\n{table(rows)}\n\n{content['machine']}\n{target}")
    exceeded = any(figure.exceeded for figures in rows.values() for figure in figures)
    return 1 if exceeded or failed else 0


def machine() -> str:
    """Return what the figures were taken on."""
    memory = psutil.virtual_memory().total / 1024**3
    python = platform.python_version()
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, Python {python}"
    )


def _file(options: Options, part: str) -> Path:
    return options.folder / f"{part}.json"


def _parser() -> argparse.ArgumentParser:
    usual = Options(Path("build/bench"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help=f"parts to measure, of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--plans", type=int, default=usual.plans, help="plans in one Airflow")
    parser.add_argument(
        "--launch", type=float, default=usual.launch_seconds, help="seconds of a simulated launch"
    )
    parser.add_argument("--at-once", type=int, nargs="+", default=usual.at_once, help="executions at once")
    parser.add_argument("--waits", type=int, default=usual.waits, help="waits in one triggerer")
    parser.add_argument("--servers", type=int, default=usual.servers, help="servers in one wave")
    parser.add_argument("--folder", type=Path, default=usual.folder, help="for what the parts make")
    parser.add_argument(
        "--json", type=Path, default=Path("build/bench.json"), help="where the figures are kept"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
