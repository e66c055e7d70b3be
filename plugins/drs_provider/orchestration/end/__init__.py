"""The end of an attempt: its record, and what others did to it meanwhile."""
