"""The recovery page inside Airflow: read by the API server only, and only when somebody opens it."""
