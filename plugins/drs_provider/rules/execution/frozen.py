"""The frozen plan: what an execution runs from, resolved once when it starts and never changed.

The header travels in one XCom and each wave in one of its own, as
``model_dump(mode="json")``, signed by :mod:`drs_provider.core.evidence`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from drs_provider.core.account import AwsTarget
from drs_provider.core.states import ExecutionType
from drs_provider.plan.steps.base import DEFAULT_PARALLEL, Each, OnFailure, Place
from drs_provider.rules.execution.expectation import Expectation, Frozen


def _read_target(value: Any) -> Any:
    # AwsTarget.from_dict refuses unknown keys; pydantic would drop them from a plain dataclass.
    return AwsTarget.from_dict(value) if isinstance(value, Mapping) else value


class Origin(Frozen):
    """Where in AWS the source of a server is: account, Region and zone, empty where DRS does not say."""

    account_id: str = ""
    region: str = ""
    zone: str = ""


class FrozenServer(Frozen):
    """A source server that a wave recovers.

    :param snapshot_id: point in time to launch from (``pit-…``); None means the latest
    :param lag_at_start: replication lag (ISO 8601 duration) when the plan was frozen; None if unknown
    :param origin: None if its source is not in AWS
    """

    source_server_id: str = Field(min_length=1)
    name: str
    critical: bool = True
    snapshot_id: str | None = None
    lag_at_start: str | None = None
    origin: Origin | None = None


class FrozenGate(Frozen):
    """The gate before a wave.

    :param armed_by: who wants it to stop the run (``default`` is the first gate of a RECOVERY); None if
        it lets the run pass unless somebody pauses it
    :param approvers: logins and teams; who is in a team is read when people are asked
    :param people: how many different people must approve
    :param timeout_seconds: how long people have until ``on_timeout``, which decides nothing in a RECOVERY
    :param remind_after_seconds: after how long people are reminded, again and again where the gate stays open; None in
        plans that an older version froze
    :param escalate_to: logins and teams that are asked as well, one after the other, ``timeout_seconds`` apart
    :param emergency_approvers: logins of those who may approve alone, with a reason
    """

    armed_by: Literal["plan", "conf", "default"] | None = None
    message: str = ""
    approvers: tuple[str, ...] = ()
    exclude_initiator: bool = False
    people: Literal[1, 2] = 1
    timeout_seconds: int = Field(gt=0)
    on_timeout: Literal["reject", "approve", "escalate"] = "reject"
    remind_after_seconds: int | None = None
    escalate_to: tuple[str, ...] = ()
    emergency_approvers: tuple[str, ...] = ()

    def policy(self, execution_type: ExecutionType) -> Literal["reject", "approve", "escalate"]:
        """Return what a timeout means; no RECOVERY ends by one, also of those that an older version froze."""
        return self.on_timeout if execution_type.is_drill else "escalate"


class FrozenStep(Frozen):
    """A step around a wave, or around all waves, as it is for this type of execution.

    :param is_check: it looks; else it does something
    :param settings: the kind's own fields, placeholders not filled
    :param together: it starts with the step above it
    :param parallel: for how many servers at a time
    :param timeout_seconds: of each try
    :param retries: how often it is tried again by itself
    :param selected: whether this type of execution runs it
    :param networks: CIDR blocks that a drill's checks may look into, beside recovered servers; None in a RECOVERY
    :param target: where it acts; None if it calls no AWS, or belongs to no target
    :param approvers: logins and teams that it may ask; empty: those of its wave's gate
    """

    place: Place
    name: str
    kind: str
    is_check: bool = True
    settings: dict[str, Any] = Field(default_factory=dict)
    together: bool = False
    each: Each = "wave"
    parallel: int = DEFAULT_PARALLEL
    timeout_seconds: int = Field(gt=0)
    retries: int = 0
    required: bool = True
    repeatable: bool = False
    on_failure: OnFailure = "fail"
    selected: bool = True
    networks: tuple[str, ...] | None = None
    target: Annotated[AwsTarget | None, BeforeValidator(_read_target)] = None
    approvers: tuple[str, ...] = ()


class FrozenPeople(Frozen):
    """Teams that the plan names, and persons, as they were when the execution began.

    They stand in for the libraries where those cannot be read when people are asked.
    """

    teams: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    persons: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class FrozenWave(Frozen):
    """One wave with its servers resolved.

    :param min_launched: servers that must be recovered on top of every CRITICAL one; 0 asks for none
    :param timeout_seconds: time from the wave's first start to its verdict, without waits for people
    :param queue_timeout_seconds: how long the wave may wait for quota or busy servers
    """

    number: int = Field(ge=1)
    name: str
    selected: bool = True
    depends_on: tuple[int, ...] = ()
    groups: tuple[str, ...]
    target: Annotated[AwsTarget, BeforeValidator(_read_target)]
    servers: tuple[FrozenServer, ...]
    min_launched: int = Field(default=0, ge=0)
    post_launch_required: bool = False
    post_launch_timeout_seconds: int = Field(gt=0)
    timeout_seconds: int = Field(gt=0)
    queue_timeout_seconds: int = Field(gt=0)
    gate: FrozenGate
    before: tuple[FrozenStep, ...] = ()
    after: tuple[FrozenStep, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> FrozenWave:
        ids = self.server_ids
        if len(set(ids)) != len(ids):
            raise ValueError(f"wave {self.number}: a source server is listed twice")
        if self.min_launched > len(ids):
            raise ValueError(f"wave {self.number}: min_launched {self.min_launched} > {len(ids)} servers")
        return self

    @property
    def decided_by_steps(self) -> bool:
        """Whether a task behind its steps decides it."""
        return bool(self.after)

    @property
    def server_ids(self) -> tuple[str, ...]:
        """Source server ids in the wave's order."""
        return tuple(server.source_server_id for server in self.servers)


