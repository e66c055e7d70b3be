"""What one execution of a campaign is: its plan, its world, what people do, and what goes wrong. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What can go wrong, by the name that the summary shows."""

    KILL_TASK = "kill task process"
    KILL_WORKER = "kill worker"
    KILL_TRIGGERER = "kill triggerer"
    KILL_SCHEDULER = "kill scheduler"
    KILL_DAG_PROCESSOR = "kill DAG processor"
    KILL_API_SERVER = "kill API server"
    THROTTLING = "30 % throttling"
    LOST_START = "answer of StartRecovery lost"
    LOST_TERMINATE = "answer of Terminate lost"
    SESSIONS_END = "tokens expire"
    TABLE_DOWN = "DynamoDB down"
    EC2_DOWN = "EC2 down"
    LATE_JOBS = "jobs late, tags never"
    PLAN_BROKEN = "plan file broken, deleted"


#: The component (of embedded.stack) that a fault kills.
COMPONENT_OF = {
    Fault.KILL_TRIGGERER: "triggerer",
    Fault.KILL_SCHEDULER: "scheduler",
    Fault.KILL_DAG_PROCESSOR: "dag-processor",
    Fault.KILL_API_SERVER: "api-server",
}
#: Faults that kill what executes a task.
KILLS_TASK = (Fault.KILL_TASK, Fault.KILL_WORKER)
#: Tasks of a wave with a runbook, after `enrich`.
STEP_TASKS = ("after_ec2_status", "after_runbook", "decide")


class Behaviour(StrEnum):
    """What becomes of a server when DRS launches it."""

    LAUNCHES = "launches"
    FAILS_ONCE = "fails once"
    FAILS_ALWAYS = "fails always"
    NO_INSTANCE = "no instance"  # LAUNCHED, and EC2 knows no such instance
    NAMED_INSTANCE = "named instance"  # LAUNCHED, and the job names its instance, as no recorded one does


@dataclass(frozen=True)
class Place:
    """An account and Region of the simulated AWS.

    :param role: role to assume there; empty for the connection's own account
    :param late: whether DRS shows jobs 20 s late there, and never their tags
    """

    key: str
    account: str
    region: str
    role: str = ""
    late: bool = False


OWN_ACCOUNT = "111122223333"
BRANCH_ACCOUNT = "222233334444"
ROLE = "DRSOrchestrationRole"
EXTERNAL_ID = "erp-dr-7f3a"

PLACES = {
    place.key: place
    for place in (
        Place("own", OWN_ACCOUNT, "eu-west-1"),
        Place("branch", BRANCH_ACCOUNT, "eu-central-1", ROLE),
        Place("own_late", OWN_ACCOUNT, "eu-north-1", late=True),
        Place("branch_late", BRANCH_ACCOUNT, "eu-west-3", ROLE, late=True),
        # For executions whose EC2 goes down: those of others could not be checked before they start, and be refused.
        Place("own_alone", OWN_ACCOUNT, "eu-west-2"),
        Place("branch_alone", BRANCH_ACCOUNT, "eu-south-1", ROLE),
    )
}


@dataclass(frozen=True)
class Server:
    """A source server of one execution's plan; no other plan has it.

    :param critical: whether its wave fails with it
    :param live: an instance that exists before: "" none, "drill" forgotten by an earlier drill, "live" from a
        real failover
    """

    id: str
    name: str
    critical: bool = True
    behaviour: Behaviour = Behaviour.LAUNCHES
    live: str = ""


@dataclass(frozen=True)
class Wave:
    """A wave (1-based number) of one execution's plan.

    :param runbook: the SSM Automation document that a step after the launches runs, beside a check; "": no steps
    """

    number: int
    name: str
    place: str
    servers: tuple[Server, ...]
    depends_on: tuple[int, ...] = ()
    gate: bool = False
    min_launched: int = 0
    runbook: str = ""


@dataclass(frozen=True)
class Moment:
    """When a fault strikes: so many real seconds after a task has begun to run, or to wait.

    :param task: a task's name without its wave: ``prepare``, ``gate``, ``start_recovery``, ``finalize`` …
    :param wave: the wave of that task, 0 for tasks without one
    :param waiting: count from when the task was seen at work, also deferred or asking people, instead of from the
        start of its process
    """

    task: str
    wave: int = 0
    delay_seconds: float = 0.0
    waiting: bool = False


@dataclass(frozen=True)
class Strike:
    """A fault that will be injected.

    :param moment: None for faults that begin with the execution
    :param whole: with a component, everything it started dies too; with the table, it is down to the very end
    :param pause_seconds: how long a killed component stays away
    """

    fault: Fault
    moment: Moment | None = None
    whole: bool = False
    pause_seconds: float = 0.0


@dataclass(frozen=True)
class People:
    """What people do to an execution.

    :param rejects_gate: wave whose gate they reject; 0: they approve all
    :param stops_at_wave: wave in the middle of which they mark the run failed; 0: none
    :param retries: how often they clear the failed waves of a red run
    """

    rejects_gate: int = 0
    stops_at_wave: int = 0
    retries: int = 0


@dataclass(frozen=True)
class RunSpec:
    """One execution of a campaign, made from its seed alone."""

    seed: int
    execution_type: str
    waves: tuple[Wave, ...]
    people: People = People()
    strikes: tuple[Strike, ...] = field(default=())

    @property
    def plan(self) -> str:
        """Name of the plan."""
        return f"chaos_{self.seed}"

    @property
    def dag_id(self) -> str:
        """The plan's DAG."""
        return f"drs_{self.plan}"

    @property
    def is_drill(self) -> bool:
        """Whether what is launched is meant to go again."""
        return self.execution_type == "DRILL"

    @property
    def servers(self) -> tuple[Server, ...]:
        """Servers of all waves."""
        return tuple(server for wave in self.waves for server in wave.servers)

    @property
    def refused(self) -> bool:
        """Whether the execution must not start: it would destroy a live instance."""
        return any(server.live == "live" for server in self.servers)

    def wave(self, number: int) -> Wave:
        """Return a wave by its number."""
        return self.waves[number - 1]

    def task_id(self, task: str, wave: int) -> str:
        """Return the task id of a task in the plan's DAG."""
        if task == "gate":
            return f"gate_{wave}"
        return f"wave_{wave}_{self.wave(wave).name}.{task}" if wave else task

    def has(self, fault: Fault) -> bool:
        """Tell whether a kind of fault is among the strikes."""
        return any(strike.fault is fault for strike in self.strikes)
