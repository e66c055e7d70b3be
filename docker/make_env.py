"""Print an ``.env`` for docker-compose.yaml with newly generated secrets.

Use: ``python3 docker/make_env.py > .env``. Needs nothing but Python.
"""

from __future__ import annotations

import base64
import secrets

GENERATED = (
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "ADMIN_PASSWORD",
    "DR_LEAD_PASSWORD",
    "DR_APPROVER_1_PASSWORD",
    "DR_APPROVER_2_PASSWORD",
    "API_SECRET_KEY",
    "JWT_SECRET",
    "DRS_SIGNING_KEY",
)


def environment() -> dict[str, str]:
    """Return the variables with new secrets; all of them may stand in a URL as they are."""
    values = {name: secrets.token_urlsafe(36) for name in GENERATED}
    values["FERNET_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    values["DRS_DEPLOYMENT_ID"] = f"compose-{secrets.token_hex(4)}"
    return values


if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in environment().items()))
