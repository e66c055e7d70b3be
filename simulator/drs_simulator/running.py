"""A simulation inside of your program: over HTTP in a thread, or in process under moto's ``mock_aws``.

::

    with simulator("three_tier") as sim:
        sim.client("drs").describe_source_servers()
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

from drs_simulator.adapter.current import activate, deactivate
from drs_simulator.adapter.identities import SECRET_KEY, access_key_id
from drs_simulator.adapter.in_process import gated
from drs_simulator.adapter.server import SimulatorServer
from drs_simulator.adapter.simulation import Simulation
from drs_simulator.engine.calls import CallRecord
from drs_simulator.engine.entities import Place, RegionState
from drs_simulator.engine.faults import FaultRule, FaultSpec
from drs_simulator.engine.times import stamp
from drs_simulator.engine.world import World
from drs_simulator.scenario import Scenario, parse_scenario

_config: Any = Config
# Reading the models of EC2 takes longer than most tests: all sessions share what was read.
_LOADER = botocore.loaders.create_loader()

FIXED_START = 1_790_000_000.0
"""Where simulated time begins in tests that want the same times in every run."""


class Simulator:
    """A running simulation, seen from a test."""

    def __init__(self, simulation: Simulation, url: str | None) -> None:
        self.simulation = simulation
        self._session = _new_session()
        self.url = url
        """The endpoint URL of all services; None in process."""

    # -- time -----------------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The engine's world; take :attr:`lock` before you touch it while clients are running."""
        return self.simulation.world

    @property
    def lock(self) -> Any:
        """The lock around the world."""
        return self.simulation.lock

    @property
    def now(self) -> float:
        """Simulated epoch seconds."""
        with self.lock:
            self.world.tick()
            return self.world.now

    @property
    def now_text(self) -> str:
        """Simulated time in DRS's form."""
        return stamp(self.now)

    def advance(self, seconds: float) -> float:
        """Move simulated time forward; returns the new time."""
        with self.lock:
            return self.world.advance(seconds)

    def set_speed(self, speed: float) -> None:
        """Simulated seconds per second from now on."""
        with self.lock:
            self.world.clock.set_speed(speed)

    def finish(self, limit_seconds: float = 86_400.0) -> float:
        """Advance until nothing is left to happen, at most by ``limit_seconds``; returns the new time."""
        with self.lock:
            self.world.tick()
            end = self.world.now + limit_seconds
            while (following := self.world.agenda.next_time()) is not None and following <= end:
                self.world.advance(max(0.0, following - self.world.now) + 0.001)
            return self.world.now

    # -- faults, calls, state -------------------------------------------------------------------------

    def inject(self, operation: str = "*", **rule: Any) -> FaultRule:
        """Add a fault rule, e.g. ``inject("StartRecovery", kind="reset", after=True, times=1)``."""
        with self.lock:
            return self.world.faults.add(FaultSpec(operation=operation, **rule))

    def clear_faults(self) -> None:
        """Remove all fault rules, also the scenario's."""
        with self.lock:
            self.world.faults.remove()

    def calls(self, operation: str = "*", service: str = "drs", account: str = "*") -> list[CallRecord]:
        """Calls so far, oldest first, by globs."""
        with self.lock:
            return self.world.calls.select(service, operation, account)

    def clear_calls(self) -> None:
        """Forget the calls so far."""
        with self.lock:
            self.world.calls.clear()

    def region(self, account: str, region: str) -> RegionState:
        """What DRS of an account and Region holds."""
        return self.world.region(Place(account, region))

    def reset(self, scenario: Scenario | str | dict[str, Any] | None = None, seed: int | None = None) -> None:
        """Begin again, in another world if one is given."""
        self.simulation.reset(_scenario(scenario), seed)

    # -- clients --------------------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """The scenario's first account."""
        return next(iter(self.simulation.scenario.accounts))

    def credentials(self, account: str | None = None) -> dict[str, str]:
        """``aws_access_key_id`` and ``aws_secret_access_key`` of an account of the scenario."""
        return {
            "aws_access_key_id": access_key_id(account or self.account),
            "aws_secret_access_key": SECRET_KEY,
        }

    def airflow_connection(self, account: str | None = None, region: str = "eu-west-1") -> dict[str, Any]:
        """The arguments of an Airflow ``Connection`` of type ``aws`` to this simulator, but for its id.

        STS has an endpoint of its own in it: for assuming roles the provider ignores the global one.
        """
        keys = self.credentials(account)
        extra = {
            "region_name": region,
            "endpoint_url": self.url,
            "service_config": {"sts": {"endpoint_url": self.url}},
        }
        return {
            "conn_type": "aws",
            "login": keys["aws_access_key_id"],
            "password": keys["aws_secret_access_key"],
            "extra": json.dumps(extra),
        }

    def client(
        self,
        service: str = "drs",
        account: str | None = None,
        region: str = "eu-west-1",
        *,
        retries: int = 0,
        **options: Any,
    ) -> Any:
        """A boto3 client with an account's own access key; ``retries`` as botocore's retry count."""
        config = _config(
            retries={"max_attempts": retries, "mode": "standard"} if retries else {"total_max_attempts": 1}
        )
        arguments = {"region_name": region, "endpoint_url": self.url, "config": config}
        return self._session.client(service, **arguments, **self.credentials(account), **options)

    def client_in_role(
        self,
        service: str,
        role_arn: str,
        region: str,
        *,
        external_id: str | None = None,
        session_name: str = "test",
        account: str | None = None,
    ) -> Any:
        """A boto3 client with a role's credentials, assumed with an account's own access key."""
        arguments = {"RoleArn": role_arn, "RoleSessionName": session_name}
        if external_id is not None:
            arguments["ExternalId"] = external_id
        keys = self.client("sts", account).assume_role(**arguments)["Credentials"]
        return self._session.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            config=_config(retries={"total_max_attempts": 1}),
        )


