"""Make what the sample plans need besides AWS: people, the connection `aws_dr`, the bucket and the history table.

What the service `rehearsal` of docker-compose.yaml runs, in an Airflow whose database is migrated. It may run again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import boto3

CONNECTION, ACCOUNT, REGION = "aws_dr", "111122223333", "eu-west-1"
#: The people whom the sample plans name, and the variables with their passwords. FAB's role User may trigger runs and
#: answer gates.
PEOPLE = {
    "dr-lead": "DR_LEAD_PASSWORD",
    "dr-approver-1": "DR_APPROVER_1_PASSWORD",
    "dr-approver-2": "DR_APPROVER_2_PASSWORD",
}
ROLE = "User"


def main(arguments: Sequence[str] | None = None) -> None:
    """Make all of it."""
    parser = argparse.ArgumentParser(description="Make what the sample plans need besides AWS.")
    parser.add_argument("--aws", required=True, help="address of the simulated AWS")
    url = parser.parse_args(arguments).aws
    make_people()
    make_connection(url)
    make_bucket(url)
    make_table(url)


def make_people() -> None:
    """Make the people as users of FAB.

    :raises SystemExit: if one of them has no password
    """
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    missing = [variable for variable in PEOPLE.values() if not os.environ.get(variable)]
    if missing:
        raise SystemExit(f"{', '.join(missing)} not set: python3 docker/make_env.py --rehearsal > .env")
    with get_application_builder() as builder:
        role = builder.sm.find_role(ROLE)
        for login, variable in PEOPLE.items():
            if builder.sm.find_user(login):
                continue
            added = builder.sm.add_user(
                login, "Sample", login, f"{login}@localhost", role, os.environ[variable]
            )
            if not added:
                raise SystemExit(f"the user {login} could not be made")
            print(f"user {login}, role {ROLE}")


def make_connection(url: str) -> None:
    """Make the connection to the simulated AWS, as its first account's administrator."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    # STS is named apart: for assuming roles the Amazon provider ignores the connection's general endpoint.
    extra = {
        "region_name": REGION,
        "endpoint_url": url,
        "service_config": {"sts": {"endpoint_url": url}},
    }
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id == CONNECTION).delete()
        session.add(
            Connection(
                conn_id=CONNECTION,
                conn_type="aws",
                login=f"AKIA{ACCOUNT}DRSS",
                password="simulated",
                extra=json.dumps(extra),
            )
        )
    print(f"connection {CONNECTION} to {url}")


def make_bucket(url: str) -> None:
    """Make the bucket of `[drs] reports_path`; nothing if reports are written elsewhere."""
    place = urlsplit(os.environ.get("AIRFLOW__DRS__REPORTS_PATH", ""))
    if place.scheme == "s3" and place.hostname:
        s3 = _client("s3", url)
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(
                Bucket=place.hostname,
                CreateBucketConfiguration={"LocationConstraint": REGION},
                ObjectLockEnabledForBucket=True,
            )
        kept = {"Mode": "GOVERNANCE", "Days": 1}
        s3.put_object_lock_configuration(
            Bucket=place.hostname,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": kept}},
        )
        print(f"bucket {place.hostname}")


def make_table(url: str) -> None:
    """Make the history table."""
    from drs_provider.history.table import ensure_table

    table = os.environ["AIRFLOW__DRS__HISTORY_TABLE"]
    ensure_table(_client("dynamodb", url), table)
    print(f"table {table}")


def _client(service: str, url: str) -> Any:
    factory: Any = boto3.client
    return factory(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=f"AKIA{ACCOUNT}DRSS",
        aws_secret_access_key="simulated",
    )


if __name__ == "__main__":
    main()
