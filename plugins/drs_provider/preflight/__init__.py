"""What may be wrong before anything starts."""
