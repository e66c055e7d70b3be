"""PURE: the frozen plan of an execution, and when one may begin."""
