"""Every AWS call of this package, one room or module for each service."""
