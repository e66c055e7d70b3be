"""Whether a run becomes an execution, and what it is frozen as."""
