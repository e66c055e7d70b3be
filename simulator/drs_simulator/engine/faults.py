"""Faults by rule: which calls fail, how, how often."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, model_validator

from drs_simulator.launch_profile import Strict

FaultKind = Literal["error", "raw", "delay", "reset", "truncate"]


class FaultSpec(Strict):
    """One rule. The first rule that matches and fires decides about a call.

    ``error`` answers an error of the service, ``raw`` any status and body, ``delay`` answers late,
    ``reset`` breaks the connection, ``truncate`` breaks it after half of the answer. With ``after`` the call
    takes effect and only its answer is lost.
    """

    operation: str = Field("*", description="glob over operation names")
    service: str = Field("drs", description="glob over service names: drs, ec2, dynamodb, sts, ...")
    account: str = "*"
    region: str = "*"
    containing: str = Field("", description="only calls whose body has this text, e.g. a job's id")
    kind: FaultKind = "error"
    code: str = "InternalServerException"
    message: str = "Simulated fault"
    status: int | None = Field(None, ge=200, le=599, description="HTTP status; default: of the code")
    body: str = "<html><body>Service Unavailable</body></html>"
    retry_after: int | None = Field(None, ge=0, description="seconds, sent as Retry-After")
    delay_seconds: float = Field(0.0, ge=0, le=300, description="wall seconds")
    after: bool = False
    probability: float = Field(1.0, gt=0, le=1)
    times: int | None = Field(None, ge=1, description="how often at most; default: without end")

    @model_validator(mode="after")
    def _makes_sense(self) -> FaultSpec:
        if self.kind == "delay" and self.delay_seconds == 0:
            msg = "a fault of kind delay needs delay_seconds"
            raise ValueError(msg)
        return self

    def matches(self, service: str, operation: str, account: str, region: str, body: bytes = b"") -> bool:
        """Whether the rule is about such a call."""
        if self.containing.encode() not in body:
            return False
        pairs = (
            (service, self.service),
            (operation, self.operation),
            (account, self.account),
            (region, self.region),
        )
        return all(fnmatchcase(value.lower(), pattern.lower()) for value, pattern in pairs)


class FaultRule:
    """A rule at work: how often it has fired, and a name to remove it by."""

    def __init__(self, fault_id: str, spec: FaultSpec) -> None:
        self.fault_id = fault_id
        self.spec = spec
        self.fired = 0

    @property
    def spent(self) -> bool:
        """Whether the rule has fired as often as it may."""
        return self.spec.times is not None and self.fired >= self.spec.times

    def to_dict(self) -> dict[str, object]:
        """For the control interface."""
        return {"id": self.fault_id, "fired": self.fired, **self.spec.model_dump(exclude_none=True)}


class FaultBook:
    """All rules, in the order they were added."""

    def __init__(self, seed: int, specs: tuple[FaultSpec, ...] = ()) -> None:
        self._rng = random.Random(f"{seed}/faults")
        self._rules: list[FaultRule] = []
        self._count = 0
        for spec in specs:
            self.add(spec)

    def __iter__(self) -> Iterator[FaultRule]:
        return iter(self._rules)

    def add(self, spec: FaultSpec) -> FaultRule:
        """A new rule, asked after the earlier ones."""
        self._count += 1
        rule = FaultRule(f"fault-{self._count}", spec)
        self._rules.append(rule)
        return rule

    def remove(self, fault_id: str | None = None) -> int:
        """Drop one rule, or all; returns how many went."""
        before = len(self._rules)
        self._rules = [r for r in self._rules if fault_id is not None and r.fault_id != fault_id]
        return before - len(self._rules)

    def pick(
        self, service: str, operation: str, account: str, region: str, body: bytes = b""
    ) -> FaultSpec | None:
        """The rule that strikes this call, counted as fired; None if the call is spared."""
        for rule in self._rules:
            if rule.spent or not rule.spec.matches(service, operation, account, region, body):
                continue
            if rule.spec.probability < 1 and self._rng.random() >= rule.spec.probability:
                continue
            rule.fired += 1
            return rule.spec
        return None
