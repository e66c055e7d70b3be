"""What steps came to, and what follows from it."""
