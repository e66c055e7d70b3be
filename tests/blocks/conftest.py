"""The stage on which plans are run."""

from __future__ import annotations

from tests.harness.fixtures import play, pytest_configure

__all__ = ["play", "pytest_configure"]
