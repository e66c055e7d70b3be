"""What tasks tell each other, and whether it is genuine."""
