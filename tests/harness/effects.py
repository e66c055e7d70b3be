"""What workers do to the world, one effect after the other, and where one of them is to die.

Between two effects a worker only reads and thinks: to the world it is the same wherever in between it dies. So the
points just before each effect, and the one after the last, are all the points at which a death can matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

#: AWS operations that change nothing.
READING = ("Describe", "Get", "List", "Query", "Scan", "BatchGet", "Simulate", "AssumeRole")
#: What a task hands to Airflow when it ends or defers.
THE_END = "end of the task's process"


class WorkerKilled(BaseException):
    """The worker's process is gone in the middle of a task: nothing of the task's own runs any more."""


def changes_something(operation: str) -> bool:
    """Tell whether an AWS operation is an effect."""
    return not operation.startswith(READING)


def _survives(number: int) -> bool:
    del number
    return False


@dataclass
class Effects:
    """The effects of every task of a stage, in order.

    :param seen: task id -> what it did, over all its tries
    :param died: where workers were killed: task id, number of the effect, the effect that did not happen
    :param dies: task id -> whether its worker dies before the effect of a number
    """

    seen: dict[str, list[str]] = field(default_factory=dict)
    died: list[tuple[str, int, str]] = field(default_factory=list)
    dies: dict[str, Callable[[int], bool]] = field(default_factory=dict)
    _chance: float = 0.0
    _most: int = 0
    _random: Random = field(default_factory=Random)

    def kill_before(self, task_id: str, *numbers: int) -> None:
        """Let the worker die just before the n-th effects (1-based) of a task, counted over all its tries."""
        self.dies[task_id] = numbers.__contains__

    def kill_at_random(self, seed: int, *, chance: float, most: int) -> None:
        """Let workers die at random, with this chance before each effect, at most so often."""
        self._random, self._chance, self._most = Random(seed), chance, most

    def about_to(self, task_id: str, what: str) -> None:
        """Note an effect that is about to happen.

        :raises WorkerKilled: if it shall not
        """
        seen = self.seen.setdefault(task_id, [])
        seen.append(what)
        number = len(seen)
        struck = len(self.died) < self._most and self._random.random() < self._chance
        if struck or self.dies.get(task_id, _survives)(number):
            self.died.append((task_id, number, what))
            raise WorkerKilled(f"{task_id}: before effect {number}, {what}")
