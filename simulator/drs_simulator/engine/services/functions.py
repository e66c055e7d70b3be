"""Lambda functions that answer as the scenario says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drs_simulator.engine.errors import DrsError
from drs_simulator.engine.services.choice import Choice

if TYPE_CHECKING:
    from drs_simulator.engine.world import World


@dataclass(frozen=True, slots=True)
class Returned:
    """What an invocation returned."""

    value: Any
    failed: bool = False


class Functions:
    """The scenario's functions."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._choice = Choice()

    def knows(self, name: str) -> bool:
        """Whether the scenario has a function of that name."""
        return any(rule.name == name for rule in self._world.scenario.services.functions)

    def invoke(self, name: str, payload: str) -> Returned:
        """Answer an invocation. ResourceNotFoundException if no rule of that name fits."""
        age = self._world.now - self._world.started_at
        rule = self._choice.first(
            self._world.scenario.services.functions,
            lambda rule: rule.name == name and age >= rule.after and rule.match in payload,
        )
        if rule is None:
            text = f"The scenario's function {name} has no answer to this payload."
            raise DrsError("ResourceNotFoundException", text)
        if rule.error is not None:
            return Returned({"errorMessage": rule.error, "errorType": "Exception"}, failed=True)
        return Returned(rule.payload)
