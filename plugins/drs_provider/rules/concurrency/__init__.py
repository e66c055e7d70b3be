"""PURE: several executions on the same servers and quotas."""
