"""How fast the DRS simulator starts and answers, and how much memory it takes.

Run: ``python -m benchmarks.simulator``. Prints each figure with its limit; exit code 1 if one
is exceeded. CPU is the server process's own, so that a busy machine disturbs it little.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.figures import Figure, print_figures

SIMULATOR = Path(__file__).resolve().parents[1] / "simulator"
ACCOUNT, REGION = "111122223333", "eu-west-1"
SERVERS = 1000
POLLERS, POLLS = 100, 10
START_SECONDS = 3.0
CPU_100_JOBS_MS, CPU_1000_JOBS_MS = 3.0, 12.0
MEMORY_MB = 250
GROWTH = 3.0
"""Twice the servers may take this much longer; quadratic cost would take four times as long."""


class Server:
    """A simulator process and a connection that signs nothing: signatures are not checked."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "drs_simulator", "--port", "0", "--speed", "0"]
        environment = {**os.environ, "PYTHONPATH": str(SIMULATOR)}
        begin = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        if self.process.stdout is None:
            raise RuntimeError("no output to read the address from")
        line = self.process.stdout.readline()
        self.host = next(word for word in line.split() if word.startswith("http://")).removeprefix("http://")
        self.drs("DescribeJobs")
        self.seconds_to_first_answer = time.perf_counter() - begin

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> bytes:
        """One request. RuntimeError for an error answer."""
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=120)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
        return content

    def drs(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation of DRS."""
        content = self.request("POST", f"/{operation}", json.dumps(params).encode(), _signed("drs"))
        return dict(json.loads(content))

    def ec2(self, **form: str) -> bytes:
        """An operation of EC2."""
        headers = {**_signed("ec2"), "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self.request("POST", "/", urlencode({"Version": "2016-11-15", **form}).encode(), headers)

    def control(self, path: str, data: object = None) -> dict[str, Any]:
        """The control interface."""
        body = b"" if data is None else json.dumps(data).encode()
        return dict(
            json.loads(self.request("GET" if data is None else "POST", f"/moto-api/drs/{path}", body))
        )

    def cpu_seconds(self) -> float:
        """CPU that the server process has used so far."""
        return float(self.control("process")["cpu_seconds"])

    def peak_memory_mb(self) -> float:
        """The most memory it ever had."""
        return float(self.control("process")["peak_memory_bytes"]) / 1024**2

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(timeout=20)


def _signed(service: str) -> dict[str, str]:
    scope = f"AKIA{ACCOUNT}DRSS/20260101/{REGION}/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server that is stopped in any case."""
    server = Server()
    try:
        yield server
    finally:
        server.stop()


def world(servers: int) -> dict[str, Any]:
    """A scenario with so many servers and quotas that are not in the way."""
    return {
        "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}}},
        "servers": {"all": {"generate": servers}},
        "quotas": {"jobs": 5000, "servers_per_job": 200, "servers_in_jobs": 5000},
        "profile": "quick",
    }


def paged(server: Server, operation: str) -> list[dict[str, Any]]:
    """All items of a list operation."""
    items: list[dict[str, Any]] = []
    token = None
    while True:
        answer = server.drs(operation, **({"nextToken": token} if token else {}))
        items += answer["items"]
        token = answer.get("nextToken")
        if token is None:
            return items


def server_ids(server: Server) -> list[str]:
    """The ids of all source servers."""
    return [item["sourceServerID"] for item in paged(server, "DescribeSourceServers")]


def launch_and_describe(server: Server, count: int) -> float:
    """CPU seconds to launch so many servers in jobs of 100 and to describe them in DRS and EC2."""
    server.control("reset", {"scenario": world(count)})
    ids = server_ids(server)
    begin = server.cpu_seconds()
    for first in range(0, count, 100):
        chosen = [{"sourceServerID": i} for i in ids[first : first + 100]]
        server.drs("StartRecovery", sourceServers=chosen, isDrill=True)
    server.control("clock", {"advance_seconds": 3600})
    found = [item["ec2InstanceID"] for item in paged(server, "DescribeRecoveryInstances")]
    if len(found) != count:
        raise RuntimeError(f"{len(found)} of {count} servers were launched")
    for first in range(0, count, 100):
        batch = {f"InstanceId.{n}": i for n, i in enumerate(found[first : first + 100], start=1)}
        server.ec2(Action="DescribeInstances", **batch)
    return server.cpu_seconds() - begin


def cpu_of_describe_jobs(server: Server, jobs: int, repeats: int = 40) -> float:
    """CPU milliseconds of a DescribeJobs that answers so many jobs at once."""
    for _ in range(3):
        answer = server.drs("DescribeJobs", maxResults=1000)
    if len(answer["items"]) != jobs:
        raise RuntimeError(f"{len(answer['items'])} jobs instead of {jobs}")
    begin = server.cpu_seconds()
    for _ in range(repeats):
        server.drs("DescribeJobs", maxResults=1000)
    return (server.cpu_seconds() - begin) / repeats * 1000


def start_jobs(server: Server, ids: list[str]) -> None:
    """One job for each server, run to its end."""
    for server_id in ids:
        server.drs("StartRecovery", sourceServers=[{"sourceServerID": server_id}], isDrill=True)
    server.control("clock", {"advance_seconds": 3600})


def errors_of_pollers(server: Server) -> int:
    """How many of the requests of many pollers at once fail."""

    def poll(_: int) -> int:
        errors = 0
        for _ in range(POLLS):
            try:
                server.drs("DescribeJobs", maxResults=20)
            except (OSError, RuntimeError, http.client.HTTPException):
                errors += 1
        return errors

    with ThreadPoolExecutor(POLLERS) as pool:
        return sum(pool.map(poll, range(POLLERS)))


def figures() -> Iterator[Figure]:
    """Name, figure, limit and unit of each measurement."""
    with running() as server:
        yield "start to first answer", server.seconds_to_first_answer, START_SECONDS, "s"
        half, full = launch_and_describe(server, 250), launch_and_describe(server, 500)
        yield "500 servers launched and described, CPU", full, 10.0, "s"
        yield "500 servers against 250, CPU", full / half, GROWTH, "times"
    with running() as server:
        server.control("reset", {"scenario": world(SERVERS)})
        ids = server_ids(server)
        start_jobs(server, ids[:100])
        yield "DescribeJobs with 100 jobs, CPU", cpu_of_describe_jobs(server, 100), CPU_100_JOBS_MS, "ms"
        start_jobs(server, ids[100:])
        yield "DescribeJobs with 1,000 jobs, CPU", cpu_of_describe_jobs(server, 1000), CPU_1000_JOBS_MS, "ms"
        yield "errors of 100 concurrent pollers, 1,000 requests", errors_of_pollers(server), 0, ""
        yield "peak memory with 1,000 jobs and 1,000 instances", server.peak_memory_mb(), MEMORY_MB, "MB"


if __name__ == "__main__":
    sys.exit(1 if print_figures(figures()) else 0)
