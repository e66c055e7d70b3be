"""Which servers an execution holds, so that no other one touches them while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from drs_provider.core.states import ExecutionType
from drs_provider.core.texts import named
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave

#: What cleanup and everything that is not bounded by the plan may take on top.
MARGIN_SECONDS = 4 * 3600

#: The first task of an execution is at work: it may still be refused itself.
PREPARING = "preparing"


@dataclass(frozen=True)
class Claim:
    """An execution's hold on servers.

    :param attempt: of the execution, when the claim was made
    :param priority: of the plan; smaller goes first
    :param servers: ``account/region/server`` -> the server's name
    :param waves: ``account/region`` -> number -> name of the selected waves there
    :param until: epoch seconds after which its owner, a drill, counts as dead
    """

    execution_id: str
    execution_type: str
    plan_name: str
    dag_id: str
    run_id: str
    attempt: int
    initiated_by: str
    priority: int
    servers: Mapping[str, str]
    waves: Mapping[str, Mapping[str, str]]
    until: float

    @property
    def is_drill(self) -> bool:
        """Whether the execution only rehearses."""
        return self.execution_type == ExecutionType.DRILL

    @property
    def name(self) -> str:
        """Who it is, for messages: type, plan, run and initiator."""
        started = f", started by {self.initiated_by}" if self.initiated_by else ""
        return f"{self.execution_type} of {self.plan_name} (run {self.run_id}{started})"

    def common_servers(self, other: Claim, *, now: float) -> dict[str, str]:
        """Return the servers that both hold, as in :attr:`servers`; none if the other one's owner is dead.

        A RECOVERY is never taken for dead: its gates wait for people without end.
        """
        dead = other.is_drill and other.until <= now
        if dead or other.execution_id == self.execution_id:
            return {}
        return {server: name for server, name in self.servers.items() if server in other.servers}


@dataclass(frozen=True)
class Conflict:
    """Another execution that holds servers of ours.

    :param servers: the common ones, as in :attr:`Claim.servers`
    :param doing: ``preparing``, the ids of the gates at which it waits for people, or an empty text
    :param paused: whether its DAG is paused: then it does nothing, and does not end
    """

    claim: Claim
    servers: Mapping[str, str]
    doing: str = ""
    paused: bool = False

    def may_be_preempted_by(self, own: Claim) -> bool:
        """Only a RECOVERY pre-empts, and only a DRILL is pre-empted."""
        return not own.is_drill and self.claim.is_drill

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the common servers, sorted."""
        return tuple(sorted(self.servers.values()))

    def text(self, own: Claim) -> str:
        """Tell which execution is in the way, and the way out."""
        return f"{self.what()}. {self.way_out(own)}"

    def what(self) -> str:
        """Tell which execution is in the way, and with which servers."""
        return f"{self.claim.name} {self._state()}{named(self.names)}"

    def _state(self) -> str:
        if self.doing == PREPARING:
            return "has just begun with "
        if self.doing:
            return f"waits for people at {self.doing} and holds "
        return "is at work on "

    def way_out(self, own: Claim) -> str:
        """Tell what can be done about it."""
        claim = self.claim
        wait = "Wait for its end"
        if self.paused:
            wait = f"Its DAG {claim.dag_id} is paused, so it does not end by itself: unpause it"
        elif self.doing == PREPARING:
            wait = "Two that begin together refuse each other; if it was refused as well, start one of them again. "
            wait += "Else wait for its end"
        elif self.doing:
            wait = f"Answer {self.doing} and wait for its end"
        fail = f"mark that run of {claim.dag_id} as failed: it then cleans up and lets them go"
        preempt = ", or start this RECOVERY with preempt_drill" if self.may_be_preempted_by(own) else ""
        return f"{wait}, or {fail}{preempt}."


