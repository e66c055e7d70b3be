"""The faults of one execution, each in a thread of its own that waits for its moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.aws import TABLE_OPERATIONS, SimulatedAws
from chaos.components import Components, TaskScanner
from chaos.spec import COMPONENT_OF, KILLS_TASK, PLACES, Fault, Place, RunSpec, Strike
from chaos.stack import Plans
from chaos.tally import Outages, Tally
from drs_provider import keys
from drs_provider.core.task_states import TASK_AT_WORK, TASK_NOT_BEGUN, TASK_OVER

_LOOK_SECONDS = 0.1
#: Longer than the DAG processor needs to see that a plan file has changed.
_PLAN_STAYS_BROKEN_SECONDS = 6.0
_LONGEST_OUTAGE_SECONDS = 40.0


@dataclass
class Tools:
    """What a campaign's executions share."""

    aws: SimulatedAws
    components: Components
    scanner: TaskScanner
    plans: Plans
    tally: Tally
    outages: Outages
    #: Only one execution at a time is where EC2 goes down.
    alone: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Seen:
    """Where an execution stands, as its follower saw it last.

    :param ids: task instance ids by task id
    """

    states: dict[str, str | None] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    over: bool = False
    withdrawn: Callable[[], bool] = lambda: False

    def begun(self, task_id: str) -> bool:
        """Tell whether a task has begun, or never will."""
        return self.over or self.states.get(task_id) not in TASK_NOT_BEGUN - TASK_OVER

    def finished(self, task_id: str) -> bool:
        """Tell whether a task has ended, or never will begin."""
        return self.over or self.states.get(task_id) in TASK_OVER


