"""How long things take: the durations of a job's phases, as data (see the files in ``profiles/``)."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

from drs_simulator.yaml_files import read_yaml

PROFILES = Path(__file__).parent / "profiles"
_TIMEDELTA = TypeAdapter(timedelta)


def _to_seconds(value: object) -> float:
    return _TIMEDELTA.validate_python(value).total_seconds()


Seconds = Annotated[float, BeforeValidator(_to_seconds), Field(ge=0)]
"""Seconds, written as a number or as an ISO 8601 duration."""


class Strict(BaseModel):
    """Base of all scenario data: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(Strict):
    """A duration with its variation; a plain value in the file stands for its median."""

    median: Seconds
    sigma: float = Field(0.0, ge=0, le=2, description="spread of the logarithm; 0 is exact")
    per_server: Seconds = Field(0.0, description="added for each further server of the job")

    @model_validator(mode="before")
    @classmethod
    def _plain_value(cls, value: Any) -> Any:
        return value if isinstance(value, dict | Spread) else {"median": value}

    def sample(self, rng: random.Random, servers: int = 1) -> float:
        """Seconds for one server of a job of ``servers``."""
        base = self.median + self.per_server * max(0, servers - 1)
        return base * math.exp(rng.gauss(0.0, self.sigma)) if self.sigma else base


class Profile(Strict):
    """Durations of the phases of launch and terminate jobs, in the order they happen."""

    job_start: Spread = Spread(median=0.3)
    started: Spread = Field(
        Spread(median=5),
        description="from JOB_START until the job's status is STARTED (recorded: less than 68 s)",
    )
    cleanup: Spread = Spread(median=30)
    snapshot_wait: Spread = Spread(median=0.5)
    snapshot: Spread = Spread(median=0.2)
    conversion_wait: Spread = Spread(median=52)
    conversion_refused: Spread = Field(
        Spread(median=202), description="after the snapshot, until DRS gives up a conversion it may not begin"
    )
    conversion: Spread = Field(
        Spread(median=186, sigma=0.02), description="from the last CONVERSION_START of a job"
    )
    conversion_apart: Spread = Field(
        Spread(median=0.06, sigma=1.0),
        description="by how much a server's conversion ends later than the job's",
    )
    launch_wait: Spread = Field(
        Spread(median=1.1, sigma=0.5),
        description="from the last CONVERSION_END of a job until all its LAUNCH_STARTs",
    )
    launch: Spread = Spread(median=288, sigma=0.04)
    instance_before_launched: Spread = Field(
        Spread(median=20), description="how long before LAUNCHED the EC2 instance can be seen"
    )
    launch_refused: Spread = Field(
        Spread(median=607),
        description="a launch that may not remove its volumes: from its start to its failure",
    )
    job_end: Spread = Spread(median=2.5)
    status_checks: Spread = Field(Spread(median=90), description="EC2 status checks are initializing so long")
    post_launch: Spread = Field(Spread(median=60), description="one post-launch action")
    terminate: Spread = Spread(median=45)


def load_profile(name: str) -> Profile:
    """A shipped profile by its name. ValueError if there is none."""
    path = PROFILES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES.glob("*.yaml")))
        msg = f"unknown profile {name!r}; shipped are: {known}"
        raise ValueError(msg)
    return Profile.model_validate(read_yaml(path))
