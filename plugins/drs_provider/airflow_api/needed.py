"""The semi-private APIs of Airflow that this package uses, and what does not work where an Airflow has not got them.

Nothing of Airflow promises them beyond its own version. So each is imported in a way that bears its absence: only what
depends on it stops, with an error that names it, and the doctor tells of it before anybody needs it.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from drs_provider.exceptions import DrsFailError


@dataclass(frozen=True)
class Need:
    """A semi-private API.

    :param path: ``module:name``
    :param positional: how many arguments of ours are positional
    :param named: names of the other ones
    :param lost: what does not work without it
    :param stops_starts: whether no execution starts without it
    """

    path: str
    lost: str
    positional: int | None = None
    named: frozenset[str] = frozenset()
    stops_starts: bool = False

    def problem(self) -> str | None:
        """Return what this Airflow has not got; None if the API is there and takes our arguments."""
        try:
            found = pkgutil.resolve_name(self.path)
        except (ImportError, AttributeError) as error:
            return f"{self.path} is missing ({error})"
        if self.positional is None:
            return None
        try:
            inspect.signature(found).bind(*[None] * self.positional, **dict.fromkeys(self.named))
        except TypeError as error:
            return f"{self.path} takes other arguments ({error})"
        return None


_ASKING = (
    "gates, holds and steps that ask people; they fail when they would ask, and nothing behind them starts"
)
_STARTS = "every execution: none starts"
_TRIAL = "a DAG that Airflow refuses is not found out beforehand, and takes the DAGs of all plans with it"
_OTHERS = "the sweeper, what looks whether another run still lives, and running a plan from another DAG"
_DAG_RUNS = "steps that run another DAG, and running a plan from one"
_CLIENTS = "every call of AWS: no execution starts"


def _call(path: str, lost: str, positional: int, *named: str, stops_starts: bool = False) -> Need:
    return Need(path, lost, positional, frozenset(named), stops_starts)


_SDK = "airflow.sdk.execution_time"
_AMAZON = "airflow.providers.amazon.aws"
DAG_TRIAL = (
    Need("airflow.settings:get_policy_plugin_manager", _TRIAL),
    _call("airflow.dag_processing.dagbag:DagBag", _TRIAL, 0, "dag_folder", "collect_dags"),
    _call("airflow.dag_processing.dagbag:DagBag.bag_dag", _TRIAL, 2),
    _call("airflow.serialization.serialized_objects:DagSerialization.to_dict", _TRIAL, 1),
)
NEEDS: tuple[Need, ...] = (
    _call(
        f"{_SDK}.hitl:upsert_hitl_detail",
        _ASKING,
        0,
        *("ti_id", "options", "subject", "body", "defaults", "params", "assigned_users"),
    ),
    _call(f"{_SDK}.hitl:get_hitl_detail_content_detail", _ASKING, 0, "ti_id"),
    _call(f"{_SDK}.hitl:update_hitl_detail_response", _ASKING, 0, "ti_id", "chosen_options", "params_input"),
    Need(f"{_SDK}.hitl:HITLUser", _ASKING),
    _call(
        f"{_SDK}.task_runner:RuntimeTaskInstance.get_task_states",
        _STARTS,
        0,
        *("dag_id", "run_ids"),
        stops_starts=True,
    ),
    _call(
        f"{_SDK}.task_runner:RuntimeTaskInstance.get_dagrun_state",
        "runs that are over are not told from such that live: they hold their servers until people end them",
        0,
        *("dag_id", "run_id"),
    ),
    _call(
        f"{_SDK}.task_runner:RuntimeTaskInstance.get_dag",
        "the sweeper does not tell that a run's DAG is paused",
        0,
        "dag_id",
    ),
    _call(
        f"{_SDK}.xcom:XCom.aset",
        "progress while servers launch",
        0,
        "key",
        "value",
        "dag_id",
        "run_id",
        "task_id",
    ),
    _call(
        f"{_SDK}.xcom:XCom.set", _STARTS, 0, "key", "value", "dag_id", "run_id", "task_id", stops_starts=True
    ),
    _call(
        f"{_SDK}.xcom:XCom.aget_one",
        "a waiting drill does not see that a RECOVERY cancels it, before its wait ends",
        0,
        *("key", "dag_id", "run_id", "task_id"),
    ),
    _call("airflow.sdk:Variable.keys", _STARTS, 0, "prefix", stops_starts=True),
    Need("airflow.sdk:NEVER_EXPIRE", _STARTS, stops_starts=True),
    _call(f"{_SDK}.comms:GetDagRun", _OTHERS, 0, "dag_id", "run_id"),
    _call(f"{_SDK}.comms:GetDRCount", _OTHERS, 0, "dag_id", "run_ids"),
    Need(f"{_SDK}.comms:DagRunResult", _OTHERS),
    Need(f"{_SDK}.comms:DRCount", _OTHERS),
    _call(f"{_SDK}.comms:TriggerDagRun", _DAG_RUNS, 0, "dag_id", "run_id", "conf", "note"),
    _call(f"{_SDK}.comms:GetDag", _DAG_RUNS, 0, "dag_id"),
    Need(f"{_SDK}.comms:ErrorResponse", _DAG_RUNS),
    _call(f"{_SDK}.task_runner:RuntimeTaskInstance.get_dr_count", _DAG_RUNS, 0, "dag_id", "run_ids"),
    Need(
        "airflow.sdk.listener:get_listener_manager",
        "waits end through a worker also where nobody listens to tasks: one or two seconds between waves",
    ),
    Need(
        "airflow.triggers.base:TaskSuccessEvent",
        "waits for recoveries: triggers cannot be loaded",
        stops_starts=True,
    ),
    *DAG_TRIAL,
    Need("airflow.cli.cli_config:ActionCommand", "`airflow drs`"),
    _call(f"{_AMAZON}.hooks.base_aws:AwsBaseHook._get_config", _CLIENTS, 2, stops_starts=True),
    _call(
        f"{_AMAZON}.hooks.base_aws:AwsBaseHook.get_session",
        _CLIENTS,
        1,
        *("region_name", "deferrable"),
        stops_starts=True,
    ),
    _call(
        f"{_AMAZON}.utils.connection_wrapper:AwsConnectionWrapper",
        _CLIENTS,
        0,
        *("conn", "region_name", "verify"),
        stops_starts=True,
    ),
)


def missing(needs: tuple[Need, ...] = NEEDS) -> Iterator[tuple[Need, str]]:
    """Yield what this Airflow has not got, each with what is the matter."""
    for need in needs:
        if (problem := need.problem()) is not None:
            yield need, problem


class Missing:
    """Stands for a name that this Airflow has not got: whatever is done with it fails, and names it.

    :param path: ``module:name``
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Fail.

        :raises DrsFailError: always
        """
        raise DrsFailError(
            f"this Airflow has no {self._path}, on which this rests; airflow drs doctor tells what else does. Use a "
            "version of Airflow that docs/operations.md lists"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self()


def optional(path: str) -> Any:
    """Return a semi-private name of Airflow, or what fails when it is used: the import itself never does.

    :param path: ``module:name``
    """
    try:
        return pkgutil.resolve_name(path)
    except (ImportError, AttributeError):
        return Missing(path)
