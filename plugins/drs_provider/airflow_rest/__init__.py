"""Airflow's public REST API, asked as one user: by the command line, and by the page in the API server itself."""
