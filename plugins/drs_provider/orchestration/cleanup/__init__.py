"""The cleanup of a drill: its steps, each target, and what is left."""
