"""Amazon MWAA: who may log in there is decided by IAM; the caller's AWS credentials get a token of Airflow's API.

CreateWebLoginToken names the web server and gives a web token, which its login takes for a cookie that is the API's
bearer token (source: ``MwaaHook`` of the Amazon provider, Airflow 3).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import httpx

from drs_provider.airflow_rest.refused import ExitCode, RefusedError

ENVIRONMENT_VARIABLE: Final = "AIRFLOW_MWAA_ENVIRONMENT"
_LOGIN: Final = "/pluginsv2/aws_mwaa/login"
_COOKIE: Final = "_token"
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_TIMEOUT_SECONDS: Final = 30.0


def log_in(environment: str, url: str | None) -> tuple[str, str]:
    """Return address and token of an environment's API.

    :param url: the address that was asked for, which must be the environment's; None: that of AWS's answer
    :raises RefusedError: if AWS or the web server refuses it
    """
    host, web_token = _web_token(environment)
    address = (url or f"https://{host}").rstrip("/")
    parts = urlsplit(address)
    if parts.netloc != host:
        raise RefusedError(
            f"the web server of MWAA environment {environment} is {host}, not {parts.netloc}",
            "leave --url and AIRFLOW_API_URL out",
            ExitCode.REFUSED_INPUT,
        )
    local = parts.hostname in _LOCAL
    if parts.scheme != "https" and not local:
        raise RefusedError("a token is sent by https only", f"use https://{host}", ExitCode.REFUSED_INPUT)
    try:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=not local) as client:
            response = client.post(f"{address}{_LOGIN}", data={"token": web_token})
    except httpx.TransportError as error:
        raise RefusedError(
            f"the web server of MWAA environment {environment} cannot be reached: {error}",
            "a private one is reached only from its VPC",
            ExitCode.UNREACHABLE,
        ) from error
    token = response.cookies.get(_COOKIE)
    if response.is_error or not token:
        raise RefusedError(
            f"the web server of MWAA environment {environment} does not log you in: {response.status_code}",
            "it must run Airflow 3, and IAM must allow airflow:CreateWebLoginToken with a role of Airflow",
            ExitCode.NOT_ALLOWED,
        )
    return address, token


def _web_token(environment: str) -> tuple[str, str]:
    from botocore.exceptions import BotoCoreError, ClientError

    from drs_provider.hooks.mwaa_api import web_login

    try:
        return web_login(environment)
    except (BotoCoreError, ClientError, KeyError) as error:
        raise RefusedError(
            f"AWS gives no login for MWAA environment {environment}: {error}",
            "log in to AWS, with the environment's Region, and the right airflow:CreateWebLoginToken",
            ExitCode.NOT_ALLOWED,
        ) from error
