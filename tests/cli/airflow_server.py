"""A small HTTP server with the routes of Airflow's API that the command line uses, over a scripted state."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from drs_provider import keys

PASSWORDS = {"dr-operator": "secret-1", "dr-approver-1": "secret-2"}
WAVES = {1: "database", 2: "application"}


def iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat()


@dataclass
class Refuse(Exception):
    """An answer other than 200."""

    status: int
    detail: Any = "no"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Run:
    """One run with its tasks, XComs and open questions."""

    dag_id: str
    run_id: str
    state: str = "running"
    conf: dict[str, Any] = field(default_factory=dict)
    user: str = "dr-operator"
    began: float = field(default_factory=lambda: datetime.now(UTC).timestamp() - 60)
    tasks: dict[str, str | None] = field(default_factory=dict)
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    questions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        ended = self.state in ("success", "failed")
        return {
            "dag_id": self.dag_id,
            "dag_run_id": self.run_id,
            "state": self.state,
            "conf": self.conf,
            "run_after": iso(self.began),
            "start_date": iso(self.began),
            "end_date": iso(self.began + 50) if ended else None,
            "triggering_user_name": self.user,
            "dag_display_name": "A plan",
            "note": None,
        }

    def ask(self, task_id: str, *, approvers: tuple[str, ...] = (), body: str = "Look.") -> None:
        self.tasks[task_id] = "deferred"
        options = ["Passed", "Failed"] if task_id == keys.HOLD_DRILL else ["Approve", "Reject", "Skip wave"]
        self.questions[task_id] = {
            "subject": "Go on?",
            "body": body,
            "options": options,
            "params": {},
            "assigned_users": [{"id": name, "name": name} for name in approvers],
            "created_at": iso(self.began + 10),
        }


def new_run(run_id: str = "CHG1", plan: str = "erp", **changes: Any) -> Run:
    """A run whose plan of two waves is frozen, and of which nothing has begun."""
    tasks: dict[str, str | None] = {keys.PREPARE: "success"}
    for number, name in WAVES.items():
        tasks[keys.gate_task_id(number)] = None
        for task in (keys.START_RECOVERY, keys.WAIT_FOR_RECOVERY, keys.ENRICH):
            tasks[keys.wave_task_id(number, name, task)] = None
    tasks |= {keys.HOLD_DRILL: None, keys.CLEANUP_DRILL: None, keys.FINALIZE: None}
    run = Run(f"drs_{plan}", run_id, tasks=tasks, **changes)
    header = {
        "execution_id": f"id-{run_id}",
        "execution_type": "DRILL",
        "plan_title": "A plan",
        "run_after": run.began,
        "started_at": run.began,
        "max_age_seconds": 43_200,
        "hold": {"enabled": True, "timeout_seconds": 3600, "on_timeout": "cleanup"},
        "objectives": {"rto_minutes": 120},
        "waves": [
            {
                "number": number,
                "name": name,
                "selected": True,
                "depends_on": [number - 1] if number > 1 else [],
            }
            for number, name in WAVES.items()
        ],
    }
    run.xcoms[keys.PREPARE, keys.FROZEN_PLAN] = {"payload": header}
    for number, name in WAVES.items():
        run.xcoms[keys.PREPARE, keys.frozen_wave_key(number)] = {"payload": _frozen_wave(number, name)}
    return run


def _frozen_wave(number: int, name: str) -> dict[str, Any]:
    target = {
        "name": "main",
        "connection": "aws_dr",
        "account_id": "111122223333",
        "region": "eu-west-1",
        "own_account": True,
        "role": None,
        "external_id": None,
    }
    return {
        "number": number,
        "name": name,
        "depends_on": [number - 1] if number > 1 else [],
        "groups": [name],
        "target": target,
        "servers": [{"source_server_id": f"s-{number}{each}", "name": f"{name}-{each}"} for each in (1, 2)],
        "post_launch_timeout_seconds": 1800,
        "timeout_seconds": 5400,
        "queue_timeout_seconds": 3600,
        "gate": {"timeout_seconds": 3600},
    }


def complete(run: Run, *numbers: int) -> None:
    """Let waves have completed."""
    for number in numbers:
        name = WAVES[number]
        run.tasks[keys.gate_task_id(number)] = "success"
        for task in (keys.START_RECOVERY, keys.WAIT_FOR_RECOVERY, keys.ENRICH):
            run.tasks[keys.wave_task_id(number, name, task)] = "success"
        rows = [{"sourceServerId": f"s-{number}{each}", "launchStatus": "LAUNCHED"} for each in (1, 2)]
        enrich = keys.wave_task_id(number, name, keys.ENRICH)
        run.xcoms[enrich, keys.WAVE_RESULT] = {"status": "COMPLETED", "serverStatuses": rows}


def end(run: Run, status: str, waves: dict[int, str] | None = None) -> dict[str, Any]:
    """End a run with a record, and return that."""
    statuses = waves or dict.fromkeys(WAVES, "COMPLETED")
    run.state = "success" if status == "COMPLETED" else "failed"
    run.tasks[keys.FINALIZE] = "success" if status == "COMPLETED" else "failed"
    attempt = {"attempt": 1, "status": status, "startTime": run.began, "endTime": run.began + 50}
    record: dict[str, Any] = {
        "executionId": f"id-{run.run_id}",
        "planId": run.dag_id.removeprefix("drs_"),
        "planName": "A plan",
        "executionType": "DRILL",
        "status": status,
        "attempt": 1,
        "attempts": [attempt],
        "startTime": run.began,
        "endTime": run.began + 50,
        "durationSeconds": 50.0,
        "expectedDuration": 1000,
        "initiatedBy": run.user,
        "dagId": run.dag_id,
        "dagRunId": run.run_id,
        "objectives": {"rtoMinutes": 120},
        "totalWaves": len(WAVES),
        "completedWaves": list(statuses.values()).count("COMPLETED"),
        "failedWaves": list(statuses.values()).count("FAILED"),
        "currentWave": 2,
        "verdict": {"result": "passed", "by": "dr-operator"},
        "waves": [
            {
                "waveNumber": number,
                "waveName": WAVES[number],
                "status": each,
                "attempt": 1,
                "selected": True,
                "executionMode": "DRILL",
                "startTime": run.began,
                "endTime": run.began + 20 * number,
                "serverStatuses": [],
            }
            for number, each in statuses.items()
        ],
    }
    run.xcoms[keys.FINALIZE, keys.EXECUTION_RECORD] = record
    return record


class AirflowServer:
    """The server; ``script`` may answer or refuse any request before the state does."""

    def __init__(self) -> None:
        self.dags: dict[str, dict[str, Any]] = {}
        self.runs: dict[tuple[str, str], Run] = {}
        self.health: dict[str, Any] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.users: list[str] = []
        self.script: Callable[[str, str, Any], Any] = lambda _method, _path, _body: None
        self.answered: Callable[[Run, str, dict[str, Any]], None] = settle
        self.tokens_end = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add_plan(self, plan: str, **changes: Any) -> None:
        self.dags[f"drs_{plan}"] = {
            "dag_id": f"drs_{plan}",
            "description": f"Recovery plan {plan}",
            "is_paused": False,
            "is_stale": False,
            "has_import_errors": False,
            "tags": [{"name": "drs"}],
        } | changes

    def add(self, run: Run) -> Run:
        if run.dag_id not in self.dags:
            self.add_plan(run.dag_id.removeprefix("drs_"))
        self.runs[run.dag_id, run.run_id] = run
        return run

    def sent(self, method: str, part: str) -> list[Any]:
        """Bodies of the requests of a method whose path contains a text."""
        return [body for each, path, body in self.requests if each == method and part in path]

    def handle(self, method: str, target: str, body: Any, authorization: str) -> Any:
        split = urlsplit(target)
        path = unquote(split.path)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        self.requests.append((method, path, body))
        if path == "/auth/token":
            if PASSWORDS.get(body["username"]) != body["password"]:
                raise Refuse(401, "Invalid credentials")
            self.users.append(body["username"])
            return {"access_token": f"token-{body['username']}-{len(self.users)}"}
        if not authorization.startswith("Bearer token-"):
            raise Refuse(401, "Not authenticated")
        if self.tokens_end:
            self.tokens_end = False
            raise Refuse(401, "Token Expired")
        scripted = self.script(method, path, body)
        if scripted is not None:
            return scripted
        user = authorization.removeprefix("Bearer token-").rpartition("-")[0]
        return self._route(method, path.removeprefix("/api/v2/").split("/"), query, body, user)

    def _route(self, method: str, parts: list[str], query: dict[str, str], body: Any, user: str) -> Any:
        match (method, *parts):
            case ("GET", "monitor", "health"):
                return self.health
            case ("GET", "dags"):
                return _page("dags", list(self.dags.values()))
            case ("GET", "dags", dag_id):
                return self._dag(dag_id)
            case ("GET", "dags", "~", "dagRuns"):
                wanted = query["run_id_pattern"]
                found = [run.to_dict() for run in self.runs.values() if wanted in run.run_id]
                return _page("dag_runs", found)
            case ("POST", "dags", "~", "dagRuns", "list"):
                found = [run for run in self.runs.values() if run.dag_id in body["dag_ids"]]
                found.sort(key=lambda run: run.began, reverse=True)
                return _page("dag_runs", [run.to_dict() for run in found[: body["page_limit"]]])
            case ("POST", "dags", dag_id, "dagRuns"):
                return self._trigger(dag_id, body, user)
            case ("POST", "dags", dag_id, "clearTaskInstances"):
                return {"task_instances": [{"task_id": each} for each in body["task_ids"]]}
            case (_, "dags", dag_id, "dagRuns", run_id, *rest):
                return self._of_run(method, self._run(dag_id, run_id), rest, body, user)
        raise Refuse(404, f"no route {method} {parts}")

    def _dag(self, dag_id: str) -> dict[str, Any]:
        if dag_id not in self.dags:
            raise Refuse(404, f"The Dag with ID: `{dag_id}` was not found")
        return self.dags[dag_id]

    def _run(self, dag_id: str, run_id: str) -> Run:
        if (dag_id, run_id) not in self.runs:
            raise Refuse(404, "The DagRun was not found")
        return self.runs[dag_id, run_id]

    def _trigger(self, dag_id: str, body: dict[str, Any], user: str) -> dict[str, Any]:
        assert "logical_date" in body, "Airflow refuses a trigger without it"
        run_id = body.get("dag_run_id", f"manual__{len(self.runs)}")
        if (dag_id, run_id) in self.runs:
            raise Refuse(409, {"reason": "Unique constraint violation", "statement": "hidden"})
        run = new_run(run_id, dag_id.removeprefix("drs_"), conf=body["conf"], user=user)
        return self.add(run).to_dict()

    def _of_run(self, method: str, run: Run, rest: list[str], body: Any, user: str) -> Any:
        match (method, *rest):
            case ("GET",):
                return run.to_dict()
            case ("PATCH",):
                run.state = body["state"]
                return run.to_dict()
            case ("GET", "taskInstances"):
                return _page("task_instances", [_task(run, task_id) for task_id in run.tasks])
            case ("GET", "hitlDetails"):
                details = [
                    {**each, "task_instance": _task(run, task_id)} for task_id, each in run.questions.items()
                ]
                return _page("hitl_details", details)
            case ("GET", "taskInstances", task_id, "xcomEntries", key):
                if (task_id, key) not in run.xcoms:
                    raise Refuse(404, "XCom entry not found")
                return {"key": key, "value": run.xcoms[task_id, key]}
            case ("POST", "taskInstances", task_id, "xcomEntries"):
                run.xcoms[task_id, body["key"]] = body["value"]
                return body
            case ("PATCH", "taskInstances", task_id, "xcomEntries", key):
                run.xcoms[task_id, key] = body["value"]
                return body
            case ("PATCH", "taskInstances", task_id, "-1", "hitlDetails"):
                return self._answer(run, task_id, body, user)
        raise Refuse(404, f"no route {method} {rest}")

    def _answer(self, run: Run, task_id: str, body: dict[str, Any], user: str) -> dict[str, Any]:
        question = run.questions.get(task_id)
        if question is None:
            raise Refuse(409, "Human-in-the-loop detail has already been updated")
        assigned = [each["id"] for each in question["assigned_users"]]
        if assigned and user not in assigned:
            raise Refuse(403, f"User={user} (id={user}) is not a respondent for the task.")
        at = run.began + 20
        given = {"decision": body["chosen_options"][0], "respondedBy": user, "respondedAt": at}
        self.answered(run, task_id, given | {"respondedById": f"id-of-{user}"})
        return {"responded_by": {"id": f"id-of-{user}", "name": user}, "responded_at": iso(at)}

    def _handler(server: AirflowServer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                headers: dict[str, str] = {}
                try:
                    answer = server.handle(
                        self.command, self.path, body, self.headers.get("Authorization", "")
                    )
                    status = 200
                except Refuse as refusal:
                    status, headers = refusal.status, refusal.headers
                    answer = (
                        refusal.detail
                        if isinstance(refusal.detail, str) and headers
                        else {"detail": refusal.detail}
                    )
                payload = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PATCH = _serve

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def settle(run: Run, task_id: str, given: dict[str, Any]) -> None:
    """What a gate does with an answer that counts."""
    del run.questions[task_id]
    tell(run, task_id, given)
    run.tasks[task_id] = "failed" if given["decision"] == "Reject" else "success"


def tell(run: Run, task_id: str, given: dict[str, Any]) -> None:
    """What a gate tells of the answers that it has."""
    run.xcoms.setdefault((task_id, keys.GATE_ANSWERS), {"responses": []})["responses"].append(given)


def _task(run: Run, task_id: str) -> dict[str, Any]:
    state = run.tasks[task_id]
    begun = state is not None
    return {
        "task_id": task_id,
        "state": state,
        "try_number": int(begun),
        "start_date": iso(run.began + 5) if begun else None,
        "end_date": iso(run.began + 30) if state in ("success", "failed") else None,
    }


def _page(key: str, items: list[Any]) -> dict[str, Any]:
    return {key: items, "total_entries": len(items)}
