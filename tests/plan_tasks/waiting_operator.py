"""An operator as providers have them: it defers under a method of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator


class WaitingOperator(BaseOperator):
    """Waits a minute, twice, then returns its text, or fails with it."""

    template_fields = ("text",)
    calls: ClassVar[list[str]] = []

    def __init__(self, *, text: str, fails: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.fails = fails

    def execute(self, context: Any) -> None:
        self.calls.append("execute")
        self._wait("first", "a")

    def first(self, context: Any, event: Any, word: str) -> None:
        self.calls.append(f"first {word}")
        self._wait("second", "b")

    def second(self, context: Any, event: Any, word: str) -> str:
        self.calls.append(f"second {word}")
        if self.fails:
            raise RuntimeError(self.text)
        return f"{self.text} in {context['run_id'][:6]}"

    def on_kill(self) -> None:
        self.calls.append("on_kill")

    def _wait(self, method: str, word: str) -> None:
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=60)), method_name=method, kwargs={"word": word})
