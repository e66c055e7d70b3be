from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.harness.stage import SAMPLE_PLANS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample plans, to be edited, with a folder beside them for what the DAG processor keeps."""
    plans = tmp_path / "plans"
    shutil.copytree(SAMPLE_PLANS, plans)
    monkeypatch.setenv("AIRFLOW__DRS__STATE_PATH", str(tmp_path / "state"))
    return plans
