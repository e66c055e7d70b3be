"""Folders of Airflow's object storage, where reports and runbooks are written."""

from __future__ import annotations

from airflow.sdk import BaseHook, ObjectStoragePath
from airflow.sdk.exceptions import AirflowNotFoundException


def folder_of(url: str) -> ObjectStoragePath:
    """Return a folder that is written to (``file://…``, ``s3://connection@bucket/…``, or a path).

    :raises FileNotFoundError: if it names a connection that does not exist: the Amazon provider would write with the
        machine's own credentials, to whatever bucket of that name they reach
    :raises ImportError: if the library of its scheme is not installed
    :raises ValueError: if it is no URL of an object storage
    """
    folder = ObjectStoragePath(url)
    if folder.conn_id:
        try:
            BaseHook.get_connection(folder.conn_id)
        except AirflowNotFoundException as error:
            raise FileNotFoundError(f"{url}: there is no connection {folder.conn_id!r}") from error
    return folder
