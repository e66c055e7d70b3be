"""A simulator of AWS Elastic Disaster Recovery, served beside moto's EC2, STS, IAM, DynamoDB and more.

``python -m drs_provider.simulator`` starts it over HTTP; ``drs_provider.simulator.testing`` holds the
pytest fixture and an in-process form for ``mock_aws``. Nothing of the package proper imports it.
"""
