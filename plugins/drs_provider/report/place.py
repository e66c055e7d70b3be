"""The place that reports go to: whether it can be used, and whether what is in it stays as it is."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath

from drs_provider.core.texts import cause


@dataclass(frozen=True)
class PlaceState:
    """What is known of the place.

    :param problem: why it cannot be used, or not be asked; empty if it can
    :param retention: the default retention of the bucket's Object Lock, as S3 tells it; None without one
    """

    is_bucket: bool
    problem: str = ""
    retention: dict[str, Any] | None = None


def look_at_place(reports_path: str) -> PlaceState:
    """Return what is known of a folder URL of Airflow's object storage.

    A file is written, and deleted, only where it is a folder: in a locked bucket it would stay. A bucket is asked for
    its lock, with the connection that reports are written with.
    """
    is_bucket = reports_path.startswith("s3")
    try:
        path = ObjectStoragePath(reports_path)
        if is_bucket:
            answer = path.fs.call_s3("get_object_lock_configuration", Bucket=path.bucket)
            rule = answer.get("ObjectLockConfiguration", {}).get("Rule", {})
            return PlaceState(True, retention=rule.get("DefaultRetention"))
        if path.protocol in {"", "file", "local"}:
            folder = Path(path.path)
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"doctor")
    except Exception as error:  # what a storage's credentials end in is anybody's guess
        if "ObjectLockConfigurationNotFoundError" in str(
            error
        ) or "Object Lock configuration does not exist" in str(error):
            return PlaceState(True)
        return PlaceState(is_bucket, problem=cause(f"{type(error).__name__}: {error}"))
    return PlaceState(is_bucket)
