"""What the tasks of steps do."""
