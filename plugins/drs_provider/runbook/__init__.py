"""A plan as a page and a script for the night without Airflow: docs/runbook.md."""
