"""The report of an attempt, built from its record alone."""
