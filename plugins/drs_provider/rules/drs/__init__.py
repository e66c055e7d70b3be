"""PURE: what DRS says, as typed values: jobs and their logs, recovery instances, launch settings."""
