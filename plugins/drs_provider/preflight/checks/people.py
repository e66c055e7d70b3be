"""Whether there are people who can open the gates."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from drs_provider.plan.people import People
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import RunScope
from drs_provider.rules.execution.freezing import freeze_gate, replaces_live
from drs_provider.rules.execution.frozen import FrozenGate


def gates_can_be_opened(run: RunScope) -> Iterator[Finding]:
    """Yield a finding for every gate that nobody, or too few people, may approve."""
    if run.people is None:
        return
    for wave in run.waves:
        members = [server.resolved for server in run.servers_of(wave, partly=True) or ()]
        gate = freeze_gate(run.plan, run.conf, wave, replaces=replaces_live(run.conf, members))
        if gate.armed_by is None or not gate.approvers or _enough(gate, run.people, run.initiated_by):
            continue
        others = [
            login for login in gate.emergency_approvers if not run.people.same_person(login, run.initiated_by)
        ]
        names = ", ".join(map(run.people.told, (*gate.approvers, *gate.escalate_to)))
        needed = f"{gate.people} different people" if gate.people > 1 else "somebody"
        but = f" other than {run.initiated_by}, who starts it," if gate.exclude_initiator else ""
        alone = f"; only an emergency approver can open it: {', '.join(others)}" if others else ""
        yield run.finding(
            "gate_cannot_be_opened",
            f"wave {wave.name}",
            f"{needed}{but} must approve its gate, and these may: {names}{alone}",
            "Add people to the plan's approvers, or to their teams in the library, or let somebody else start it.",
            milder=bool(others),
        )


def _enough(gate: FrozenGate, people: People, initiator: str) -> bool:
    logins = [
        login
        for login in people.logins((*gate.approvers, *gate.escalate_to))
        if not (gate.exclude_initiator and people.same_person(login, initiator))
    ]
    if gate.people == 1:
        return bool(logins)
    return any(not people.same_person(one, other) for one, other in combinations(logins, 2))
