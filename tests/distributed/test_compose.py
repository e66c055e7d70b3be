"""What the test of the distributed form reads from docker-compose.yaml; it changes only where things are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from distributed.compose import ComposeError, fill_in, read
from distributed.neighbours import SLOTS
from distributed.place import Place
from distributed.stack import new_variables
from embedded.environment import REPOSITORY

COMPOSE = REPOSITORY / "docker-compose.yaml"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a ${GIVEN} b", "a yes b"),
        ("${GIVEN:-no}", "yes"),
        ("${MISSING:-no}", "no"),
        ("${EMPTY:-no}", "no"),
        ("${MISSING}", ""),
        ("$$HOSTNAME $${GIVEN}", "$HOSTNAME ${GIVEN}"),
    ],
)
def test_variables_are_filled_in_as_compose_does(text: str, meant: str) -> None:
    assert fill_in({"a": [text, 1]}, {"GIVEN": "yes", "EMPTY": ""}) == {"a": [meant, 1]}


def test_a_required_variable_that_is_missing_is_named_with_its_remedy() -> None:
    with pytest.raises(ComposeError, match="JWT_SECRET is not set: run it"):
        fill_in("${JWT_SECRET:?run it}", {})


def test_services_run_what_the_file_says_at_another_place(tmp_path: Path) -> None:
    variables = new_variables()
    services = read(COMPOSE, variables)
    place = Place(tmp_path, {"api-server": 1001, "simulator": 1002, "redis": 1003, "postgres": 1004})
    worker, redis = services["worker"], services["redis"]
    environment = place.environment(worker, "worker-2")

    assert services["triggerer"].instances() == ("triggerer-1", "triggerer-2")
    assert worker.command == ("airflow", "celery", "worker")
    assert worker.check[:2] == ("/bin/sh", "-c")
    assert "celery@${HOSTNAME}" in worker.check[2]
    assert environment["HOSTNAME"] == "worker-2"
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(tmp_path / "dags")
    assert (
        environment["AIRFLOW__CELERY__BROKER_URL"]
        == f"redis://:{variables['REDIS_PASSWORD']}@127.0.0.1:1003/0"
    )
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].endswith("@127.0.0.1:1004/airflow")
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:1001/execution/"
    assert environment["AIRFLOW__DRS__REPORTS_PATH"] == "s3://aws_dr@drs-reports/reports"
    assert "redis-server --port 1003 --dir" in place.command(redis, redis.command)[-1]
    # What names no address and no folder is as it is shipped.
    told = {**worker.environment}
    moved = {name for name, value in told.items() if environment[name] != value}
    assert moved == {
        "AIRFLOW__CORE__DAGS_FOLDER",
        "AIRFLOW__CORE__PLUGINS_FOLDER",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__CELERY__RESULT_BACKEND",
        "AIRFLOW__CELERY__BROKER_URL",
        "AIRFLOW__API__BASE_URL",
        "AIRFLOW__DRS__PLANS_FOLDER",
        "AIRFLOW__DRS__STATE_PATH",
    }


@pytest.mark.parametrize("own", [{}, SLOTS])
def test_other_peoples_tasks_cannot_take_the_slots_of_recoveries(own: dict[str, str]) -> None:
    services = read(COMPOSE, new_variables() | own)
    told = services["worker"].environment
    others = int(told["AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT"])
    pool = told["AIRFLOW__DRS__POOL"]
    (made,) = re.findall(rf"airflow pools set {pool} (\d+) ", services["init"].command[-1])
    workers = int(told["AIRFLOW__CELERY__WORKER_CONCURRENCY"]) * services["worker"].replicas

    assert others + int(made) <= int(told["AIRFLOW__CORE__PARALLELISM"]) <= workers
