"""Airflow's own API server in this process, with a database, and runs of the stage as its rows."""

from __future__ import annotations

import copy
import json
import os
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from drs_provider.core.task_states import TASK_NOT_BEGUN, TASK_OVER
from tests.contract.repository import PLUGINS
from tests.harness.plan_run import PlanRun
from tests.web.roles import ROLES

#: What a browser sends with a request of the page's own script
OWN = {"sec-fetch-site": "same-origin", "content-type": "application/json"}
#: Where the API server stands, as [api] base_url says
BASE_PATH = "/airflow"
BUNDLE = "dags-folder"


class Moment:
    """A run of the stage as it stands now."""

    def __init__(self, run: PlanRun) -> None:
        self.dag_id = run.dag.dag_id
        self.conf, self.user = dict(run.dag_run.conf), run.dag_run.triggering_user_name
        self.states = dict(run.states)
        self.xcoms = {address: run.xcoms.get(*address) for address in run.xcoms.sizes()}
        self.open = {
            task_id: asked
            for task_id, row in run.rows.items()
            if (asked := copy.deepcopy(run.people.requests.get(row.id))) and asked.response is None
        }
        over = all(state in TASK_OVER for state in self.states.values())
        self.state = ("failed" if "failed" in self.states.values() else "success") if over else "running"

    def told(self, xcoms: Mapping[tuple[str, str], Any]) -> Moment:
        """Return it with other XComs, by task and key."""
        made = copy.copy(self)
        made.xcoms = {**self.xcoms, **xcoms}
        return made

    def renamed(self, old: str, new: str) -> Moment:
        """Return it with something called otherwise in all that tasks have told."""
        made = copy.copy(self)
        before, after = (json.dumps(name)[1:-1] for name in (old, new))
        made.xcoms = {
            address: json.loads(json.dumps(value).replace(before, after))
            for address, value in self.xcoms.items()
        }
        return made


class World:
    """An API server with its database.

    :param url: its address, with the base path
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(timeout=60)
        self._tokens: dict[str, str] = {}

    def token(self, user: str) -> str:
        """Return a user's token."""
        if user not in self._tokens:
            body = {"username": user, "password": f"{user}!"}
            self._tokens[user] = self._http.post(f"{self.url}/auth/token", json=body).json()["access_token"]
        return self._tokens[user]

    def ask(
        self,
        user: str | None,
        path: str,
        method: str = "GET",
        body: Any = None,
        *,
        without: tuple[str, ...] = (),
        **headers: str,
    ) -> httpx.Response:
        """Send a request as the page's own script does; nobody's, where ``user`` is None.

        :param without: headers that are left out
        """
        sent = OWN | {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if name not in without}
        if user is not None:
            sent["cookie"] = f"_token={self.token(user)}"
        content = None if body is None else json.dumps(body)
        self._http.cookies.clear()
        return self._http.request(method, f"{self.url}{path}", content=content, headers=sent)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def pause(self, dag_id: str, *, paused: bool = True) -> None:
        """Pause a DAG, or let it run again."""
        answer = self.ask("otto", f"/api/v2/dags/{dag_id}", "PATCH", {"is_paused": paused})
        answer.raise_for_status()

    def start_other_dag(self, dag_id: str, run_id: str) -> None:
        """Start a run of a DAG that is no plan's."""
        with DAG(dag_id, schedule=None, is_paused_upon_creation=False) as dag:
            EmptyOperator(task_id="work")
        self.store_dags(dag)
        body = {"dag_run_id": run_id, "logical_date": None}
        self.ask("otto", f"/api/v2/dags/{dag_id}/dagRuns", "POST", body).raise_for_status()

    def store_dags(self, *dags: DAG) -> None:
        """Serialize DAGs."""
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

        DagBundlesManager().sync_bundles_to_db()
        bag = DagBag(dag_folder=os.devnull)
        for dag in dags:
            dag.fileloc = "recovery_plans.py"
            dag.relative_fileloc = "recovery_plans.py"
            bag.bag_dag(dag)
        sync_bag_to_db(bag, BUNDLE, None)

    def store_run(self, moment: Moment, run_id: str) -> None:
        """Write a run of the stage as Airflow has it: tasks, XComs, open questions."""
        from airflow.models.hitl import HITLDetail
        from airflow.models.serialized_dag import SerializedDagModel
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        begun = datetime.now(UTC) - timedelta(minutes=10)
        with create_session() as session:
            dag = SerializedDagModel.get_dag(moment.dag_id, session=session)
            assert dag is not None
            stored = dag.create_dagrun(
                run_id=run_id,
                run_after=begun,
                conf=moment.conf,
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.REST_API,
                triggering_user_name=moment.user,
                state=moment.state,
                start_date=begun,
                session=session,
            )
            if moment.state != "running":
                stored.end_date = datetime.now(UTC)
            for number, task in enumerate(stored.get_task_instances(session=session)):
                task.state = moment.states[task.task_id]
                if task.state not in TASK_NOT_BEGUN:
                    task.start_date = begun + timedelta(seconds=10 * number)
                    task.end_date = (
                        task.start_date + timedelta(seconds=30) if task.state in TASK_OVER else None
                    )
                if asked := moment.open.get(task.task_id):
                    session.add(
                        HITLDetail(
                            ti_id=task.id,
                            options=asked.options,
                            subject=asked.subject,
                            body=asked.body,
                            defaults=asked.defaults,
                            params=asked.fields,
                            assignees=[{"id": name, "name": name} for name in asked.approvers] or None,
                            created_at=begun,
                        )
                    )
            session.flush()
            for (task_id, key), value in moment.xcoms.items():
                XComModel.set(
                    key,
                    value,
                    dag_id=moment.dag_id,
                    task_id=task_id,
                    run_id=run_id,
                    serialize=False,  # as the execution API writes what tasks tell
                    session=session,
                )


