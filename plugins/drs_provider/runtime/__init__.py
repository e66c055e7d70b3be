"""A task's view of its execution, and what every task needs of it."""
