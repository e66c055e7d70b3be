"""Print an ``.env`` for docker-compose.yaml with newly generated secrets.

Use: ``python3 docker/make_env.py > .env``; with ``--rehearsal`` for the profile of that name. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import secrets
from collections.abc import Sequence

GENERATED = (
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "ADMIN_PASSWORD",
    "API_SECRET_KEY",
    "JWT_SECRET",
    "DRS_SIGNING_KEY",
)
#: The people whom the sample plans name
PEOPLE = ("DR_LEAD_PASSWORD", "DR_APPROVER_1_PASSWORD", "DR_APPROVER_2_PASSWORD")
#: Reports and history in the simulated AWS, whose jobs are 60 times as fast as real ones: so are the looks at them.
SIMULATED = {
    "DRS_REPORTS_PATH": "s3://aws_dr@drs-reports/reports",
    "DRS_HISTORY_CONNECTION": "aws_dr",
    "DRS_HISTORY_ACCOUNT_ID": "111122223333",
    "DRS_HISTORY_REGION": "eu-west-1",
    "DRS_POLL_INTERVAL_SECONDS": "1",
}


def environment(*, rehearsal: bool = False) -> dict[str, str]:
    """Return the variables with new secrets; all of them may stand in a URL as they are."""
    values = {name: secrets.token_urlsafe(36) for name in (*GENERATED, *(PEOPLE if rehearsal else ()))}
    values["FERNET_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    values["DRS_DEPLOYMENT_ID"] = f"compose-{secrets.token_hex(4)}"
    return values | (SIMULATED if rehearsal else {})


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the file."""
    parser = argparse.ArgumentParser(description="Print an .env for docker-compose.yaml.")
    parser.add_argument("--rehearsal", action="store_true", help="for the profile `rehearsal`: simulated AWS")
    options = parser.parse_args(arguments)
    print("\n".join(f"{name}={value}" for name, value in environment(rehearsal=options.rehearsal).items()))


if __name__ == "__main__":
    main()
