"""Where the page stands in Airflow's API server."""

from __future__ import annotations

from typing import Final

URL_PREFIX: Final = "/drs"
#: In a request's scope: Airflow's own app, as whose caller the page asks Airflow
AIRFLOW: Final = "drs.airflow"
