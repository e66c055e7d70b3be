"""What plans name and a stack must have for them: people who answer, connections that lead to AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drs_provider.plan.files.folder import Catalog, load_catalog, load_people
from drs_provider.plan.model import Plan
from drs_provider.plan.people import People
from embedded.processes import StackError

ADMIN = "admin"
OPERATOR = "dr-operator"
VIEWER = "dr-viewer"
# Airflow's role `user` may trigger and stop runs and answer gates, but not touch connections or variables.
PERSON = "user"
STANDARD_ROLES = {ADMIN: "admin", OPERATOR: PERSON, VIEWER: "viewer"}

CONNECTION = "aws_dr"
ACCOUNT = "111122223333"


@dataclass(frozen=True)
class Needs:
    """Users and connections of a stack.

    :param roles: Airflow role by user name
    :param connections: account (12 digits) that an Airflow connection of that name leads to
    """

    roles: Mapping[str, str] = field(default_factory=lambda: dict(STANDARD_ROLES))
    connections: Mapping[str, str] = field(default_factory=lambda: {CONNECTION: ACCOUNT})

    @classmethod
    def of(cls, plans_folder: Path) -> Needs:
        """Read what the plans of a folder name; broken plans need nothing."""
        roles, connections = dict(STANDARD_ROLES), {CONNECTION: ACCOUNT}
        people, _ = load_people(plans_folder)
        for loaded in load_catalog(plans_folder).plans.values():
            for person in _people(loaded.plan, people):
                roles.setdefault(person, PERSON)
            for target in loaded.plan.targets.values():
                if target.own_account:
                    connections[target.connection] = target.account_id
        return cls(roles, connections)


def _people(plan: Plan, people: People) -> list[str]:
    named = people.logins(plan.named_people)
    # The simple auth manager takes its users as one text: name:role,name:role.
    return [name for name in named if not set(name) & set(":,")]


def dag_id_of(plan_name: str, plans_folder: Path) -> str:
    """Return the DAG of a plan.

    :raises StackError: if there is no such plan, or it does not load; with what is wrong
    """
    catalog = load_catalog(plans_folder)
    if plan_name in catalog.plans:
        return catalog.plans[plan_name].plan.dag_id
    raise StackError("\n".join([f"There is no plan {plan_name!r} to drill.", *_remedies(plan_name, catalog)]))


def _remedies(plan_name: str, catalog: Catalog) -> list[str]:
    problems = catalog.broken.get(plan_name, ())
    return [*map(str, problems)] or [f"Plans in {catalog.folder}: {', '.join(catalog.plans) or 'none'}"]
