"""What a row of the table of the members due in each state says, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Source(StrEnum):
    """What a rule rests on; ASSUMED is what no published text and no recorded answer settles."""

    MODEL = "botocore's model of the service: what its members' names and descriptions say"
    DRS_TOOLS = "aws-samples/drs-tools, samples/sample_data/sample_result.json (2022-12)"
    ORCHESTRATOR = "johnjcousens/aws-elasticdrs-orchestrator, execution_full.json at bcb490c6 (2026-02)"
    ASSUMED = "assumed: no public source"


class Condition(Enum):
    """A condition on a member that is not a set of values."""

    PRESENT = "present"


Values = tuple[object, ...] | Condition


@dataclass(frozen=True)
class PresenceRule:
    """What an object of `shape` holds while every condition of `when` is met."""

    shape: str
    when: Mapping[str, Values] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    not_empty: tuple[str, ...] = ()
    values: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    equal: tuple[tuple[str, str], ...] = ()
    source: Source = Source.MODEL
