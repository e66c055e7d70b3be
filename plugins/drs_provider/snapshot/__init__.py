"""An execution as it stands, read from Airflow's API."""
