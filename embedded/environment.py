"""Folders, secrets and environment of one embedded stack.

Every stack has its own AIRFLOW_HOME, ports and generated secrets, and inherits nothing that could point it at
somebody's real Airflow or real AWS account.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drs_provider import keys
from embedded.needs import CONNECTION, Needs

REPOSITORY = Path(__file__).resolve().parent.parent
PLUGINS = REPOSITORY / "plugins"
DAGS = REPOSITORY / "dags"
SIMULATOR = REPOSITORY / "simulator"
SCENARIOS = SIMULATOR / "drs_simulator" / "scenarios"

HISTORY_REGION = "eu-west-1"
HISTORY_TABLE = "execution-history"

# Whatever starts so is ours to set: a stack must not inherit an Airflow, an AWS identity or a Python path.
_NOT_INHERITED = ("AIRFLOW", "AWS_", "MOTO_", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
_LOCAL_HOSTS = "127.0.0.1,localhost"


@dataclass(frozen=True)
class Paths:
    """Where one stack keeps its files: ``build/<name>/…``."""

    root: Path

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME: database, configuration and task logs; new with every start."""
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        """Output of each process; new with every start."""
        return self.root / "logs"

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> Path:
        """Log of one try of a task."""
        run = self.airflow_home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        return run / f"task_id={task_id}" / f"attempt={attempt}.log"

    @property
    def reports(self) -> Path:
        """Reports of executions; kept from start to start."""
        return self.root / "reports"

    @property
    def passwords(self) -> Path:
        """Passwords of the stack's users, as Airflow's simple auth manager reads them."""
        return self.airflow_home / "passwords.json"

    @property
    def state(self) -> Path:
        """What runs: processes, addresses, logins."""
        return self.root / "stack.json"


@dataclass(frozen=True)
class Ports:
    """The TCP ports of one stack on the loopback interface."""

    api: int
    simulator: int

    @property
    def api_url(self) -> str:
        """Base URL of Airflow's API server."""
        return f"http://127.0.0.1:{self.api}"

    @property
    def simulator_url(self) -> str:
        """Endpoint of the simulated AWS."""
        return f"http://127.0.0.1:{self.simulator}"


@dataclass(frozen=True)
class Secrets:
    """Secrets generated for one stack; nothing is shared between two starts."""

    passwords: Mapping[str, str] = field(repr=False)
    jwt: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    signing: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    fernet: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(), repr=False
    )

    @classmethod
    def generate(cls, users: Iterable[str]) -> Secrets:
        """Return new secrets, with a password for each user."""
        return cls({user: secrets.token_urlsafe(12) for user in users})

    def write_passwords(self, file: Path) -> None:
        """Write the users' passwords, readable by the owner only."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump(dict(self.passwords), stream)


def inherited() -> dict[str, str]:
    """Return the caller's environment without Airflow, AWS and Python settings; local hosts unproxied."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (kept.get(name), _LOCAL_HOSTS)))
    return kept


def simulator_environment() -> dict[str, str]:
    """Return the environment of the simulator's process."""
    return inherited() | no_real_aws() | {"PYTHONPATH": str(SIMULATOR)}


def no_real_aws() -> dict[str, str]:
    """Keep the AWS SDK from files and instance metadata of the machine: a missing setting must fail."""
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def access_key(account: str) -> str:
    """Return the access key ID that the simulator knows an account's administrator by; any secret does."""
    return f"AKIA{account}DRSS"


def aws_connection(simulator_url: str, account: str) -> str:
    """Return an Airflow connection to an account of the simulated AWS as JSON.

    STS is named apart: for assuming roles the Amazon provider ignores the connection's general endpoint.
    """
    return json.dumps(
        {
            "conn_type": "aws",
            "login": access_key(account),
            "password": "simulated",
            "extra": {
                "region_name": HISTORY_REGION,
                "endpoint_url": simulator_url,
                "service_config": {"sts": {"endpoint_url": simulator_url}},
            },
        }
    )


def airflow_environment(
    paths: Paths, ports: Ports, generated: Secrets, needs: Needs, *, dags: Path = DAGS, speed: float = 60.0
) -> dict[str, str]:
    """Return the environment that all of the stack's Airflow processes share.

    :param dags: Airflow's DAGs folder; plan files are read from its ``plans``
    :param speed: simulated seconds per real second; waiting times of the provider shrink with it
    """
    connections = {
        f"AIRFLOW_CONN_{name.upper()}": aws_connection(ports.simulator_url, account)
        for name, account in needs.connections.items()
    }
    return (
        inherited()
        | no_real_aws()
        | _airflow_settings(paths, ports, generated, needs, dags)
        | _drs_settings(paths, generated, needs, dags, speed)
        | connections
    )


def _airflow_settings(
    paths: Paths, ports: Ports, generated: Secrets, needs: Needs, dags: Path
) -> dict[str, str]:
    options: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": dags,
            "plugins_folder": PLUGINS,
            "executor": "LocalExecutor",
            # Four processes at once suit two cores; waiting tasks are deferred and need none.
            "parallelism": 4,
            "default_pool_task_slot_count": 4,
            "load_examples": False,
            "fernet_key": generated.fernet,
            "execution_api_server_url": f"{ports.api_url}/execution/",
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in needs.roles.items()),
            "simple_auth_manager_passwords_file": paths.passwords,
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{paths.airflow_home / 'airflow.db'}"},
        "api": {"base_url": ports.api_url, "secret_key": generated.session, "workers": 1},
        "api_auth": {"jwt_secret": generated.jwt},
        # 1.1 s per task at the default of one second, below half a second here; at 0.1, an idle scheduler takes a sixth
        # of a core.
        "scheduler": {
            "scheduler_idle_sleep_time": 0.25,
            # The default without a bound; see keys.MOST_RUN_ID.
            "allowed_run_id_pattern": f"^[A-Za-z0-9_.~:+-]{{1,{keys.MOST_RUN_ID}}}$",
        },
        "dag_processor": {"refresh_interval": 10, "min_file_process_interval": 10, "parsing_processes": 1},
        "logging": {"base_log_folder": paths.airflow_home / "logs"},
        "usage_data_collection": {"enabled": False},
    }
    settings = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": str(value)
        for section, values in options.items()
        for option, value in values.items()
    }
    return settings | {"AIRFLOW_HOME": str(paths.airflow_home)}


def _drs_settings(paths: Paths, generated: Secrets, needs: Needs, dags: Path, speed: float) -> dict[str, str]:
    options = {
        "deployment_id": f"embedded-{paths.root.name}",
        "signing_key": generated.signing,
        "plans_folder": dags / "plans",
        "state_path": paths.airflow_home / "drs_state",
        "reports_path": paths.reports.as_uri(),
        "history_connection": CONNECTION,
        "history_account_id": needs.connections[CONNECTION],
        "history_region": HISTORY_REGION,
        "history_table": HISTORY_TABLE,
        "poll_interval_seconds": 1,
        "queue_poll_seconds": 2,
        # A simulated world need not have every account that the sample plans name: people trigger the sweeper.
        "sweep_schedule": "off",
        "doctor_schedule": "off",
        "readiness_schedule": "off",
        # Time for AWS to catch up with itself, which the simulator's clock shortens.
        "pending_grace_seconds": max(5.0, 300 / speed),
        "job_visibility_grace_seconds": max(5.0, 180 / speed),
    }
    return {f"AIRFLOW__DRS__{option.upper()}": str(value) for option, value in options.items()}
