"""What the operators do, apart from Airflow: admission, freezing, reconciling starts, results, cleanup."""
