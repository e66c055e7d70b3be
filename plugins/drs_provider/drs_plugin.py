"""The Airflow plugin: the only file of this package that Airflow loads from its plugins folder by itself.

Mounted, Airflow executes it under its stem; installed, it comes through the ``airflow.plugins`` entry point. With
both, the mounted file defines nothing, because a plugin that is registered twice is an error. It imports nothing
heavy: every task process loads the plugins.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from airflow.sdk.plugins_manager import AirflowPlugin

DISTRIBUTION = "airflow-provider-drs"


def _is_installed() -> bool:
    try:
        distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "drs_provider.drs_plugin" or not _is_installed():
    from drs_provider.links import DrsJobsLink, DrsReportLink
    from drs_provider.web.entry import EXTERNAL_VIEWS, Page
    from drs_provider.web.place import URL_PREFIX

    class DrsPlugin(AirflowPlugin):
        """Links from tasks to DRS's console and to the report; the recovery page."""

        name = "drs"
        fastapi_apps = [{"app": Page(), "url_prefix": URL_PREFIX, "name": "Recovery"}]  # noqa: RUF012 (Airflow's own form)
        external_views = [dict(view) for view in EXTERNAL_VIEWS]  # noqa: RUF012
        operator_extra_links = [DrsJobsLink(), DrsReportLink()]  # noqa: RUF012 (Airflow's own form)
