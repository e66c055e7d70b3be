"""What people do to executions, over Airflow's REST API as themselves: the same for the command line and the page."""
