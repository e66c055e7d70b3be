"""What the building blocks do: the same starts, looks and terminations as plans' tasks, without a plan."""
