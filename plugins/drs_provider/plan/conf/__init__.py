"""PURE: the run configuration of an execution, its form, and what it loosens."""
