"""``make mwaa``: what Amazon MWAA takes from an S3 bucket, in dist/mwaa (docs/mwaa.md).

``plugins.zip`` has the package as it is mounted elsewhere, ``requirements.txt`` what it needs beside Airflow,
``dags/`` the DAG files, the sample plans and the constraints. The same sources give the same bytes.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
#: Where MWAA puts ``dags/`` (docs.aws.amazon.com/mwaa/latest/userguide/connections-packages.html).
CONSTRAINTS = "/usr/local/airflow/dags/constraints.txt"
_AIRFLOW = re.compile(r"apache-airflow\b(?!-)")
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = ("__pycache__", ".pyc")


def build(folder: Path) -> None:
    """Write the bundle into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    dags = folder / "dags"
    shutil.copytree(REPOSITORY / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    (dags / "constraints.txt").write_text(_constraints(), encoding="utf-8")
    (folder / "requirements.txt").write_text(_requirements(), encoding="utf-8")
    _zip(REPOSITORY / "plugins", folder / "plugins.zip")


def _requirements() -> str:
    """Return what the package needs, its extras too, but Airflow itself, whose version is the environment's."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    needed = [line for line in (*project["dependencies"], *extras) if not _AIRFLOW.match(line)]
    return "\n".join([f'--constraint "{CONSTRAINTS}"', *needed]) + "\n"


def _constraints() -> str:
    """Return the versions that the tests ran with, without the comments of the lock."""
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#")) + "\n"


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not any(part.endswith(_LEFT_OUT) for part in path.parts):
            yield path


def _zip(root: Path, target: Path) -> None:
    """Zip a folder's content, without the folder: MWAA unpacks it into its plugins folder."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(root):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    build(REPOSITORY / "dist" / "mwaa")
    sys.stdout.write("dist/mwaa: plugins.zip, requirements.txt, dags\n")
