"""Who asks Airflow, and where: how the command line logs in."""
