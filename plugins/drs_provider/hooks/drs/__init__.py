"""DRS and its quotas."""
