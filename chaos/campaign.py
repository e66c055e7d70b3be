"""A campaign: its executions on a few lanes, and the check of everything at the end."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from chaos.aws import SimulatedAws
from chaos.block_runs import BlockLane, BlockRun, check_blocks, of_plans
from chaos.components import Components, TaskScanner
from chaos.facts import RunFacts, Violation, World
from chaos.follow import Follower
from chaos.invariants import check, nothing_of_a_drill_left
from chaos.spec import PLACES, Fault, RunSpec
from chaos.stack import Plans
from chaos.strikes import Tools
from chaos.tally import Outages, Tally
from embedded.processes import StackError
from embedded.stack import Stack

REVIVE_SECONDS = 1.0
#: Far more than the slowest honest way, on a machine that has other work to do: an attempt that takes longer hangs.
BOUND_SECONDS = 1200.0


@dataclass(frozen=True)
class Result:
    """What a campaign came to.

    :param deaths: components that ended without having been killed
    :param anew: components that were started anew for a task that LocalExecutor lost
    """

    seed: int
    runs: tuple[RunFacts, ...]
    world: World
    violations: tuple[Violation, ...]
    tally: Tally
    deaths: dict[str, int]
    anew: dict[str, int]
    elapsed_seconds: float
    blocks: tuple[BlockRun, ...] = ()
    block_kills: int = 0


@dataclass
class Campaign:
    """Runs executions on a stack that is started.

    :param lanes: how many run side by side
    :param ended: told of each execution that has ended, with what is wrong as far as it can be seen by then
    :param moving: told now and then what runs: plan -> what it does
    """

    stack: Stack
    plans: Plans
    specs: Sequence[RunSpec]
    seed: int
    lanes: int = 4
    bound_seconds: float = BOUND_SECONDS
    say: Callable[[str], None] = print
    ended: Callable[[RunFacts, list[Violation]], None] = lambda _facts, _violations: None
    moving: Callable[[dict[str, str]], None] = lambda _doing: None
    _runs: list[RunFacts] = field(default_factory=list)
    _errors: list[Exception] = field(default_factory=list)
    _under_way: dict[str, Follower] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Result:
        """Run every execution, then check what must hold.

        :raises StackError: if the harness itself cannot go on
        """
        began = time.monotonic()
        aws = SimulatedAws(self.stack.simulator_url)
        tools = Tools(aws, Components(self.stack, self.say), TaskScanner(), self.plans, Tally(), Outages())
        waiting: queue.SimpleQueue[RunSpec] = queue.SimpleQueue()
        for spec in self.specs:
            waiting.put(spec)
        ahead = iter(self.specs)
        for _ in range(2 * self.lanes):
            self._announce(ahead)
        lanes = [
            threading.Thread(target=self._lane, args=(waiting, ahead, tools), daemon=True)
            for _ in range(self.lanes)
        ]
        blocks = BlockLane(
            self.stack,
            tools.scanner,
            tools.components,
            self.seed,
            self.bound_seconds,
            # So many end before the executions do.
            most=max(1, len(self.specs) // 3),
        )
        tools.scanner.start()
        blocks.start()
        for lane in lanes:
            lane.start()
        try:
            while any(lane.is_alive() for lane in lanes) or blocks.goes_on(over=not self._under_way):
                tools.components.revive()
                self.moving({plan: follower.doing for plan, follower in dict(self._under_way).items()})
                time.sleep(REVIVE_SECONDS)
        finally:
            self._over.set()
            tools.scanner.stop()
        self._errors += blocks.errors
        if self._errors:
            raise StackError(f"the harness failed: {self._errors[0]!r}") from self._errors[0]
        return self._result(tools, began, blocks)

    def _announce(self, ahead: Iterator[RunSpec]) -> None:
        spec = next(ahead, None)
        if spec is not None:
            self.plans.write(spec)

    def _lane(self, waiting: queue.SimpleQueue[RunSpec], ahead: Iterator[RunSpec], tools: Tools) -> None:
        while not self._over.is_set():
            try:
                spec = waiting.get_nowait()
            except queue.Empty:
                return
            follower = Follower(self.stack, spec, tools, bound_seconds=self.bound_seconds)
            self._under_way[spec.plan] = follower
            try:
                facts = follower.run()
                self._runs.append(facts)
                self.ended(facts, self._seen_so_far(facts, tools))
                self.plans.retire(spec)
                self._announce(ahead)
            except Exception as error:  # told by the campaign's own thread, which raises it
                self._errors.append(error)
                self._over.set()
                return
            finally:
                follower.close()
                del self._under_way[spec.plan]

    @staticmethod
    def _seen_so_far(facts: RunFacts, tools: Tools) -> list[Violation]:
        # The others have not ended, and EC2 may be down for one of them: what concerns those is checked at the end.
        found = check([facts], of_plans(tools.aws.world(with_instances=False)))
        later = nothing_of_a_drill_left.__name__
        return [each for each in found if each.plan == facts.spec.plan and each.rule != later]

    def _result(self, tools: Tools, began: float, blocks: BlockLane) -> Result:
        world = tools.aws.world()
        late = {(place.account, place.region) for place in PLACES.values() if place.late}
        hidden = sum((job.account, job.region) in late for job in world.launches())
        tools.tally.strike(Fault.LATE_JOBS, hidden)
        lost = [call for call in world.calls if call.fault == "reset"]
        tools.tally.struck[Fault.LOST_START] = sum(call.operation == "StartRecovery" for call in lost)
        tools.tally.struck[Fault.LOST_TERMINATE] = len(lost) - tools.tally.struck[Fault.LOST_START]
        tools.aws.close()
        runs = tuple(sorted(self._runs, key=lambda run: run.spec.seed))
        return Result(
            seed=self.seed,
            runs=runs,
            world=world,
            violations=(*check(runs, of_plans(world)), *check_blocks(blocks.runs, world)),
            blocks=tuple(blocks.runs),
            block_kills=blocks.kills,
            tally=tools.tally,
            deaths=dict(tools.components.deaths),
            anew=dict(tools.components.anew),
            elapsed_seconds=time.monotonic() - began,
        )
