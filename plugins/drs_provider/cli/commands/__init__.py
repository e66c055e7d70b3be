"""The commands of ``airflow drs``, one module for each subject; loaded when they run."""
