"""What a runbook is made of: the resolved plan, in the order in which people work through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drs_provider.core.identity import runbook_execution_id
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan
from drs_provider.plan.people import NOBODY, People
from drs_provider.plan.steps.base import Place, StepModel
from drs_provider.rules.execution.freezing import ResolvedServer, RunIdentity, freeze_header, freeze_waves
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave

AROUND = 0
"""Stands for the number of a wave in steps before the first and after the last one."""


class RunbookError(ValueError):
    """There is no runbook of this plan; the message says why."""


@dataclass(frozen=True)
class Runbook:
    """A resolved plan, and what preflight said of it when it was written.

    :param stages: numbers of waves that have servers; the waves of a stage can be recovered at the same time
    :param waves: the selected waves
    :param steps: (number of a wave or :data:`AROUND`, place) → its steps that this type of execution runs
    :param initiators: logins, as all names of people: teams are resolved when it is written
    :param same_person: logins that may be one person
    :param findings: what preflight found, the worst first, as texts
    :param written_at: epoch seconds
    """

    plan: FrozenPlan
    waves: tuple[FrozenWave, ...]
    stages: tuple[tuple[int, ...], ...]
    steps: Mapping[tuple[int, Place], tuple[StepModel, ...]]
    initiators: tuple[str, ...]
    same_person: tuple[tuple[str, str], ...]
    network: str
    findings: tuple[str, ...]
    written_at: float

    @property
    def stem(self) -> str:
        """Name of its files without suffix, beside others of the same plan."""
        return f"runbook-{self.plan.execution_type.lower()}"

    def wave(self, number: int) -> FrozenWave:
        """Return one of its waves."""
        return next(wave for wave in self.waves if wave.number == number)


def runbook_of(
    plan: Plan,
    conf: RunConf,
    servers: Mapping[str, Sequence[ResolvedServer]],
    snapshots: Mapping[str, str],
    *,
    written_at: float,
    findings: Sequence[str] = (),
    people: People = NOBODY,
) -> Runbook:
    """Return the runbook of a resolved plan.

    :param servers: the servers of each protection group of the selected waves, as preflight resolved them
    :param snapshots: server → point in time, as preflight chose them; others are launched from the latest
    :param people: teams and persons as they are now
    :raises RunbookError: if a group could not be resolved, or there is no server at all
    """
    selected = conf.selected_waves(plan)
    missing = sorted({group for wave in selected for group in wave.groups if group not in servers})
    if missing:
        raise RunbookError(
            f"the servers of {', '.join(missing)} are not known, so plan {plan.name} has no runbook"
        )
    identity = RunIdentity(
        execution_id=runbook_execution_id(plan.content_hash, conf.execution_type, written_at),
        dag_id=plan.dag_id,
        dag_run_id="runbook",
        run_after=written_at,
        started_at=written_at,
        initiated_by="",
    )
    header = freeze_header(plan, conf, identity, given_conf={})
    waves = tuple(
        _with_logins(wave, people) for wave in freeze_waves(plan, conf, servers, snapshots) if wave.selected
    )
    stages = _stages(header, {wave.number for wave in waves if wave.servers})
    if not stages:
        raise RunbookError(f"the waves of plan {plan.name} have no servers, so there is no runbook")
    return Runbook(
        plan=header,
        waves=waves,
        stages=stages,
        steps=_steps(plan, conf),
        initiators=_logins(people, plan.recovery.initiators) if not header.is_drill else (),
        same_person=tuple(_same_person(people, people.logins(plan.named_people))),
        network=_network(plan) if header.is_drill else "",
        findings=tuple(findings),
        written_at=written_at,
    )


def _with_logins(wave: FrozenWave, people: People) -> FrozenWave:
    """Return a wave whose gate names all who may approve, those who would be asked later as well."""
    logins = _logins(people, (*wave.gate.approvers, *wave.gate.escalate_to))
    return wave.model_copy(update={"gate": wave.gate.model_copy(update={"approvers": logins})})


def _logins(people: People, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the logins of a list; where nobody is in its teams, the list itself, so that it is not taken for empty."""
    return people.logins(names) or names


def _same_person(people: People, logins: Sequence[str]) -> Iterator[tuple[str, str]]:
    for one in logins:
        for other in {login for person in people.persons.values() if one in person for login in person}:
            if other != one:
                yield one, other


def _stages(plan: FrozenPlan, numbers: set[int]) -> tuple[tuple[int, ...], ...]:
    """Return these waves in stages, each after all that it depends on, through waves that are left out too."""
    depends = {wave.number: wave.depends_on for wave in plan.waves}
    levels: dict[int, int] = {}

    def level(number: int) -> int:
        if number not in levels:
            before = max((level(other) for other in depends[number]), default=0)
            levels[number] = before + (number in numbers)
        return levels[number]

    stages: dict[int, list[int]] = {}
    for number in sorted(numbers):
        stages.setdefault(level(number), []).append(number)
    return tuple(tuple(stages[key]) for key in sorted(stages))


def _steps(plan: Plan, conf: RunConf) -> dict[tuple[int, Place], tuple[StepModel, ...]]:
    listed: dict[tuple[int, Place], tuple[StepModel, ...]] = {
        (AROUND, "before_first"): plan.before_first,
        (AROUND, "after_last"): plan.after_last,
    }
    for wave in conf.selected_waves(plan):
        number = plan.wave_number(wave.name)
        listed |= {(number, "before"): wave.before, (number, "after"): wave.after}
    chosen = {
        key: tuple(step for step in steps if step.runs_in(conf.execution_type))
        for key, steps in listed.items()
    }
    return {key: steps for key, steps in chosen.items() if steps}


def _network(plan: Plan) -> str:
    if plan.network is None:
        return "nothing: the plan has no network.drill"
    allowed = plan.network.drill.model_dump(exclude_defaults=True)
    return "; ".join(f"{name.removeprefix('allowed_')} {', '.join(ids)}" for name, ids in allowed.items())