class FrozenWaveRef(Frozen):
    """What the header says of a wave.

    :param decided_by_steps: it has steps after its launches, and a task behind them that decides it
    :param has_steps: it has steps, before or after its launches
    """

    number: int = Field(ge=1)
    name: str
    selected: bool = True
    depends_on: tuple[int, ...] = ()
    decided_by_steps: bool = False
    has_steps: bool = False


class FrozenHold(Frozen):
    """The hold between a drill's last wave and its cleanup."""

    enabled: bool
    timeout_seconds: int = Field(gt=0)
    on_timeout: Literal["cleanup", "keep"] = "cleanup"


class FrozenPlan(Frozen):
    """The header of a frozen plan; times are epoch seconds (UTC).

    :param conf: run configuration as it was given
    :param initiated_by: Airflow's authenticated user; None for a scheduled run
    :param requested_by: name that the caller gave; says nothing about who it was
    :param incident_time: when the disaster began (RECOVERY), None if not given
    :param notifications: the plan's notifiers: ``events``, ``notifier`` (class path) and ``args``
    :param preflight: summary of the preflight report
    :param overrides: what the run configuration loosened, and findings that were overridden: what, who, why
    :param people: teams and persons, None in plans that an older version froze
    :param initiated_as: the team as which the initiator may start a RECOVERY, None if the plan names the login itself
    :param expected: how long it is expected to take; None in plans that an older version froze
    :param simulated_by: hosts that answered in AWS's place: such a run is a rehearsal and proves nothing
    """

    execution_id: str = Field(min_length=1)
    execution_type: ExecutionType
    plan_name: str = Field(min_length=1)
    plan_title: str
    plan_hash: str = Field(min_length=1)
    dag_id: str = Field(min_length=1)
    dag_run_id: str = Field(min_length=1)
    run_after: float
    conf: dict[str, Any]
    initiated_by: str | None = None
    requested_by: str | None = None
    reason: str | None = None
    ticket: str | None = None
    incident_time: float | None = None
    started_at: float
    owner: str | None = None
    business_function: str | None = None
    criticality: int | None = None
    priority: int
    tags: dict[str, str]
    objectives: dict[str, Any]
    hold: FrozenHold
    cleanup: Literal["terminate", "keep"]
    max_age_seconds: int = Field(gt=0)
    notifications: tuple[dict[str, Any], ...] = ()
    waves: tuple[FrozenWaveRef, ...]
    preflight: dict[str, Any] = Field(default_factory=dict)
    overrides: tuple[dict[str, Any], ...] = ()
    people: FrozenPeople | None = None
    initiated_as: str | None = None
    expected: Expectation | None = None
    before_first: tuple[FrozenStep, ...] = ()
    after_last: tuple[FrozenStep, ...] = ()
    simulated_by: tuple[str, ...] = ()

    @property
    def is_drill(self) -> bool:
        """Whether servers are launched with ``isDrill``."""
        return self.execution_type.is_drill

    @property
    def selected_waves(self) -> tuple[FrozenWaveRef, ...]:
        """The waves that this execution runs, by number."""
        return tuple(sorted((w for w in self.waves if w.selected), key=lambda w: w.number))
