"""What ``airflowctl auth login`` left on this machine: Airflow's own command-line client keeps address and token.

The address stands in ``$AIRFLOW_HOME/<environment>.json``, the token in the machine's keyring, or in debug mode in a
file beside it (source: ``airflowctl.api.client.Credentials`` of apache-airflow-ctl 0.1.5).
"""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any, Final

from drs_provider.airflow_rest.refused import ExitCode, RefusedError

ENVIRONMENT_VARIABLE: Final = "AIRFLOW_CLI_ENVIRONMENT"
_DEBUG_VARIABLE: Final = "AIRFLOW_CLI_DEBUG_MODE"
_SERVICE: Final = "airflowctl"
_AGAIN: Final = "log in with it: airflowctl auth login"


def saved_login() -> tuple[str, str] | None:
    """Return address and token, or None if nobody has logged in with it here.

    :raises RefusedError: if what it left cannot be read
    """
    name = os.environ.get(ENVIRONMENT_VARIABLE) or "production"
    home = Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
    if "/" in name or "\\" in name or ".." in name:
        raise RefusedError(
            f"{ENVIRONMENT_VARIABLE} {name!r} is no name of an environment", "", ExitCode.REFUSED_INPUT
        )
    saved = _read(home / f"{name}.json")
    if saved is None:
        return None
    key = f"api_token_{name}"
    if os.environ.get(_DEBUG_VARIABLE) == "true":
        token = (_read(home / f"debug_creds_{name}.json") or {}).get(key)
    else:
        token = _of_keyring(key)
    url = saved.get("api_url")
    if not url or not token:
        raise RefusedError(
            f"airflowctl has no address or no token for its environment {name}", _AGAIN, ExitCode.NOT_ALLOWED
        )
    return str(url), str(token)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RefusedError(
            f"what airflowctl left in {file} cannot be read: {error}", _AGAIN, ExitCode.NOT_ALLOWED
        ) from error
    return data if isinstance(data, dict) else {}


def _of_keyring(key: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")  # airflowctl brings it; the provider does not need it
    except ImportError as error:
        raise RefusedError(
            "the token that airflowctl keeps is in the machine's keyring, and this Python has no keyring",
            "pip install keyring, or use another way to log in",
            ExitCode.NOT_ALLOWED,
        ) from error
    try:
        token: str | None = keyring.get_password(_SERVICE, key)
    except Exception as error:  # each backend has errors of its own
        raise RefusedError(f"the keyring of airflowctl: {error}", _AGAIN, ExitCode.NOT_ALLOWED) from error
    return token
