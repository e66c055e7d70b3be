"""The checks of preflight, one subject each."""
