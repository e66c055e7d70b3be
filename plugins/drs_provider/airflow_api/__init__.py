"""Adapters over the APIs of Airflow that are semi-private, or seen by a worker only in part; one module each."""
