"""Code for a process of its own: load the plugins as Airflow does, and tell what that left behind."""

from __future__ import annotations

#: Airflow's core loads plugins in its own processes, the task SDK in every task's
CORE = "from airflow import plugins_manager\nplugins, errors = plugins_manager._get_plugins()"
SDK = "from airflow.sdk import plugins_manager\nplugins, errors = plugins_manager._get_plugins()"

REPORT = """
import sys
from pathlib import Path

def origin(module):
    return str(getattr(module, "__file__", None) or "")

stems = [
    name for name, module in sys.modules.items()
    if "/drs_provider/" in origin(module) and not name.startswith("drs_provider")
]
result = {
    "plugins": [plugin.name for plugin in plugins if plugin.name == "drs"],
    "sources": [str(plugin.source) for plugin in plugins if plugin.name == "drs"],
    "errors": errors,
    "by_stem": sorted(stems),
    "package": [origin(module) for name, module in sys.modules.items() if name == "drs_provider"],
}
"""
