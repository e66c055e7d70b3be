"""PURE: which jobs are a wave's, what to start, when it is decided, how long it takes."""
