"""The ``[drs]`` settings, read from Airflow's configuration (or ``AIRFLOW__DRS__<OPTION>``).

The installed provider declares them through its provider info; mounted, Airflow does not know the section, so
defaults are taken from :mod:`drs_provider.options` either way.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from airflow.sdk.configuration import conf

from drs_provider.exceptions import DrsConfigurationError
from drs_provider.options import OPTIONS
from drs_provider.plan.account import AwsTarget

SECTION = "drs"


def get(option: str) -> str:
    """Return an option's text, its default, or an empty string."""
    return str(conf.get(SECTION, option, fallback=OPTIONS[option].default) or "")


def _number(option: str) -> float:
    text = get(option)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < math.inf:
        raise DrsConfigurationError(f"[drs] {option} must be a positive number, not {text!r}")
    return value


def get_seconds(option: str) -> float:
    """Return an option as positive seconds.

    :raises DrsConfigurationError: if it is no positive number
    """
    return _number(option)


def get_int(option: str) -> int:
    """Return an option as a positive whole number.

    :raises DrsConfigurationError: if it is no positive number
    """
    return int(_number(option))


def signing_key() -> bytes:
    """Return the key that evidence is signed with.

    :raises DrsConfigurationError: if it is missing or shorter than 32 characters
    """
    key = get("signing_key")
    if len(key) < 32:
        raise DrsConfigurationError(
            "[drs] signing_key is missing or shorter than 32 characters. Set AIRFLOW__DRS__SIGNING_KEY to the "
            "same random text in every component, for example: python -c "
            "'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return key.encode()


def airflow_home_folder(name: str) -> Path:
    """Return a folder below AIRFLOW_HOME (not created)."""
    return Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / name


def state_path() -> Path:
    """Return the folder of the last good plans."""
    return Path(get("state_path") or airflow_home_folder("drs_state"))


def reports_path() -> str:
    """Return the object storage URL below which reports are written."""
    return get("reports_path") or airflow_home_folder("drs_reports").as_uri()


def history_target() -> AwsTarget | None:
    """Return the account context of the history table, or None if the history is switched off.

    :raises DrsConfigurationError: if the history is switched on with incomplete settings
    """
    if not get("history_connection"):
        return None
    role = get("history_role") or None
    values: dict[str, Any] = {
        "name": "history",
        "connection": get("history_connection"),
        "account_id": get("history_account_id"),
        "region": get("history_region"),
        "own_account": role is None,
        "role": role,
        "external_id": get("history_external_id") or None,
    }
    try:
        return AwsTarget(**values)
    except ValueError as error:
        raise DrsConfigurationError(f"[drs] history_* settings: {error}") from error
