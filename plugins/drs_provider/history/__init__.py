"""The execution history in DynamoDB."""
