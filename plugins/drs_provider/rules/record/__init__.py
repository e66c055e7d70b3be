"""PURE: the execution record, its merging, and what follows from it."""