class Rank(NamedTuple):
    """Who goes first when a quota is short: the smaller rank.

    A RECOVERY goes before every DRILL, then the smaller plan priority, then who waits longer; the rest only breaks
    ties.

    :param since: epoch seconds from which on the wave waits
    """

    is_drill: bool
    priority: int
    since: float
    execution_id: str
    wave_number: int

    @classmethod
    def of(cls, execution: Claim | FrozenPlan, wave_number: int, since: float) -> Rank:
        """Return the rank of an execution's wave."""
        return cls(execution.is_drill, execution.priority, since, execution.execution_id, wave_number)


class Wait(NamedTuple):
    """What a start tells of its wait for quota.

    :param servers: how many servers of the wave wait for quota, and for nothing else
    :param since: epoch seconds from which on the wave waits
    :param seen_at: epoch seconds at which it looked last
    """

    servers: int
    since: float
    seen_at: float


@dataclass(frozen=True)
class QuotaWait:
    """A wave of a claim that waits for quota; fields as in :class:`Wait`."""

    claim: Claim
    rank: Rank
    servers: int
    seen_at: float

    @property
    def name(self) -> str:
        """Who waits, for messages."""
        return f"wave {self.rank.wave_number} of {self.claim.name} with priority {self.rank.priority}"

    def goes_before(self, own: Rank, *, now: float, stale_seconds: float) -> bool:
        """Whether room is to be left for it.

        A start that has not looked for so long keeps no room, except a RECOVERY's from drills: where workers are short,
        it may be long before it looks, and a slot that a drill has taken does not come back for an hour.
        """
        mine = self.rank[-2:] == own[-2:]
        real = own.is_drill and not self.rank.is_drill
        lives = real or now - self.seen_at <= stale_seconds
        return self.servers > 0 and not mine and lives and self.claim.until > now and self.rank < own


def place_of(account_id: str, region: str) -> str:
    """Return how claims name an account and Region."""
    return f"{account_id}/{region}"


def claim_of(
    plan: FrozenPlan, waves: Iterable[FrozenWave], *, attempt: int = 1, now: float | None = None
) -> Claim:
    """Return what an execution holds: the servers of its selected waves, for as long as it can last.

    :param now: epoch seconds at which a later attempt begins; default: the execution's start
    """
    selected = [wave for wave in waves if wave.selected]
    places: dict[str, dict[str, str]] = {}
    for wave in selected:
        places.setdefault(place_of(wave.target.account_id, wave.target.region), {})[str(wave.number)] = (
            wave.name
        )
    return Claim(
        execution_id=plan.execution_id,
        execution_type=plan.execution_type.value,
        plan_name=plan.plan_name,
        dag_id=plan.dag_id,
        run_id=plan.dag_run_id,
        attempt=attempt,
        initiated_by=plan.initiated_by or "",
        priority=plan.priority,
        servers={
            f"{place_of(wave.target.account_id, wave.target.region)}/{server.source_server_id}": server.name
            for wave in selected
            for server in wave.servers
        },
        waves=places,
        until=(plan.started_at if now is None else now) + longest_seconds(plan, selected),
    )


#: So often people may let a step be tried again before its execution's claim ends.
MOST_ROUNDS = 3


def longest_seconds(plan: FrozenPlan, waves: Sequence[FrozenWave]) -> float:
    """Return how long an execution can last, in seconds: all its timeouts one after the other, and a margin."""
    waiting = sum(
        wave.queue_timeout_seconds
        + wave.timeout_seconds
        + wave.post_launch_timeout_seconds
        + (
            plan.max_age_seconds
            if wave.gate.policy(plan.execution_type) == "escalate"
            else wave.gate.timeout_seconds
        )
        for wave in waves
    )
    steps = [
        *plan.before_first,
        *plan.after_last,
        *(step for wave in waves for step in (*wave.before, *wave.after)),
    ]
    asking = max((wave.gate.timeout_seconds for wave in waves), default=0)
    waiting += sum(
        MOST_ROUNDS * ((step.retries + 1) * step.timeout_seconds + asking) for step in steps if step.selected
    )
    return waiting + (plan.hold.timeout_seconds if plan.hold.enabled else 0) + MARGIN_SECONDS
