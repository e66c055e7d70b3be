"""The trigger that waits for all subjects of a step: it looks, and tells what it saw."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from random import Random
from typing import Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

from drs_provider.core.account import AwsTarget
from drs_provider.core.texts import message
from drs_provider.exceptions import DrsError, DrsFailError
from drs_provider.hooks.aws.errors import AWS_ERRORS, is_transient
from drs_provider.rules.steps.results import Look, Subject
from drs_provider.triggers.steps.lookers import open_looker
from drs_provider.triggers.steps.scene import Looker, Scene

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 30.0
_GROWTH: Final = 1.6
_JITTER: Final = 0.2
#: What a look may fail with; anything else is a mistake of ours.
_LOOK_ERRORS: Final = (*AWS_ERRORS, DrsError, OSError, TimeoutError)


async def pause(seconds: float) -> None:
    """Wait for the next look."""
    await asyncio.sleep(seconds)


class DrsStepTrigger(BaseTrigger):
    """Looks at all subjects of a step until each has passed or failed, or the deadline has passed.

    The deadline is absolute, so that a restarted triggerer does not begin anew. It holds no credentials. It ends with
    ``{"results": {key: {"state", "output", "handle", "at", "timed_out"}}}``: ``state`` is passed or failed, ``at`` when
    that was seen (epoch seconds); with ``timed_out`` what the handle names may still be at work.

    :param step: the frozen step as plain data; its ``networks`` are all that a look of a drill may go to
    :param subjects: key, name and values of each
    :param target: the account to act in, None for steps that call no AWS
    :param deadline: epoch seconds
    :param handles: key → handle of what was begun for it
    """

    def __init__(
        self,
        *,
        step: dict[str, Any],
        subjects: list[dict[str, Any]],
        target: dict[str, Any] | None,
        execution_id: str,
        deadline: float,
        handles: dict[str, str] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.step = step
        self.subjects = subjects
        self.target = target
        self.execution_id = execution_id
        self.deadline = deadline
        self.handles = handles or {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "step": self.step,
                "subjects": self.subjects,
                "target": self.target,
                "execution_id": self.execution_id,
                "deadline": self.deadline,
                "handles": self.handles,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until everything is decided."""
        yield TriggerEvent({"results": await Watch(self._scene(), self.handles).results()})

    def _scene(self) -> Scene:
        subjects = [Subject(item["key"], item["name"], item["values"]) for item in self.subjects]
        target = AwsTarget.from_dict(self.target) if self.target else None
        return Scene(self.step, subjects, target, self.execution_id, self.deadline)


class Watch:
    """Looks at the subjects of one step, each at its own pace."""

    def __init__(self, scene: Scene, handles: Mapping[str, str]) -> None:
        self._scene = scene
        self._random = Random()
        self._at_a_time = asyncio.Semaphore(max(1, int(scene.step.get("parallel") or 1)))
        self._at: dict[str, float] = {}
        self._last = {
            subject.key: Look("waiting", "", handles.get(subject.key)) for subject in scene.subjects
        }

    async def results(self) -> dict[str, dict[str, Any]]:
        """Return what became of each subject, by key."""
        pauses = _pauses(self._random)
        while self._open():
            try:
                async with open_looker(self._scene) as looker:
                    await self._look_at_all(looker)
            except _LOOK_ERRORS as error:
                self._cannot_look(error)
            if self._open() and not await self._paused(next(pauses)):
                break
        return {key: self._result(key) for key in self._last}

    def _open(self) -> list[Subject]:
        return [subject for subject in self._scene.subjects if self._last[subject.key].state == "waiting"]

    async def _look_at_all(self, looker: Looker) -> None:
        async with asyncio.TaskGroup() as group:
            for subject in self._open():
                group.create_task(self._follow(looker, subject))

    async def _follow(self, looker: Looker, subject: Subject) -> None:
        handle = self._last[subject.key].handle
        looking, following = _pauses(self._random), _pauses(self._random)
        while True:
            async with self._at_a_time:
                look = self._last[subject.key] = await self._look(looker, subject)
            self._at[subject.key] = time.time()
            if look.state != "waiting":
                log.info("%s: %s, %s", subject.name, look.state, look.output)
                return
            if look.handle != handle:  # something else is under way: its end is looked for soon
                handle, following = look.handle, _pauses(self._random)
            if not await self._paused(next(looking if handle is None else following)):
                return

    async def _look(self, looker: Looker, subject: Subject) -> Look:
        handle = self._last[subject.key].handle
        try:
            return await looker.look(subject, handle)
        except _LOOK_ERRORS as error:
            return self._unseen(error, handle)

    def _unseen(self, error: Exception, handle: str | None) -> Look:
        """What a look that failed means: a check has failed if looking again would not help.

        What an action has begun goes on, whether or not it can be seen: it is waited for until the deadline.
        """
        lasts = isinstance(error, DrsFailError) or not is_transient(error)
        final = lasts and self._scene.step["is_check"]
        return Look("failed" if final else "waiting", message(str(error)), handle)

    def _cannot_look(self, error: Exception) -> None:
        for subject in self._open():
            self._last[subject.key] = self._unseen(error, self._last[subject.key].handle)

    async def _paused(self, seconds: float) -> bool:
        """Wait for the next look; False if there is none any more."""
        left = self._scene.deadline - time.time()
        if left <= 0:
            return False
        await pause(min(seconds, left))
        return True

    def _result(self, key: str) -> dict[str, Any]:
        look = self._last[key]
        late = look.state == "waiting"
        output = f"timed out: {look.output or 'nothing was seen'}" if late else look.output
        return {
            "state": "failed" if late else look.state,
            "output": output,
            "handle": look.handle,
            "at": self._at.get(key) or time.time(),
            "timed_out": late,
        }


def _pauses(random: Random) -> Iterator[float]:
    seconds = FIRST_PAUSE_SECONDS
    while True:
        yield seconds * random.uniform(1 - _JITTER, 1 + _JITTER)
        seconds = min(seconds * _GROWTH, LONGEST_PAUSE_SECONDS)
