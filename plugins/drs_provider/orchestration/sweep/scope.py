"""What a sweep looks at: the plans that are known, and the accounts and Regions that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from drs_provider.core.account import AwsTarget
from drs_provider.core.identity import dag_id_of
from drs_provider.exceptions import DrsError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.files.last_good import LastGoodPlans
from drs_provider.plan.model import Plan

#: Role session name of a sweep's own calls, behind the common prefix.
SESSION = "sweep"
#: What is wrong in one place, or with one execution: told, and the others are looked at all the same.
LOOK_ERRORS = (*AWS_ERRORS, DrsError, ValueError)


@dataclass
class SweepScope:
    """All known plans.

    :param plans: by name: those that load, and the last good form of those that do not
    :param notes: what people should know of the others
    :param failures: plan files of which nothing is known: what they name is not looked at
    """

    plans: dict[str, Plan] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def dag_ids(self) -> set[str]:
        """DAGs of the plans."""
        return {dag_id_of(name) for name in self.plans}

    def places(self) -> Iterator[list[AwsTarget]]:
        """Yield the targets of each account and Region: several ways into the same place, of different plans."""
        places: dict[tuple[str, str], list[AwsTarget]] = {}
        for target in self._targets():
            known = places.setdefault((target.account_id, target.region), [])
            if all(_way(target) != _way(other) for other in known):
                known.append(target)
        yield from (places[place] for place in sorted(places))

    def target_at(self, account_id: str, region: str, *, plan_name: str | None = None) -> AwsTarget | None:
        """Return a way into an account and Region, that of a plan if it has one."""
        fitting = [
            target for target in self._targets() if (target.account_id, target.region) == (account_id, region)
        ]
        own = set(self.plans[plan_name].aws_targets()) if plan_name in self.plans else set()
        return next((target for target in fitting if target in own), fitting[0] if fitting else None)

    def _targets(self) -> Iterable[AwsTarget]:
        return (target for plan in self.plans.values() for target in plan.aws_targets())


def sweep_scope(folder: Path, state_path: Path) -> SweepScope:
    """Return what is known of plans: of their folder, and in their last good form."""
    catalog = load_catalog(folder)
    scope = SweepScope()
    last_good = {plan.name: plan for plan in LastGoodPlans(state_path).kept()}
    scope.plans |= last_good
    scope.plans |= {name: loaded.plan for name, loaded in catalog.plans.items()}
    broken = {Path(problem.file) for problem in catalog.problems}
    known = {file for file in broken if file.stem in last_good}
    if known:
        names = ", ".join(sorted(file.name for file in known))
        scope.notes.append(
            f"{names}: the file does not load; the targets of its last good form were looked at"
        )
    if broken - known:
        names = ", ".join(sorted(file.name for file in broken - known))
        scope.failures.append(
            f"{names}: the file does not load, and no last good form of a plan of that name is known here: what it "
            "names was not looked at. The import errors tell what is wrong with it"
        )
    return scope


def _way(target: AwsTarget) -> tuple[str, str | None, str | None]:
    return (target.connection, target.role, target.external_id)