@contextmanager
def simulator(
    scenario: Scenario | str | dict[str, Any] | None = None,
    *,
    speed: float = 0.0,
    seed: int | None = None,
    start: float | None = None,
    any_key: bool = False,
    port: int = 0,
) -> Iterator[Simulator]:
    """A simulator over HTTP on a free port, in a thread of this process."""
    with _simulation(scenario, speed=speed, seed=seed, start=start, any_key=any_key) as simulation:
        server = SimulatorServer(simulation, port=port)
        server.start()
        try:
            yield Simulator(simulation, server.url)
        finally:
            server.stop()


@contextmanager
def in_process(
    scenario: Scenario | str | dict[str, Any] | None = None,
    *,
    speed: float = 0.0,
    seed: int | None = None,
    start: float | None = None,
    any_key: bool = False,
) -> Iterator[Simulator]:
    """A simulator under moto's ``mock_aws``: boto3 in this process, no server, no aiobotocore."""
    options = {"speed": speed, "seed": seed, "start": start, "any_key": any_key}
    with _simulation(scenario, **options) as simulation, gated(simulation):
        result = Simulator(simulation, None)
        keys = result.credentials()
        environment = {
            "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
        }
        with patch.dict(os.environ, environment):
            yield result


@contextmanager
def _simulation(scenario: Scenario | str | dict[str, Any] | None, **options: Any) -> Iterator[Simulation]:
    # moto would load a list of machine images that no test of DRS needs.
    with patch.dict(os.environ, {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}):
        simulation = Simulation(_scenario(scenario), **options)
        activate(simulation)
        try:
            yield simulation
        finally:
            deactivate()


def _new_session() -> Any:
    # A session of our own: the default one may have been made before handlers were registered.
    core: Any = botocore.session.Session()
    core.register_component("data_loader", _LOADER)
    return boto3.session.Session(botocore_session=core)


def _scenario(scenario: Scenario | str | dict[str, Any] | None) -> Scenario | str | None:
    return parse_scenario(scenario) if isinstance(scenario, dict) else scenario
