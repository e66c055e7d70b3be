"""Building blocks that do something, for any DAG; and the sweeper."""
