"""The ``[drs]`` settings, read from Airflow's configuration (or ``AIRFLOW__DRS__<OPTION>``).

The installed provider declares them through its provider info; mounted, Airflow does not know the section, so
defaults are taken from :mod:`drs_provider.options` either way.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from pathlib import Path

from airflow.sdk.configuration import conf

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.options import OPTIONS

log = logging.getLogger(__name__)

SECTION = "drs"
_TRUTH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_PLACE = re.compile(r"[0-9]{12}(/[a-z0-9-]+)?")


def get(option: str) -> str:
    """Return an option's text, its default, or an empty string.

    A secret one may also be given as Airflow's own secrets are: ``<OPTION>_CMD``, a command that prints it, or
    ``<OPTION>_SECRET``, its name in the secrets backend.
    """
    if OPTIONS[option].sensitive:
        # Airflow looks for those forms where an option is declared as secret: mounted, nothing has declared it.
        conf.sensitive_config_values.add((SECTION, option))
    return str(conf.get(SECTION, option, fallback=OPTIONS[option].default) or "")


def has_own_deployment_id() -> bool:
    """Tell whether this Airflow's executions can be told from those of every other one.

    Two that both keep the default compute the same ids.
    """
    return get("deployment_id") != OPTIONS["deployment_id"].default


def get_seconds(option: str) -> float:
    """Return an option as positive seconds, or another positive number.

    :raises DrsConfigurationError: if it is no positive number
    """
    text = get(option)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < math.inf:
        raise DrsConfigurationError(f"[drs] {option} must be a positive number, not {text!r}")
    return value


def get_int(option: str) -> int:
    """Return an option as a positive whole number.

    :raises DrsConfigurationError: if it is no positive number
    """
    return int(get_seconds(option))


def get_int_or_default(option: str) -> int:
    """Return an option as a positive whole number; its default, with a line in the log, if it is none.

    For what every parse of the DAG file reads: there, a typo would stop the executions of all plans.
    """
    try:
        return get_int(option)
    except DrsConfigurationError as error:
        log.error("%s; %s is used", error, OPTIONS[option].default)
        return int(OPTIONS[option].default or 0)


def quota_overrides(account_id: str, region: str) -> dict[str, int]:
    """Return the DRS quotas that ``[drs] quotas`` sets for an account and Region, by name.

    What is said for ``account/Region`` goes before what is said for the account, and that before what is
    said for all.

    :raises DrsConfigurationError: if the option is no JSON object of that form
    """
    text = get("quotas")
    if not text:
        return {}
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DrsConfigurationError(f"[drs] quotas is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise DrsConfigurationError("[drs] quotas must be a JSON object: quota name → number")
    chosen = {name: value for name, value in data.items() if not _PLACE.fullmatch(name)}
    for place in (account_id, f"{account_id}/{region}"):
        values = data.get(place, {})
        if not isinstance(values, dict):
            raise DrsConfigurationError(f"[drs] quotas, {place}: an object is needed, quota name → number")
        chosen.update(values)
    for name, value in chosen.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise DrsConfigurationError(f"[drs] quotas, {name}: {value!r} is no whole number")
    return chosen


def get_bool(option: str) -> bool:
    """Return an option as true or false.

    :raises DrsConfigurationError: if it is neither
    """
    text = get(option).strip().lower()
    if text not in _TRUTH:
        raise DrsConfigurationError(f"[drs] {option} must be True or False, not {get(option)!r}")
    return _TRUTH[text]


def step_operators() -> frozenset[str]:
    """Return the import paths of the operators that steps of plans may run; none if the option is empty."""
    return frozenset(path for part in get("step_operators").split(",") if (path := part.strip()))


def signing_keys() -> tuple[bytes, ...]:
    """Return the keys of evidence, as Airflow's ``fernet_key`` lists its own: the first signs, all of them verify.

    :raises DrsConfigurationError: if there is none, or one of them is shorter than 32 characters
    """
    keys = [key.strip() for key in get("signing_key").split(",")]
    if short := [number for number, key in enumerate(keys, 1) if len(key) < 32]:
        what = f"key {short[0]} of {len(keys)} in it is" if len(keys) > 1 else "it is missing or"
        raise DrsConfigurationError(
            f"[drs] signing_key is not usable: {what} shorter than 32 characters. Set AIRFLOW__DRS__SIGNING_KEY to the "
            "same random text in every component, triggerer included, for example: python -c "
            "'import secrets; print(secrets.token_urlsafe(48))'. To rotate it: new key, comma, old "
            "key."
        )
    return tuple(key.encode() for key in keys)


def signing_key() -> bytes:
    """Return the key that evidence is signed with now.

    :raises DrsConfigurationError: as :func:`signing_keys`
    """
    return signing_keys()[0]


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
    return _target(
        "history",
        connection=get("history_connection"),
        account_id=get("history_account_id"),
        region=get("history_region"),
        role=get("history_role"),
        external_id=get("history_external_id"),
    )


def metrics_target() -> AwsTarget | None:
    """Return the account context that metrics are sent in, or None if none are sent.

    :raises DrsConfigurationError: if metrics are switched on with incomplete settings
    """
    return _target(
        "metrics",
        connection=get("metrics_connection"),
        account_id=get("metrics_account_id"),
        region=get("metrics_region"),
        role=get("metrics_role"),
        external_id=get("metrics_external_id"),
    )


_KMS_ARN = re.compile(r"arn:[\w-]+:kms:(?P<region>[\w-]+):(?P<account>[0-9]{12}):(key|alias)/.+", re.ASCII)


def evidence_key_target() -> AwsTarget | None:
    """Return the account context of the KMS key that evidence is signed with, or None if it is not a KMS key.

    :raises DrsConfigurationError: if it is an ARN of something else, or has no connection
    """
    key = get("evidence_key")
    if not key.startswith("arn:"):
        return None
    arn = _KMS_ARN.fullmatch(key)
    if arn is None or not get("evidence_connection"):
        what = f"{key} is no ARN of a KMS key" if arn is None else "a KMS key needs [drs] evidence_connection"
        raise DrsConfigurationError(f"[drs] evidence_key: {what}")
    return _target(
        "evidence",
        connection=get("evidence_connection"),
        account_id=arn["account"],
        region=arn["region"],
        role=get("evidence_role"),
        external_id=get("evidence_external_id"),
    )


def _target(
    name: str, *, connection: str, account_id: str, region: str, role: str, external_id: str
) -> AwsTarget | None:
    """Return the account context of a group of options, or None without a connection."""
    if not connection:
        return None
    try:
        return AwsTarget(
            name=name,
            connection=connection,
            account_id=account_id,
            region=region,
            own_account=not role,
            role=role or None,
            external_id=external_id or None,
        )
    except ValueError as error:
        raise DrsConfigurationError(f"[drs] {name}_* settings: {error}") from error