class Strikes:
    """Injects an execution's faults and takes them away again.

    :param seen: kept up to date by whoever follows the execution
    """

    def __init__(self, spec: RunSpec, tools: Tools, seen: Seen) -> None:
        self._spec = spec
        self._tools = tools
        self._seen = seen
        self._rules: list[tuple[Fault, str]] = []
        self._threads: list[threading.Thread] = []
        self.errors: list[Exception] = []

    def begin(self) -> None:
        """Inject what lasts, and wait for the moments of the rest."""
        for strike in self._spec.strikes:
            self._tools.tally.inject(strike.fault)
            act = self._actions().get(strike.fault)
            if act is None:
                self._last(strike)
            else:
                thread = threading.Thread(target=self._guarded, args=(act, strike), daemon=True)
                self._threads.append(thread)
                thread.start()

    def end(self) -> None:
        """Take everything away and wait until killed components are started again."""
        self._seen.over = True
        for thread in self._threads:
            thread.join()
        for fault, rule in self._rules:
            self._tools.tally.strike(fault, self._tools.aws.withdraw(rule))
        self._rules.clear()

    # -- faults that last from the beginning ----------------------------------------------------------

    def _last(self, strike: Strike) -> None:
        places = {wave.place: PLACES[wave.place] for wave in self._spec.waves}
        first = PLACES[self._spec.waves[0].place]
        if strike.fault is Fault.THROTTLING:
            for place in places.values():
                self._rule(strike.fault, place, code="ThrottlingException", probability=0.3)
                self._rule(strike.fault, place, service="ec2", code="RequestLimitExceeded", probability=0.3)
        elif strike.fault is Fault.LOST_START:
            self._rule(strike.fault, first, operation="StartRecovery", kind="reset", after=True, times=1)
        elif strike.fault is Fault.LOST_TERMINATE:
            operation = "TerminateRecoveryInstances"
            self._rule(strike.fault, first, operation=operation, kind="reset", after=True, times=1)

    def _rule(self, fault: Fault, place: Place, **rule: Any) -> None:
        where = {"account": place.account, "region": place.region}
        self._rules.append((fault, self._tools.aws.inject(**where, **rule)))

    # -- faults with a moment -------------------------------------------------------------------------

    def _actions(self) -> Mapping[Fault, Callable[[Strike], None]]:
        kills: dict[Fault, Callable[[Strike], None]] = dict.fromkeys(KILLS_TASK, self._kill_task)
        components: dict[Fault, Callable[[Strike], None]] = dict.fromkeys(COMPONENT_OF, self._kill_component)
        return {
            **kills,
            **components,
            Fault.SESSIONS_END: self._end_sessions,
            Fault.EC2_DOWN: self._ec2_down,
            Fault.TABLE_DOWN: self._table_down,
            Fault.PLAN_BROKEN: self._break_plan,
        }

    def _guarded(self, act: Callable[[Strike], None], strike: Strike) -> None:
        try:
            act(strike)
        except Exception as error:  # a fault of the harness: the follower raises it in its own thread
            self.errors.append(error)

    def _task_of(self, strike: Strike) -> str:
        moment = strike.moment
        if moment is None:
            raise ValueError(f"a strike without a moment: {strike}")
        return self._spec.task_id(moment.task, moment.wave)

    def _await_moment(self, strike: Strike) -> bool:
        """Wait for the moment of a strike; False if the execution is over before."""
        moment, task_id = strike.moment, self._task_of(strike)
        while not self._seen.over:
            if moment is not None and moment.waiting:
                there = self._seen.states.get(task_id) in TASK_AT_WORK
            else:
                there = self._tools.scanner.find(self._seen.ids.get(task_id, "")) is not None
            if there:
                return self._sleep(moment.delay_seconds if moment else 0.0)
            time.sleep(_LOOK_SECONDS)
        return False

    def _sleep(self, seconds: float) -> bool:
        time.sleep(seconds)
        return not self._seen.over

    def _until(self, ready: Callable[[], bool], limit_seconds: float = float("inf")) -> None:
        deadline = time.monotonic() + limit_seconds
        while not self._seen.over and not ready() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    def _kill_task(self, strike: Strike) -> None:
        if not self._await_moment(strike):
            return
        # The task may have ended within the delay, and may run again (deferred, retried): the next process then.
        while not self._seen.over:
            found = self._tools.scanner.find(self._seen.ids.get(self._task_of(strike), ""))
            worker = strike.fault is Fault.KILL_WORKER
            if found is not None and found.kill(worker=worker, whole=strike.whole):
                self._tools.tally.strike(strike.fault)
                return
            time.sleep(_LOOK_SECONDS)

    def _kill_component(self, strike: Strike) -> None:
        name = COMPONENT_OF[strike.fault]
        if self._await_moment(strike) and self._tools.components.strike(
            name, whole=strike.whole, pause_seconds=strike.pause_seconds
        ):
            self._tools.tally.strike(strike.fault)

    def _end_sessions(self, strike: Strike) -> None:
        if self._await_moment(strike):
            self._tools.tally.strike(strike.fault, self._tools.aws.end_sessions())

    def _ec2_down(self, strike: Strike) -> None:
        if not self._await_moment(strike) or strike.moment is None:
            return
        wave = self._spec.wave(strike.moment.wave)
        place = PLACES[wave.place]
        rule = self._tools.aws.inject(
            service="ec2", account=place.account, region=place.region, kind="raw", status=503
        )
        enrich = self._spec.task_id(keys.ENRICH, wave.number)
        self._until(lambda: self._seen.finished(enrich), _LONGEST_OUTAGE_SECONDS)
        self._tools.tally.strike(strike.fault, self._tools.aws.withdraw(rule))

    def _table_down(self, strike: Strike) -> None:
        name = self._spec.plan
        self._tools.outages.begin(name)
        rule = self._tools.aws.inject(service="dynamodb", operation=TABLE_OPERATIONS, kind="raw", status=503)
        self._until(lambda: not strike.whole and self._seen.begun(keys.CLEANUP_DRILL))
        self._tools.tally.strike(strike.fault, self._tools.aws.withdraw(rule))
        self._tools.outages.end(name)

    def _break_plan(self, strike: Strike) -> None:
        if not self._await_moment(strike):
            return
        plans = self._tools.plans
        plans.spoil(self._spec)
        self._until(lambda: False, _PLAN_STAYS_BROKEN_SECONDS)
        plans.delete(self._spec)
        self._until(self._seen.withdrawn, _LONGEST_OUTAGE_SECONDS)
        if not self._seen.over:
            self._tools.tally.strike(strike.fault)
        self._until(lambda: self._seen.begun(keys.FINALIZE), _LONGEST_OUTAGE_SECONDS)
        plans.write(self._spec)
