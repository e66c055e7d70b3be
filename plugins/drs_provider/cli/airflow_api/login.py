"""Who asks, and where: address of Airflow's API and the user's own token, never taken from the command line."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from drs_provider.cli.exit_codes import CliError, ExitCode

URL_VARIABLE = "AIRFLOW_API_URL"
TOKEN_VARIABLE = "AIRFLOW_CLI_TOKEN"
USER_VARIABLE = "AIRFLOW_API_USERNAME"
PASSWORD_VARIABLE = "AIRFLOW_API_PASSWORD"


@dataclass(frozen=True)
class Login:
    """What the API is asked with: a token, or a user whose password gets one.

    :param url: address of the API server
    """

    url: str
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)


def login_of(arguments: argparse.Namespace) -> Login:
    """Read address and identity from options, environment and Airflow's configuration.

    :raises CliError: if the address or the identity is missing
    """
    url = api_url(arguments.url)
    token = _token(arguments.token_file)
    username = arguments.username or ("" if token else os.environ.get(USER_VARIABLE, ""))
    if arguments.username and arguments.token_file:
        raise CliError("--username and --token-file exclude each other", "", ExitCode.REFUSED_INPUT)
    if username:
        return Login(url, username=username, password=_password(username))
    if not token:
        raise CliError(
            "you are not logged in",
            f"set {TOKEN_VARIABLE}, or give --token-file, or --username (password: asked for, or "
            f"{PASSWORD_VARIABLE})",
            ExitCode.NOT_ALLOWED,
        )
    return Login(url, token=token)


def api_url(given: str | None) -> str:
    """Return the API server's address.

    :raises CliError: if there is none, or it is no address
    """
    url = given or os.environ.get(URL_VARIABLE, "") or _configured_url()
    if not url:
        remedy = f"give --url, or set {URL_VARIABLE} or [api] base_url"
        raise CliError("the address of Airflow's API server is not known", remedy, ExitCode.REFUSED_INPUT)
    if not url.startswith(("http://", "https://")):
        raise CliError(f"{url!r} is no address", "write http://… or https://…", ExitCode.REFUSED_INPUT)
    return url.rstrip("/")


def _configured_url() -> str:
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="") or "")


def _token(file: str | None) -> str:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip()
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(
            f"the token cannot be read from {file}: {error}", "", ExitCode.REFUSED_INPUT
        ) from error
    if not text.strip():
        raise CliError(f"there is no token in {file}", "", ExitCode.REFUSED_INPUT)
    return text.strip()


def _password(username: str) -> str:
    if password := os.environ.get(PASSWORD_VARIABLE, ""):
        return password
    if not sys.stdin.isatty():
        remedy = f"set {PASSWORD_VARIABLE}, or use a token"
        raise CliError(f"the password of {username} cannot be asked for here", remedy, ExitCode.NOT_ALLOWED)
    return getpass.getpass(f"Password of {username}: ", stream=sys.stderr)
