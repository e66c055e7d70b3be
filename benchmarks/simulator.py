"""How fast the DRS simulator starts and answers, and how much memory it takes.

CPU is the server process's own, so that a busy machine disturbs it little.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.simulated import ACCOUNT, REGION, control, drs, request, signed
from embedded.environment import SIMULATOR, inherited
from embedded.processes import free_ports

SERVERS = 1000
POLLERS, POLLS = 100, 10
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
        self.url = next(word for word in line.split() if word.startswith("http://"))
        self.drs("DescribeJobs")
        self.seconds_to_first_answer = time.perf_counter() - begin

    def drs(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation of DRS."""
        return drs(self.url, ACCOUNT, operation, **params)

    def ec2(self, **form: str) -> bytes:
        """An operation of EC2, which moto answers."""
        headers = {
            **signed(ACCOUNT, "ec2"),
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        return request(self.url, urlencode({"Version": "2016-11-15", **form}).encode(), headers)

    def control(self, path: str, data: object = None) -> dict[str, Any]:
        """The control interface."""
        return control(self.url, path, data)

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


def cpu_of(server: Server, call: Callable[[], object], repeats: int = 40) -> float:
    """CPU milliseconds of a call, once it has been made a few times."""
    for _ in range(3):
        call()
    begin = server.cpu_seconds()
    for _ in range(repeats):
        call()
    return (server.cpu_seconds() - begin) / repeats * 1000


def cpu_of_describe_jobs(server: Server, jobs: int) -> float:
    """CPU milliseconds of a DescribeJobs that answers so many jobs at once."""
    found = len(server.drs("DescribeJobs", maxResults=1000)["items"])
    if found != jobs:
        raise RuntimeError(f"{found} jobs instead of {jobs}")
    return cpu_of(server, lambda: server.drs("DescribeJobs", maxResults=1000))


def seconds_of_moto() -> float:
    """Seconds from the start of moto's own server, which the simulator stands on, to its first answer."""
    (port,) = free_ports(1)
    begin = time.perf_counter()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, env=inherited(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                request(f"http://127.0.0.1:{port}/moto-api/data.json")
                return time.perf_counter() - begin
            time.sleep(0.02)
        raise RuntimeError("moto's server ended at once")
    finally:
        process.terminate()
        process.wait(timeout=20)


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
            except (OSError, http.client.HTTPException):
                errors += 1
        return errors

    with ThreadPoolExecutor(POLLERS) as pool:
        return sum(pool.map(poll, range(POLLERS)))


def measure(options: Options) -> Iterator[Figure]:
    """Measure one process with few and with many servers and jobs."""
    del options
    moto = seconds_of_moto()
    with running() as server:
        empty = server.peak_memory_mb()
        yield Figure("start to first answer", server.seconds_to_first_answer, "s", moto, "moto's own server")
        half, full = launch_and_describe(server, 250), launch_and_describe(server, 500)
        name = "500 servers launched and described, CPU"
        yield Figure(name, full, "s", half, "half as many", most=GROWTH)
    with running() as server:
        server.control("reset", {"scenario": world(SERVERS)})
        ids = server_ids(server)
        plain = cpu_of(server, lambda: server.ec2(Action="DescribeVpcs"))
        start_jobs(server, ids[:100])
        hundred = cpu_of_describe_jobs(server, 100)
        yield Figure("DescribeJobs with 100 jobs, CPU", hundred, "ms", plain, "moto's DescribeVpcs")
        start_jobs(server, ids[100:])
        thousand = cpu_of_describe_jobs(server, 1000)
        yield Figure(
            "DescribeJobs with 1,000 jobs, CPU", thousand, "ms", 10 * hundred, "ten times that", most=GROWTH
        )
        requests = POLLERS * POLLS
        name = f"errors of {POLLERS} pollers at once, {requests:,} requests"
        yield Figure(name, errors_of_pollers(server), "", 0, "none", most=1)
        memory = server.peak_memory_mb()
        yield Figure("peak memory with 1,000 jobs and 1,000 instances", memory, "MB", empty, "without any")
