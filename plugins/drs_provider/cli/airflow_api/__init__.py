"""Airflow's REST API as one user, and the executions that it knows."""
