"""Measurements of what users wait for; figures, limits and ratios, no tests."""
