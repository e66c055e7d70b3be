"""Building blocks that wait, for any DAG."""
