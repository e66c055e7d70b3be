"""Who uses the tests' Airflow."""

from __future__ import annotations

#: Users by name, with their roles
ROLES = {
    "vera": "viewer",
    "ursula": "user",
    "otto": "op",
    "nora": "op",
    "dr-approver-1": "op",
    "xavier": "viewer",
}
#: Who has rights on one DAG only, and which one that is
STRANGER = "nora"
HER_DAG = "drs_wiki"
#: Who may look at runs, but not at what their tasks tell
SHORT_SIGHTED = "xavier"