def _settings(folder: Path, base_url: str) -> Mapping[str, str]:
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({user: f"{user}!" for user in ROLES}))
    return {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.web.people.People",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in ROLES.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__API__BASE_URL": base_url,
        "AIRFLOW__API__SECRET_KEY": "of-the-tests-only" * 3,
        "AIRFLOW__API_AUTH__JWT_SECRET": "of-the-tests-only" * 4,
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [
                {
                    "name": BUNDLE,
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": str(folder)},
                }
            ]
        ),
    }


@contextmanager
def world(folder: Path, monkeypatch: Any) -> Iterator[World]:
    """Start an API server of its own, which stands behind a base path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}{BASE_PATH}"
    for name, value in _settings(folder, url).items():
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings():
        # What the API server's modules import warns.
        warnings.simplefilter("ignore")
        app = _made_app(monkeypatch)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    made = World(url)
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield made
    finally:
        made.close()
        server.should_exit = True
        thread.join()
        _forget()


def _made_app(monkeypatch: Any) -> Any:
    from airflow import settings
    from airflow.api_fastapi import app as airflow_app
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    monkeypatch.setattr(settings, "PLUGINS_FOLDER", str(PLUGINS))
    settings.configure_vars()
    settings.configure_orm()
    with create_session() as session:
        initdb(session=session)
    _forget()
    monkeypatch.setattr(settings, "PLUGINS_FOLDER", str(PLUGINS))
    # Read from [api] base_url when the module is imported.
    monkeypatch.setattr(airflow_app, "API_ROOT_PATH", f"{BASE_PATH}/")
    return airflow_app.create_app()


def _forget() -> None:
    """Forget what Airflow keeps of an API server in a process."""
    from airflow import plugins_manager
    from airflow.api_fastapi import app as airflow_app

    for cached in (
        plugins_manager._get_plugins,
        plugins_manager._get_ui_plugins,
        plugins_manager.get_fastapi_plugins,
    ):
        cached.cache_clear()
    airflow_app.purge_cached_app()
