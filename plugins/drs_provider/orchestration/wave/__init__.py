"""A wave: its preconditions, its start, its result, and how it ended."""
