"""Amazon MWAA's web login, for people at a command line."""

from __future__ import annotations

from drs_provider.hooks.aws.sessions import session_of_person


def web_login(environment: str) -> tuple[str, str]:
    """Return the host of an environment's web server, and a web token for its login.

    Asked for with the caller's own AWS credentials: nothing of a plan's accounts is touched by this, so there is no
    target whose account could be proven.

    :raises BotoCoreError: if there are no credentials or no Region, or AWS cannot be reached
    :raises ClientError: if AWS refuses it
    :raises KeyError: if the answer lacks one of both
    """
    answer = session_of_person().client("mwaa").create_web_login_token(Name=environment)
    return str(answer["WebServerHostname"]), str(answer["WebToken"])
