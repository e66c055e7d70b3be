"""The tasks of an execution, as Airflow runs them in a worker: thin."""
