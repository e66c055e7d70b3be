"""The command line ``airflow drs …``; without the wheel, ``python -m drs_provider.cli …``.

Airflow imports :mod:`drs_provider.cli.definition` for each of its commands, so that module imports next to nothing;
what a verb needs is imported when it runs. State changes go through Airflow's REST API as the user who asks.
"""
