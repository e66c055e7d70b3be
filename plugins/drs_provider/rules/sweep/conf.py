"""The parameters of a sweep: read strictly, and as the form in Airflow's UI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider.core.account import AwsTarget
from drs_provider.core.texts import clean_data, shown

_TARGET = r"^([0-9]{12}|[a-z]{2,}(-[a-z]+)+-[0-9]+|[0-9]{12}/[a-z]{2,}(-[a-z]+)+-[0-9]+)$"


class SweepConfError(ValueError):
    """The configuration of a sweep has a wrong key or value; the message names it."""


@dataclass(frozen=True)
class SweepConf:
    """The configuration of a sweep.

    :param targets: accounts, Regions or ``account/region`` whose instances are looked at; empty: all
    :param terminate: terminate drill instances that have outlived their time, also those kept on purpose
    :param dry_run: only report, also what would be terminated
    """

    targets: tuple[str, ...] = ()
    terminate: bool = False
    dry_run: bool = False

    def wants(self, target: AwsTarget) -> bool:
        """Tell whether a target is to be looked at."""
        names = {target.account_id, target.region, f"{target.account_id}/{target.region}"}
        return not self.targets or not names.isdisjoint(self.targets)


def parse_sweep_conf(conf: Mapping[str, Any]) -> SweepConf:
    """Read a sweep's configuration.

    :raises SweepConfError: naming every unknown key and wrong value
    """
    conf = clean_data(conf)
    problems = [
        f"`{shown(key)}` is no parameter of a sweep; there are targets, terminate and dry_run"
        for key in sorted(conf.keys() - {"targets", "terminate", "dry_run"})
    ]
    targets = conf.get("targets") or []
    if not isinstance(targets, list) or any(
        not isinstance(item, str) or not re.match(_TARGET, item) for item in targets
    ):
        problems.append("`targets` must be a list of accounts, Regions or account/region")
    flags = {name: False if conf.get(name) is None else conf[name] for name in ("terminate", "dry_run")}
    problems += [
        f"`{name}` must be true or false" for name, value in flags.items() if not isinstance(value, bool)
    ]
    if problems:
        raise SweepConfError("; ".join(problems))
    return SweepConf(tuple(targets), **flags)


def sweep_params(targets: Iterable[AwsTarget] = ()) -> dict[str, dict[str, Any]]:
    """Return name → keyword arguments for Airflow's ``Param``.

    :param targets: what the form offers
    """
    known = sorted({f"{target.account_id}/{target.region}" for target in targets})
    return {
        "targets": {
            "default": [],
            "title": "Targets",
            "description": "Whose drill instances are looked at: accounts, Regions or account/region; empty: all "
            "targets of all plans. Records are swept in any case.",
            "section": "What to sweep",
            "type": ["array", "null"],
            "items": {"type": "string", "pattern": _TARGET},
            "uniqueItems": True,
            "examples": known,
        },
        "terminate": {
            "default": False,
            "title": "Terminate",
            "description": "Terminate the drill instances of this Airflow that have outlived their time, also those "
            "that were kept on purpose. Without it, `[drs] sweep_terminate` decides, and what was kept stays.",
            "section": "What to do",
            "type": "boolean",
        },
        "dry_run": {
            "default": False,
            "title": "Dry run",
            "description": "Only report: no record is closed, nothing is terminated.",
            "section": "What to do",
            "type": "boolean",
        },
    }
