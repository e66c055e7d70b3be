"""A ticket drives a recovery plan over Airflow's REST API, with Airflow's official Python client.

``pip install apache-airflow-client``; AIRFLOW_URL, and AIRFLOW_TOKEN or AIRFLOW_USER with AIRFLOW_PASSWORD, tell where
and who. ``python ticket.py start erp_three_tier CHG0012345 --conf '{"reason": "quarterly drill"}'``

Exit codes: 0 done, or the execution ended green; 1 it ended red; 2 wrong use; 3 Airflow refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

from airflow_client import client
from airflow_client.client.exceptions import ApiException, ConflictException, NotFoundException

ENDED = ("success", "failed")


class Refused(Exception):
    """Airflow refused, or the run is not what the ticket asked for."""


class Ticket:
    """The execution that one ticket asks of one plan: the ticket's number is the name of the run.

    :param api: a client that is logged in
    """

    def __init__(self, api: client.ApiClient, plan: str, number: str) -> None:
        self.dag_id, self.number = f"drs_{plan}", number
        self.dags, self.runs = client.DAGApi(api), client.DagRunApi(api)
        self.tasks, self.xcoms = client.TaskInstanceApi(api), client.XComApi(api)

    def start(self, conf: dict[str, Any]) -> bool:
        """Start the plan, once however often this is called; return whether this call did it.

        :raises Refused: if the DAG is paused, or the ticket has started the plan with another configuration
        """
        if self.dags.get_dag(self.dag_id).is_paused:
            raise Refused(
                f"{self.dag_id} is paused: the run would wait unnoticed. Have it unpaused, then start again"
            )
        conf = {"ticket": self.number, **conf}
        body = client.TriggerDAGRunPostBody(dag_run_id=self.number, logical_date=None, conf=conf)
        try:
            self.runs.trigger_dag_run(self.dag_id, body)
        except ConflictException:
            earlier = self.runs.get_dag_run(self.dag_id, self.number).conf
            if earlier != conf:
                raise Refused(
                    f"{self.number} has started {self.dag_id} with another configuration: {earlier}"
                ) from None
            return False
        return True

    def state(self) -> str:
        """Return Airflow's state of the run."""
        return str(self.runs.get_dag_run(self.dag_id, self.number).state.value)

    def questions(self) -> list[client.HITLDetail]:
        """Return the gates that wait for somebody."""
        found = self.tasks.get_hitl_details(self.dag_id, self.number, response_received=False).hitl_details
        return [each for each in found if each.task_instance.state == "deferred"]

    def answer(self, task_id: str, option: str, text: str) -> str:
        """Answer a gate (Approve, Reject, Skip wave) or ``hold_drill`` (Passed, Failed); return who answered."""
        field = "notes" if task_id == "hold_drill" else "comment"
        body = client.UpdateHITLDetailPayload(chosen_options=[option], params_input={field: text})
        answered = self.tasks.update_hitl_detail(self.dag_id, self.number, task_id, -1, body)
        return str(answered.responded_by.name)

    def cancel(self, reason: str) -> None:
        """Stop the execution; a drill is cleaned up all the same."""
        self.runs.patch_dag_run(self.dag_id, self.number, client.DAGRunPatchBody(state="failed", note=reason))

    def record(self) -> dict[str, Any]:
        """Return the execution record; for a dry run what preflight found."""
        try:
            return self._xcom("finalize", "execution_record")
        except NotFoundException:
            return self._xcom("prepare", "preflight")

    def _xcom(self, task_id: str, key: str) -> dict[str, Any]:
        entry = self.xcoms.get_xcom_entry(self.dag_id, task_id, self.number, key, stringify=False)
        return dict(entry.actual_instance.value)


def follow(ticket: Ticket, poll_seconds: float) -> None:
    """Tell what happens until the run has ended."""
    seen = None
    while True:
        now = [f"run {ticket.state()}"]
        for question in ticket.questions():
            asked = ", ".join(user.id for user in question.assigned_users or ()) or "anybody"
            now.append(f"{question.task_instance.task_id} asks {asked}: {question.subject}")
        if now != seen:
            print(f"{datetime.now(UTC):%H:%M:%S}", "; ".join(now), flush=True)
        if ticket.state() in ENDED:
            return
        seen = now
        time.sleep(poll_seconds)


def result(ticket: Ticket) -> int:
    """Print the record as JSON; 0 if the execution ended green."""
    state = ticket.state()
    if state not in ENDED:
        raise Refused(f"the execution has not ended: the run is {state}")
    print(json.dumps(ticket.record(), indent=2, default=str))
    return 0 if state == "success" else 1


def log_in() -> client.ApiClient:
    """Return a client with the token that the environment holds or pays for."""
    url = os.environ["AIRFLOW_URL"]
    token = os.environ.get("AIRFLOW_TOKEN")
    api = client.ApiClient(client.Configuration(host=url, access_token=token))
    if token is None:
        login = {"username": os.environ["AIRFLOW_USER"], "password": os.environ["AIRFLOW_PASSWORD"]}
        headers = {"Content-Type": "application/json"}
        answer = api.rest_client.request("POST", f"{url}/auth/token", headers=headers, body=login)
        answer.read()
        if answer.status not in (200, 201):
            raise Refused(f"Airflow did not accept the login of {login['username']}")
        api.configuration.access_token = json.loads(answer.data)["access_token"]
    return api


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="A ticket drives a recovery plan over Airflow's REST API.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("start", "follow", "answer", "cancel", "result"):
        options = verbs.add_parser(verb)
        options.add_argument("plan")
        options.add_argument("ticket")
        if verb == "start":
            options.add_argument(
                "--conf", type=json.loads, default={}, help="run configuration, as a JSON object"
            )
        elif verb == "follow":
            options.add_argument("--poll-seconds", type=float, default=10)
        elif verb == "answer":
            options.add_argument("task", help="the gate, or hold_drill")
            options.add_argument("option")
            options.add_argument("text", nargs="?", default="")
        elif verb == "cancel":
            options.add_argument("reason")
    return parser.parse_args()


def main() -> int:
    """Do what the command line says."""
    args = arguments()
    ticket = Ticket(log_in(), args.plan, args.ticket)
    if args.verb == "start":
        print(f"started {args.plan}" if ticket.start(args.conf) else f"{args.plan} was started before")
    elif args.verb == "follow":
        follow(ticket, args.poll_seconds)
        return result(ticket)
    elif args.verb == "answer":
        print(f"{args.task}: {args.option}, answered as {ticket.answer(args.task, args.option, args.text)}")
    elif args.verb == "cancel":
        ticket.cancel(args.reason)
        print("cancelled; cleanup and the final record follow")
    else:
        return result(ticket)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ApiException, Refused) as error:
        reason = error.body if isinstance(error, ApiException) else error
        print(f"Airflow refused: {reason}", file=sys.stderr)
        sys.exit(3)
