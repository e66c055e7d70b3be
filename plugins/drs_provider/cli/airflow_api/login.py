"""Who asks, and where: address of Airflow's API and the user's own token, never taken from the command line."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.cli.airflow_api import mwaa
from drs_provider.cli.airflow_api.airflowctl import saved_login

URL_VARIABLE = "AIRFLOW_API_URL"
TOKEN_VARIABLE = "AIRFLOW_CLI_TOKEN"
USER_VARIABLE = "AIRFLOW_API_USERNAME"
PASSWORD_VARIABLE = "AIRFLOW_API_PASSWORD"
CLIENT_VARIABLE = "AIRFLOW_API_CLIENT_ID"
SECRET_VARIABLE = "AIRFLOW_API_CLIENT_SECRET"


@dataclass(frozen=True)
class Login:
    """What the API is asked with: a token, or what gets one: a user's password, a client's secret, Amazon MWAA.

    :param url: address of the API server
    :param mwaa: name of an MWAA environment, whose web server gives a new token when this one has ended
    """

    url: str
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    mwaa: str = ""

    @property
    def renewable(self) -> bool:
        """Whether a token that has ended can be replaced."""
        return bool(self.username or self.client_id or self.mwaa)

    @property
    def who(self) -> str:
        """Who logs in, for messages."""
        return self.username or (f"client {self.client_id}" if self.client_id else f"MWAA {self.mwaa}")

    @property
    def remedies(self) -> tuple[str, str]:
        """What to do if the login is refused, and if the token is."""
        return (
            "check client and secret" if self.client_id else "check user and password",
            f"your token has ended or is none: get a new one ({TOKEN_VARIABLE}, --token-file, --username)",
        )

    def request(self) -> dict[str, str]:
        """Return what Airflow's ``/auth/token`` is asked with, in the form of its auth managers.

        OAuth's client credentials are that of Keycloak's (source: ``TokenClientCredentialsBody`` of its provider).
        """
        if self.client_id:
            return {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
            }
        return {"username": self.username, "password": self.password}

    def renewed(self) -> str | None:
        """Return a new token of MWAA; None if Airflow gives it.

        :raises RefusedError: if AWS or the web server refuses it
        """
        return mwaa.log_in(self.mwaa, self.url)[1] if self.mwaa else None


def login_of(arguments: argparse.Namespace) -> Login:
    """Read address and identity from options, environment, Airflow's configuration and what airflowctl left.

    :raises RefusedError: if the address or the identity is missing
    """
    ways = {"--token-file": arguments.token_file, "--username": arguments.username}
    ways |= {"--client-id": arguments.client_id, "--mwaa": arguments.mwaa}
    given = [name for name, value in ways.items() if value]
    if len(given) > 1:
        raise RefusedError(f"{' and '.join(given)} exclude each other", "", ExitCode.REFUSED_INPUT)
    if given:
        return _by_option(arguments)
    if token := os.environ.get(TOKEN_VARIABLE, "").strip():
        return Login(api_url(arguments.url), token=token)
    return _by_environment(arguments) or _by_airflowctl(arguments)


def _by_option(arguments: argparse.Namespace) -> Login:
    if arguments.mwaa:
        return _mwaa(arguments, arguments.mwaa)
    url = api_url(arguments.url)
    if arguments.username:
        return Login(url, username=arguments.username, password=_password(arguments.username))
    if arguments.client_id:
        return Login(url, client_id=arguments.client_id, client_secret=_secret(arguments.client_id))
    return Login(url, token=_token(arguments.token_file))


def _by_environment(arguments: argparse.Namespace) -> Login | None:
    if username := os.environ.get(USER_VARIABLE, ""):
        return Login(api_url(arguments.url), username=username, password=_password(username))
    if client := os.environ.get(CLIENT_VARIABLE, ""):
        return Login(api_url(arguments.url), client_id=client, client_secret=_secret(client))
    environment = os.environ.get(mwaa.ENVIRONMENT_VARIABLE, "")
    return _mwaa(arguments, environment) if environment else None


def _mwaa(arguments: argparse.Namespace, environment: str) -> Login:
    url, token = mwaa.log_in(environment, arguments.url or os.environ.get(URL_VARIABLE))
    return Login(url, token=token, mwaa=environment)


def _by_airflowctl(arguments: argparse.Namespace) -> Login:
    """Use the token of Airflow's own client, for the address only that it was given for."""
    saved = saved_login()
    wanted = (arguments.url or os.environ.get(URL_VARIABLE, "")).rstrip("/")
    if saved is not None and wanted in ("", saved[0].rstrip("/")):
        return Login(api_url(saved[0]), token=saved[1])
    api_url(arguments.url)  # who misses both is told of the address first
    other = f"; airflowctl's token is for {saved[0]}" if saved else ""
    raise RefusedError(
        f"you are not logged in{other}",
        f"set {TOKEN_VARIABLE}, or give --token-file, or --username (password: asked for, or {PASSWORD_VARIABLE}), "
        f"--client-id (secret: {SECRET_VARIABLE}), --mwaa, or log in with airflowctl",
        ExitCode.NOT_ALLOWED,
    )


def api_url(given: str | None) -> str:
    """Return the API server's address.

    :raises RefusedError: if there is none, or it is no address
    """
    url = given or os.environ.get(URL_VARIABLE, "") or _configured_url()
    if not url:
        remedy = f"give --url, or set {URL_VARIABLE} or [api] base_url"
        raise RefusedError("the address of Airflow's API server is not known", remedy, ExitCode.REFUSED_INPUT)
    if not url.startswith(("http://", "https://")):
        raise RefusedError(f"{url!r} is no address", "write http://… or https://…", ExitCode.REFUSED_INPUT)
    return url.rstrip("/")


def _configured_url() -> str:
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="") or "")


def _token(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"the token cannot be read from {file}: {error}", "", ExitCode.REFUSED_INPUT
        ) from error
    if not text.strip():
        raise RefusedError(f"there is no token in {file}", "", ExitCode.REFUSED_INPUT)
    return text.strip()


def _password(username: str) -> str:
    if password := os.environ.get(PASSWORD_VARIABLE, ""):
        return password
    if not sys.stdin.isatty():
        remedy = f"set {PASSWORD_VARIABLE}, or use a token"
        raise RefusedError(
            f"the password of {username} cannot be asked for here", remedy, ExitCode.NOT_ALLOWED
        )
    return getpass.getpass(f"Password of {username}: ", stream=sys.stderr)


def _secret(client_id: str) -> str:
    if secret := os.environ.get(SECRET_VARIABLE, ""):
        return secret
    raise RefusedError(
        f"the secret of client {client_id} is not known", f"set {SECRET_VARIABLE}", ExitCode.NOT_ALLOWED
    )
