"""What AWS answers to the preflight of a world in which nothing has happened yet is the same on every stage.

So it is asked once for each world, and kept for the stages to come: half of the time of a drill that is about something
else went into it. The checks themselves run each time, and so does the proof of the identity.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from drs_simulator.testing import Simulator
from tests.harness.effects import changes_something

#: Stages that begin within it begin at the same simulated moment, so that their worlds are the same.
WINDOW_SECONDS: Final = 300
#: Neither the identity (STS) nor the history (DynamoDB).
_SERVICES: Final = frozenset({"drs", "ec2", "iam", "service-quotas"})
#: More are not compared; tests of so many are about the calls.
_MOST_SERVERS: Final = 50

_kept: dict[tuple[Any, ...], Any] = {}


def beginning() -> float:
    """Return the simulated time at which a stage begins: a whole second, since times go through datetimes."""
    return float(time.time() // WINDOW_SECONDS * WINDOW_SECONDS)


class KeptAnswers:
    """The answers of one stage's world.

    :param asks_anew: nothing is kept: the test is about what preflight asks
    """

    def __init__(self, running: Simulator, *, asks_anew: bool) -> None:
        self._simulator = running
        self._regions = self._look()
        self._world = (running.now, running.simulation.scenario.model_dump_json(), self._regions)
        self._active = self._touched = False
        self._never = asks_anew or self._regions is None

    def _look(self) -> str | None:
        with self._simulator.lock:
            regions = self._simulator.world.regions()
            if sum(len(region.servers) for region in regions) > _MOST_SERVERS:
                return None
            return repr(regions)

    def _untouched(self) -> bool:
        """Tell whether nothing has happened, goes wrong or was changed by the test."""
        return (
            not self._touched
            and not list(self._simulator.world.faults)
            and self._simulator.now == self._world[0]
            and self._look() == self._regions
        )

    @contextmanager
    def used(self, *, unless: bool) -> Iterator[None]:
        """Answer from what is kept, if the world is untouched."""
        self._active = not self._never and not unless and self._untouched()
        try:
            yield
        finally:
            self._active = False

    def answer(
        self, original: Callable[[Any, str, Any], Any], client: Any, operation: str, params: dict[str, Any]
    ) -> Any:
        """Return the kept answer of a call, or make it."""
        service = client.meta.service_model.service_name
        self._touched |= service in _SERVICES and changes_something(operation)
        if not self._active or service not in _SERVICES:
            return original(client, operation, params)
        caller = client._request_signer._credentials.access_key
        asked = json.dumps(params, sort_keys=True, default=str)
        key = (*self._world, caller, client.meta.region_name, service, operation, asked)
        if key not in _kept:
            _kept[key] = original(client, operation, params)
        return copy.deepcopy(_kept[key])
