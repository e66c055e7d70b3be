from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from drs_provider.airflow_rest import texts
from drs_provider.cli.__main__ import build_parser
from tests.cli.airflow_server import AirflowServer

VARIABLES = ("AIRFLOW_API_URL", "AIRFLOW_CLI_TOKEN", "AIRFLOW_API_USERNAME", "AIRFLOW_API_PASSWORD")


@dataclass(frozen=True)
class Done:
    """What a verb left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowServer]:
    """A scripted Airflow, and an environment in which dr-operator is logged in to it."""
    server = AirflowServer()
    monkeypatch.setenv("AIRFLOW_API_URL", server.url)
    monkeypatch.setenv("AIRFLOW_CLI_TOKEN", "token-dr-operator-0")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(texts, "program", "airflow drs")


@pytest.fixture
def drs(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process."""

    def run(*words: str) -> Done:
        capsys.readouterr()
        arguments = build_parser("airflow drs").parse_args(words)
        with pytest.raises(SystemExit) as end:
            arguments.func(arguments)
        printed = capsys.readouterr()
        return Done(int(end.value.code or 0), printed.out, printed.err)

    return run
