"""Apache Airflow provider for AWS Elastic Disaster Recovery (DRS)."""

__version__ = "0.1.0"
