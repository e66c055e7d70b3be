"""A simulator of AWS Elastic Disaster Recovery, served beside moto's EC2, STS, IAM, DynamoDB and more.

``python -m drs_simulator`` starts it over HTTP; ``drs_simulator.running`` runs it in a program of yours,
``drs_simulator.testing`` holds the pytest fixtures.
"""

__version__ = "0.1.0"
