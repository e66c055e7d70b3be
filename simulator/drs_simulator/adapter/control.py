"""The control interface under /moto-api/drs/: clock, faults, calls, jobs, sessions, state, reset. JSON in and out."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from pydantic import Field, ValidationError

from drs_simulator.adapter.identities import SECRET_KEY, access_key_id
from drs_simulator.adapter.simulation import Simulation
from drs_simulator.adapter.wire import WireResponse
from drs_simulator.engine.faults import FaultSpec
from drs_simulator.engine.times import stamp
from drs_simulator.engine.truth import all_jobs
from drs_simulator.launch_profile import Strict
from drs_simulator.scenario import ScenarioError, load_scenario, parse_scenario

PREFIX = "/moto-api/drs/"
MOTO_RESET = "/moto-api/reset"
Body = Any


class ClockChange(Strict):
    """What a POST to ``clock`` may change."""

    paused: bool | None = None
    speed: float | None = Field(None, ge=0)
    advance_seconds: float | None = Field(None, ge=0)


class ResetOrder(Strict):
    """What a POST to ``reset`` may name; nothing means the same world from its beginning."""

    scenario: str | dict[str, Any] | None = None
    seed: int | None = None


class Control:
    """Answers control requests."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def handle(self, method: str, path: str, query: str, body: bytes) -> WireResponse | None:
        """The answer, or None if the path is not of the control interface."""
        if path == MOTO_RESET and method == "POST":
            return self._guarded(lambda: self._reset({}))
        if not path.startswith(PREFIX):
            return None
        name, _, rest = path.removeprefix(PREFIX).strip("/").partition("/")
        action = self._actions().get((method, name))
        if action is None:
            return _json(404, {"message": f"no such control: {method} {path}"})
        try:
            data = json.loads(body) if body else {}
        except ValueError as error:
            return _json(400, {"message": f"the body is not JSON: {error}"})
        query_values = {key: values[-1] for key, values in parse_qs(query).items()}
        return self._guarded(lambda: action({"data": data, "rest": rest, "query": query_values}))

    def _actions(self) -> Mapping[tuple[str, str], Callable[[dict[str, Any]], Body]]:
        return {
            ("GET", "clock"): lambda _: self._clock(),
            ("POST", "clock"): self._change_clock,
            ("GET", "faults"): lambda _: {"faults": [r.to_dict() for r in self._simulation.world.faults]},
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._remove_faults,
            ("GET", "calls"): self._calls,
            ("DELETE", "calls"): self._clear_calls,
            ("GET", "state"): lambda _: self._state(),
            ("GET", "jobs"): lambda _: {"jobs": all_jobs(self._simulation.world.regions())},
            ("DELETE", "sessions"): lambda _: {
                "ended": self._simulation.identities.end_sessions(time.time())
            },
            ("GET", "process"): lambda _: _process(),
            ("POST", "reset"): lambda order: self._reset(order["data"]),
        }

    def _guarded(self, action: Callable[[], Body]) -> WireResponse:
        try:
            with self._simulation.lock:
                self._simulation.world.tick()
                return _json(200, action())
        except ValidationError as error:
            problems = [f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()]
            return _json(400, {"message": "; ".join(problems)})
        except ScenarioError as error:
            return _json(400, {"message": str(error)})

    def _clock(self) -> Body:
        clock = self._simulation.world.clock
        now = self._simulation.world.now
        following = self._simulation.world.agenda.next_time()
        return {
            "now": stamp(now),
            "epoch": now,
            "speed": clock.speed,
            "paused": clock.paused,
            "next_event": stamp(following) if following is not None else None,
        }

    def _change_clock(self, order: dict[str, Any]) -> Body:
        change = ClockChange.model_validate(order["data"])
        clock = self._simulation.world.clock
        if change.speed is not None:
            clock.set_speed(change.speed)
        if change.paused is not None:
            (clock.pause if change.paused else clock.resume)()
        if change.advance_seconds is not None:
            clock.advance(change.advance_seconds)
        self._simulation.world.tick()
        return self._clock()

    def _add_faults(self, order: dict[str, Any]) -> Body:
        data = order["data"] if isinstance(order["data"], list) else [order["data"]]
        specs = [FaultSpec.model_validate(item) for item in data]
        faults = self._simulation.world.faults
        return {"faults": [faults.add(spec).to_dict() for spec in specs]}

    def _remove_faults(self, order: dict[str, Any]) -> Body:
        return {"removed": self._simulation.world.faults.remove(order["rest"] or None)}

    def _calls(self, order: dict[str, Any]) -> Body:
        query = order["query"]
        records = self._simulation.world.calls.select(
            query.get("service", "*"), query.get("operation", "*"), query.get("account", "*")
        )
        return {"calls": [record.to_dict() for record in records]}

    def _clear_calls(self, order: dict[str, Any]) -> Body:
        del order
        self._simulation.world.calls.clear()
        return {}

    def _reset(self, data: Any) -> Body:
        order = ResetOrder.model_validate(data)
        scenario = order.scenario
        chosen = (
            None
            if scenario is None
            else load_scenario(scenario)
            if isinstance(scenario, str)
            else parse_scenario(scenario)
        )
        self._simulation.reset(chosen, order.seed)
        return self._state()

    def _state(self) -> Body:
        world = self._simulation.world
        regions = [
            {
                "account": state.place.account_id,
                "region": state.place.region,
                "initialized": state.initialized,
                "servers": len(state.servers),
                "jobs": len(state.jobs),
                "open_jobs": sum(1 for _ in state.open_jobs()),
                "recovery_instances": len(state.instances),
            }
            for state in world.regions()
        ]
        accounts = {
            account: {
                "access_key_id": access_key_id(account),
                "secret_access_key": SECRET_KEY,
                "roles": sorted(spec.roles),
            }
            for account, spec in world.scenario.accounts.items()
        }
        return {"clock": self._clock(), "seed": world.seed, "accounts": accounts, "regions": regions}


def _process() -> Body:
    # ru_maxrss is in KiB on Linux, in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"cpu_seconds": time.process_time(), "peak_memory_bytes": peak}


def _json(status: int, body: Body) -> WireResponse:
    return WireResponse(status, {"Content-Type": "application/json"}, json.dumps(body).encode())
