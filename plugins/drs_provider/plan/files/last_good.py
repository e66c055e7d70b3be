"""The last good form of every plan, and what Airflow said of it, kept by the DAG processor.

An import error or a vanished DAG makes Airflow ignore the DAG's runs, so a broken plan file would stop its
running executions. The DAG of such a plan therefore stays for ``[drs] withdrawn_plan_days`` in its last good
form: without schedule, and refusing new executions.

That Airflow has taken its DAG is kept for the parses after it, which need not try it again, and for the file that shows
errors, which need not even build it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drs_provider.plan.model import Plan

log = logging.getLogger(__name__)

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class WithdrawnPlan:
    """A plan whose file no longer loads, in its last good form."""

    plan: Plan
    withdrawn_at: float


class LastGoodPlans:
    """A folder with one JSON file for each plan.

    A folder that cannot be read or written costs this protection, not the plans: it is logged and passed over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "plans"

    def remember(self, plan: Plan, taken: str | None = None) -> None:
        """Keep a plan that loads, unless the same content is kept already.

        :param taken: under which conditions Airflow has taken its DAG; None if that says nothing about the next parse
        """
        if not self.remembers(plan, taken):
            content = {"content_hash": plan.content_hash, "taken": taken, "plan": plan.to_dict()}
            self._write(plan.name, content)

    def remembers(self, plan: Plan, taken: str | None) -> bool:
        """Tell whether just this content was kept as taken under just these conditions, and not withdrawn since."""
        stored = self._read(plan.name)
        return (
            stored is not None
            and (stored.get("content_hash"), stored.get("taken")) == (plan.content_hash, taken)
            and "withdrawn_at" not in stored
        )

    def withdrawn(self, loaded: Iterable[str], *, keep_days: int) -> list[WithdrawnPlan]:
        """Return the kept plans that are not among the loaded ones, and forget those past their time."""
        present = set(loaded)
        kept = []
        for file in sorted(self._files()):
            if file.stem not in present and (plan := self._withdraw(file.stem, keep_days)):
                kept.append(plan)
        return kept

    def names(self) -> list[str]:
        """Return the names of all kept plans."""
        return [file.stem for file in self._files()]

    def kept(self, *, but: Container[str] = ()) -> list[Plan]:
        """Return the kept plans that can be used, and change nothing.

        :param but: names of plans that are not asked for, and not read
        """
        names = (name for name in sorted(self.names()) if name not in but)
        plans = (self._usable(self._read(name), name) for name in names)
        return [plan for plan in plans if plan is not None]

    def _withdraw(self, name: str, keep_days: int) -> WithdrawnPlan | None:
        stored = self._read(name)
        if stored is None:
            return None
        if not isinstance(stored.get("withdrawn_at"), int | float):
            stored["withdrawn_at"] = time.time()
            self._write(name, stored)
        if stored["withdrawn_at"] + keep_days * SECONDS_PER_DAY < time.time():
            self._forget(name)
            return None
        plan = self._usable(stored, name)
        return None if plan is None else WithdrawnPlan(plan, stored["withdrawn_at"])

    def _forget(self, name: str) -> None:
        try:
            self.file_of(name).unlink(missing_ok=True)
        except OSError as error:
            log.warning(
                "The last good form of plan %s has passed its time and cannot be removed: %s", name, error
            )

    @staticmethod
    def _usable(stored: dict[str, Any] | None, name: str) -> Plan | None:
        try:
            plan = None if stored is None else Plan.model_validate(stored.get("plan"))
            # A copy under another name would stand in for the plan itself.
            return plan if plan is None or plan.name == name else None
        except ValidationError as error:
            log.warning(
                "The last good form of plan %s is of another version and is not used: %s", name, error
            )
            return None

    def file_of(self, name: str) -> Path:
        """Return the file that keeps a plan."""
        return self._folder / f"{name}.json"

    def _files(self) -> list[Path]:
        try:
            return list(self._folder.glob("*.json"))
        except OSError as error:
            log.warning("The last good plans cannot be listed: %s", error)
            return []

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            stored = json.loads(self.file_of(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("The last good form of plan %s cannot be read: %s", name, error)
            return None
        return stored if isinstance(stored, dict) else None

    def _write(self, name: str, content: dict[str, Any]) -> None:
        target = self.file_of(name)
        temporary = target.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content, sort_keys=True), encoding="utf-8")
            temporary.replace(target)
        except OSError as error:
            log.warning("The last good form of plan %s cannot be kept in %s: %s", name, self._folder, error)
